"""Recurrent cells over whole sequences: forward, backward, and the gradients of their weights.

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

and the compiler drops what is not used. The equations themselves: `netgrad.kernels.recurrent_twins`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import ShapeError, unknown_name
from netgrad.kernels import recurrent_twins as twins
from netgrad.kernels.dispatch import call, vary_alike

Array = jax.Array

# How arguments and results lie in memory for the C++ code: examples last.
_SEQUENCE, _STATE, _ROWS = (1, 2, 0), (1, 0), None
_LAYOUTS: dict[str, tuple[list, list]] = {
    "rnn_forward": ([_SEQUENCE, *[_ROWS] * 3, _STATE, _ROWS], [_SEQUENCE]),
    "rnn_backward": ([_SEQUENCE, _ROWS, _SEQUENCE, _ROWS, _STATE], [_SEQUENCE, _STATE]),
    "forget_gate_forward": ([_SEQUENCE, *[_ROWS] * 3, _STATE, _ROWS], [_SEQUENCE] * 2),
    "forget_gate_backward": (
        [_SEQUENCE, _ROWS, _SEQUENCE, _SEQUENCE, _STATE, _ROWS, _STATE],
        [_SEQUENCE, _STATE],
    ),
    "lstm_forward": ([_SEQUENCE, *[_ROWS] * 4, _STATE, _STATE, _ROWS], [_SEQUENCE] * 3),
    "lstm_backward": (
        [_SEQUENCE, _ROWS, _ROWS, _SEQUENCE, _SEQUENCE, _STATE, _ROWS, _STATE, _STATE],
        [_SEQUENCE, _STATE, _STATE],
    ),
    "weight_gradients": ([*[_SEQUENCE] * 3, _STATE, _ROWS], [_ROWS] * 3),
    "gru_weight_gradients": ([*[_SEQUENCE] * 4, _STATE, _ROWS], [_ROWS] * 3),
    "input_gradient": ([_SEQUENCE, _ROWS], [_SEQUENCE]),
    "sequence_dense_forward": ([_SEQUENCE, _ROWS, _ROWS], [_SEQUENCE]),
    "sequence_dense_gradients": ([_SEQUENCE] * 2, [_ROWS] * 2),
}
_LAYOUTS["gru_forward"] = _LAYOUTS["forget_gate_forward"]
_LAYOUTS["gru_backward"] = _LAYOUTS["forget_gate_backward"]


# A kernel's vectors hold one number of many examples: with one or two, XLA's products are up to four times as fast.
FEWEST_EXAMPLES = 3


def _run(name: str, *arrays: Array, mask: Array | None = None, **attributes: Any) -> Any:
    if mask is not None:
        mask, *same = vary_alike(mask, *arrays)
        return getattr(twins, name)(*same, mask=mask, **attributes)
    twin = functools.partial(getattr(twins, name), **attributes)
    if arrays[0].size == 0 or arrays[0].shape[0] < FEWEST_EXAMPLES:
        return twin(*vary_alike(*arrays))
    inputs, outputs = _LAYOUTS[name]
    return call(name, twin, *arrays, input_layouts=inputs, output_layouts=outputs, **attributes)


def _check(name: str, array: Array, expected: tuple[int, ...]) -> None:
    if array.shape != expected:
        raise ShapeError(f"{name} has shape {array.shape}, expected {expected}")


def _check_weights(x: Array, W: Array, U: Array, b: Array, gates: int) -> None:
    if x.ndim != 3:
        raise ShapeError(f"x has shape {x.shape}, expected (N, T, d): sequences of vectors, examples first")
    units = U.shape[0]
    _check("W", W, (x.shape[2], gates * units))
    _check("U", U, (units, gates * units))
    _check("b", b, (gates * units,))


def _initial(state: Array | None, like: Array, units: int, name: str) -> Array:
    """The given state (N, u), or zeros."""
    if state is None:
        return jnp.zeros((like.shape[0], units), like.dtype)
    _check(name, state, (like.shape[0], units))
    return state


def _lengths(lengths: Array | None, like: Array) -> Array:
    if lengths is None:
        return jnp.full(like.shape[0], like.shape[1], jnp.int32)
    _check("lengths", lengths, (like.shape[0],))
    return lengths.astype(jnp.int32)


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
    _check_activation(activation)
    _check_weights(x, W, U, b, 1)
    h0 = _initial(h0, x, U.shape[0], "h0")
    return _run("rnn_forward", x, W, U, b, h0, _lengths(lengths, x), activation=activation, reverse=reverse, mask=mask)


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
    _check_activation(activation)
    _check("h", h, d_h.shape)
    _initial(h0, d_h, U.shape[0], "h0")
    d_h_last = _initial(d_h_last, d_h, U.shape[0], "d_h_last")
    return _run(
        "rnn_backward", d_h, U, h, _lengths(lengths, h), d_h_last, activation=activation, reverse=reverse, mask=mask
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
    _check_weights(x, W, U, b, 2)
    h0 = _initial(h0, x, U.shape[0], "h0")
    return _run("forget_gate_forward", x, W, U, b, h0, _lengths(lengths, x), reverse=reverse, mask=mask)


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
    _check("h", h, d_h.shape)
    h0 = _initial(h0, d_h, U.shape[0], "h0")
    d_h_last = _initial(d_h_last, d_h, U.shape[0], "d_h_last")
    lengths = _lengths(lengths, h)
    return _run("forget_gate_backward", d_h, U, h, gates, h0, lengths, d_h_last, reverse=reverse, mask=mask)


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
    _check_weights(x, W, U, b, 4)
    units = U.shape[0]
    h0, c0 = _initial(h0, x, units, "h0"), _initial(c0, x, units, "c0")
    peepholes = _peepholes(peepholes, U)
    return _run("lstm_forward", x, W, U, b, peepholes, h0, c0, _lengths(lengths, x), reverse=reverse, mask=mask)


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
    _check("c", c, d_h.shape)
    units = U.shape[0]
    c0 = _initial(c0, d_h, units, "c0")
    d_h_last = _initial(d_h_last, d_h, units, "d_h_last")
    d_c_last = _initial(d_c_last, d_h, units, "d_c_last")
    peepholes, lengths = _peepholes(peepholes, U), _lengths(lengths, c)
    return _run(
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
    _check_weights(x, W, U, b, 3)
    h0 = _initial(h0, x, U.shape[0], "h0")
    return _run("gru_forward", x, W, U, b, h0, _lengths(lengths, x), reverse=reverse, mask=mask)


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
    _check("h", h, d_h.shape)
    h0 = _initial(h0, d_h, U.shape[0], "h0")
    d_h_last = _initial(d_h_last, d_h, U.shape[0], "d_h_last")
    return _run("gru_backward", d_h, U, h, gates, h0, _lengths(lengths, h), d_h_last, reverse=reverse, mask=mask)


def weight_gradients(
    x: Array,
    h: Array,
    delta: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    reverse: bool = False,
) -> tuple[Array, Array, Array]:
    """`dW (d, k)`, `dU (u, k)`, `db (k,)` of the RNN, the forget-gate cell and the LSTM.

    `dW = sum x_t^T delta_t`, `dU = sum h_(t-1)^T delta_t`, `db = sum delta_t`, over examples and time-steps
    (Z&M 26.1.2): with all net gradients in hand, one product instead of one per step.
    """
    h0, lengths = _initial(h0, h, h.shape[2], "h0"), _lengths(lengths, h)
    return _run("weight_gradients", x, h, delta, h0, lengths, reverse=reverse)


def gru_weight_gradients(
    x: Array,
    h: Array,
    gates: Array,
    delta: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    reverse: bool = False,
) -> tuple[Array, Array, Array]:
    """`dW (d, 3u)`, `dU (u, 3u)`, `db (3u,)` of the gated recurrent unit.

    As `weight_gradients`, but the candidate's columns of U met `reset * h_(t-1)`.
    """
    h0, lengths = _initial(h0, h, h.shape[2], "h0"), _lengths(lengths, h)
    return _run("gru_weight_gradients", x, h, gates, delta, h0, lengths, reverse=reverse)


def peephole_gradients(
    c: Array, delta: Array, c0: Array | None = None, lengths: Array | None = None, *, reverse: bool = False
) -> Array:
    """`(3, u)`: the gradients of the LSTM's input, forget and output peepholes."""
    units = c.shape[2]
    c0, lengths = _initial(c0, c, units, "c0"), _lengths(lengths, c)
    valid = twins.valid_steps(c.shape[1], lengths)
    before = jnp.where(valid, twins.previous_states(c, c0, lengths, reverse), 0)
    now = jnp.where(valid, c, 0)
    seen = [
        before * delta[..., :units],
        before * delta[..., units : 2 * units],
        now * delta[..., 2 * units : 3 * units],
    ]
    return jnp.stack([s.sum(axis=(0, 1)) for s in seen])


def input_gradient(delta: Array, W: Array) -> Array:
    """`d_x (N, T, d) = delta W^T`, the gradient that goes down to the layer below."""
    return _run("input_gradient", delta, W)


def sequence_dense_forward(x: Array, W: Array, b: Array) -> Array:
    """`z (N, T, k) = x_t W + b` at every time-step: the net input of a recurrent network's readout.

    It keeps the memory order of the recurrent kernels, so that nothing is rearranged in between. Its way back
    is `sequence_dense_gradients` and `input_gradient`.

    Examples:
        >>> import jax.numpy as jnp
        >>> sequence_dense_forward(jnp.ones((1, 2, 3)), jnp.ones((3, 1)), jnp.zeros(1))[0, :, 0]
        Array([3., 3.], dtype=float32)
    """
    if x.ndim != 3:
        raise ShapeError(f"x has shape {x.shape}, expected (N, T, d): sequences of vectors, examples first")
    _check("W", W, (x.shape[2], *W.shape[1:]))
    _check("b", b, W.shape[1:])
    return _run("sequence_dense_forward", x, W, b)


def sequence_dense_gradients(x: Array, delta: Array) -> tuple[Array, Array]:
    """`dW (d, k)` and `db (k,)` of `sequence_dense_forward`: sums over examples and time-steps."""
    _check("delta", delta, (*x.shape[:2], delta.shape[-1]))
    return _run("sequence_dense_gradients", x, delta)


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
    initial, lengths = _initial(initial, states, states.shape[2], "initial"), _lengths(lengths, states)
    if states.shape[1] == 0:
        return initial
    at = jnp.zeros_like(lengths) if reverse else jnp.maximum(lengths - 1, 0)
    last = jnp.take_along_axis(states, at[:, None, None], axis=1)[:, 0]
    return jnp.where((lengths > 0)[:, None], last, initial)


def _peepholes(peepholes: Array | None, U: Array) -> Array:
    if peepholes is None:
        return jnp.zeros((3, U.shape[0]), U.dtype)
    _check("peepholes", peepholes, (3, U.shape[0]))
    return peepholes


def _check_activation(activation: str) -> None:
    if activation not in twins.ACTIVATIONS:
        raise unknown_name("activation", activation, twins.ACTIVATIONS)
