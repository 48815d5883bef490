"""Recurrent cells over whole sequences, forward and backward.

Shapes, all examples first: `x (N, T, d)`, states `(N, T, u)`, initial states `(N, u)`, `lengths (N,)` int32,
weights `W (d, k)`, `U (u, k)`, `b (k,)`, where k is u times the number of gates; `delta (N, T, k)` is dE/dz.
The gates stand side by side in the k columns: forget-gate cell `[forget, candidate]`, LSTM
`[input, forget, output, candidate]`, GRU `[reset, update, candidate]`.

Common rules:

- `h0`, `c0` default to zeros, `lengths` to T for every sequence.
- A sequence that has ended keeps its state; in the padding, outputs and gradients are 0 and the contents of
  the inputs (NaN included) do not matter. NaN and infinity in the valid part pass through.
- `reverse=True` walks each sequence's valid part from its last step to its first; every output stays at
  its own time index.
- `mask (N, u)`, if given to both forward and backward, multiplies the state on its way to the next step's
  products (recurrent dropout); such calls run as plain JAX.
- `d_h (N, T, u)` is the gradient that arrives at each state from outside; `d_h_last (N, u)` (default 0) the
  one that arrives at the state after the last processed step, which is `h0` for a sequence of length 0.

A layer's backward rule is then

    delta, d_h0 = rnn_backward(d_h, U, h, h0, lengths)
    dW, dU, db = weight_gradients(x, h, delta, h0, lengths)
    d_x = input_gradient(delta, W)

(`netgrad.kernels.recurrent_gradients`), and the compiler drops what is not used. The equations themselves:
`netgrad.kernels.recurrent_twins`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.kernels import recurrent_call
from netgrad.kernels.recurrent_call import (
    check,
    check_activation,
    check_weights,
    initial_state,
    peephole_weights,
    spans,
)

Array = jax.Array


def rnn_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    activation: str = "tanh",
    reverse: bool = False,
    mask: Array | None = None,
) -> Array:
    """States h (N, T, u) of the simple recurrent network, `h_t = f(x_t W + h_(t-1) U + b)` (Z&M 26.1).

    `activation`: one of tanh, relu, logistic, identity.

    Examples:
        >>> import jax.numpy as jnp
        >>> x, one = jnp.ones((1, 3, 1)), jnp.ones((1, 1))
        >>> rnn_forward(x, one, one, jnp.zeros(1), activation="identity")[0, :, 0]
        Array([1., 2., 3.], dtype=float32)
        >>> short = {"lengths": jnp.array([2]), "reverse": True}
        >>> rnn_forward(x, one, one, jnp.zeros(1), activation="identity", **short)[0, :, 0]
        Array([2., 1., 0.], dtype=float32)
    """
    check_activation(activation)
    check_weights(x, W, U, b, 1)
    h0 = initial_state(h0, x, U.shape[0], "h0")
    return recurrent_call.run(
        "rnn_forward", x, W, U, b, h0, spans(lengths, x), activation=activation, reverse=reverse, mask=mask
    )


def rnn_backward(
    d_h: Array,
    U: Array,
    h: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    activation: str = "tanh",
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """`delta (N, T, u)` and `d_h0 (N, u)`: `delta_t = f'(z_t) * (d_h_t + delta_(t+1) U^T)` (Z&M 26.1.2).

    `activation` and `reverse` as in the forward call. `h0` is accepted for symmetry; f' needs only h.
    """
    check_activation(activation)
    check("h", h, d_h.shape)
    initial_state(h0, d_h, U.shape[0], "h0")
    d_h_last = initial_state(d_h_last, d_h, U.shape[0], "d_h_last")
    return recurrent_call.run(
        "rnn_backward", d_h, U, h, spans(lengths, h), d_h_last, activation=activation, reverse=reverse, mask=mask
    )


def forget_gate_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """States h (N, T, u) and gates (N, T, 2u) of the cell with a forget gate only (Z&M 26.2.1).

    `h_t = forget_t * h_(t-1) + (1 - forget_t) * candidate_t`, where forget is a logistic and candidate
    a tanh of `x_t W + h_(t-1) U + b`; columns `[forget, candidate]`.
    """
    check_weights(x, W, U, b, 2)
    h0 = initial_state(h0, x, U.shape[0], "h0")
    return recurrent_call.run("forget_gate_forward", x, W, U, b, h0, spans(lengths, x), reverse=reverse, mask=mask)


def forget_gate_backward(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """`delta (N, T, 2u)` and `d_h0 (N, u)` of the forget-gate cell (Z&M 26.2.1); gates from the forward."""
    check("h", h, d_h.shape)
    h0 = initial_state(h0, d_h, U.shape[0], "h0")
    d_h_last = initial_state(d_h_last, d_h, U.shape[0], "d_h_last")
    lengths = spans(lengths, h)
    return recurrent_call.run(
        "forget_gate_backward", d_h, U, h, gates, h0, lengths, d_h_last, reverse=reverse, mask=mask
    )


def lstm_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    h0: Array | None = None,
    c0: Array | None = None,
    lengths: Array | None = None,
    *,
    peepholes: Array | None = None,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array, Array]:
    """States h (N, T, u), memories c (N, T, u) and gates (N, T, 4u) of the LSTM (Z&M 26.2.2).

    `c_t = forget * c_(t-1) + input * candidate`, `h_t = output * tanh(c_t)`; columns
    `[input, forget, output, candidate]`, the gates logistic, the candidate tanh.
    `peepholes (3, u)`, if given, add `p[0] c_(t-1)`, `p[1] c_(t-1)` and `p[2] c_t` to the net inputs of
    the input, forget and output gate.
    """
    check_weights(x, W, U, b, 4)
    units = U.shape[0]
    h0, c0 = initial_state(h0, x, units, "h0"), initial_state(c0, x, units, "c0")
    peepholes = peephole_weights(peepholes, U)
    return recurrent_call.run(
        "lstm_forward", x, W, U, b, peepholes, h0, c0, spans(lengths, x), reverse=reverse, mask=mask
    )


def lstm_backward(
    d_h: Array,
    U: Array,
    c: Array,
    gates: Array,
    c0: Array | None = None,
    lengths: Array | None = None,
    *,
    peepholes: Array | None = None,
    d_h_last: Array | None = None,
    d_c_last: Array | None = None,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array, Array]:
    """`delta (N, T, 4u)`, `d_h0 (N, u)` and `d_c0 (N, u)` of the LSTM; c and gates from the forward.

    `d_c_last (N, u)` is the gradient at the memory after the last processed step (default 0).
    """
    check("c", c, d_h.shape)
    units = U.shape[0]
    c0 = initial_state(c0, d_h, units, "c0")
    d_h_last = initial_state(d_h_last, d_h, units, "d_h_last")
    d_c_last = initial_state(d_c_last, d_h, units, "d_c_last")
    peepholes, lengths = peephole_weights(peepholes, U), spans(lengths, c)
    return recurrent_call.run(
        "lstm_backward", d_h, U, peepholes, c, gates, c0, lengths, d_h_last, d_c_last, reverse=reverse, mask=mask
    )


def gru_forward(
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """States h (N, T, u) and gates (N, T, 3u) of the gated recurrent unit (Pattipati, recurrent networks).

    `h_t = (1 - update) * h_(t-1) + update * candidate`; the candidate is
    `tanh(x_t W_c + (reset * h_(t-1)) U_c + b_c)`; columns `[reset, update, candidate]`.
    """
    check_weights(x, W, U, b, 3)
    h0 = initial_state(h0, x, U.shape[0], "h0")
    return recurrent_call.run("gru_forward", x, W, U, b, h0, spans(lengths, x), reverse=reverse, mask=mask)


def gru_backward(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """`delta (N, T, 3u)` and `d_h0 (N, u)` of the gated recurrent unit; h and gates from the forward."""
    check("h", h, d_h.shape)
    h0 = initial_state(h0, d_h, U.shape[0], "h0")
    d_h_last = initial_state(d_h_last, d_h, U.shape[0], "d_h_last")
    return recurrent_call.run(
        "gru_backward", d_h, U, h, gates, h0, spans(lengths, h), d_h_last, reverse=reverse, mask=mask
    )


def last_state(
    states: Array, initial: Array | None = None, lengths: Array | None = None, *, reverse: bool = False
) -> Array:
    """The state (N, u) after the last processed step; the initial one where the length is 0.

    Its gradient is the `d_h_last` (`d_c_last`) of the backward functions.

    Examples:
        >>> import jax.numpy as jnp
        >>> h = jnp.array([[[1.0], [2.0], [0.0]]])
        >>> last_state(h, lengths=jnp.array([2]))
        Array([[2.]], dtype=float32)
    """
    initial, lengths = initial_state(initial, states, states.shape[2], "initial"), spans(lengths, states)
    if states.shape[1] == 0:
        return initial
    at = jnp.zeros_like(lengths) if reverse else jnp.maximum(lengths - 1, 0)
    last = jnp.take_along_axis(states, at[:, None, None], axis=1)[:, 0]
    return jnp.where((lengths > 0)[:, None], last, initial)
