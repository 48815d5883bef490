"""Gradients of the weights of recurrent cells, and of dense layers that serve every time-step.

Shapes and common rules as in `netgrad.kernels.recurrent`. There are two ways to the same numbers. `weight_gradients`
takes the net gradients `delta` of a backward function. `rnn_gradients` and its kin do both in one pass over the
sequences, in which delta never leaves the cache: for networks of which nobody wants to see delta or needs the gradient
of the inputs, and with few weights (`FEW_WEIGHTS`), as each sum is kept as a whole vector.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.errors import ShapeError
from netgrad.kernels import recurrent_call
from netgrad.kernels import recurrent_twins as twins
from netgrad.kernels.recurrent_call import check, check_activation, initial_state, peephole_weights, spans

Array = jax.Array

FEW_WEIGHTS = 8192  # (d + 1 + u) * k; as vectors of sums half a megabyte with AVX-512, what fits a core's own cache


def few_weights(x: Array, U: Array) -> bool:
    """Whether gradients in one pass pay for a cell with inputs x (N, T, d) and weights U (u, k)."""
    return (x.shape[-1] + 1 + U.shape[0]) * U.shape[1] <= FEW_WEIGHTS


def rnn_gradients(
    d_h: Array,
    U: Array,
    h: Array,
    x: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    activation: str = "tanh",
    reverse: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """`dW (d, u)`, `dU (u, u)`, `db (u,)` and `d_h0 (N, u)` of the simple recurrent network.

    Examples:
        >>> import jax.numpy as jnp
        >>> one, x = jnp.ones((1, 1)), jnp.ones((1, 3, 1))
        >>> h = jnp.array([[[1.0], [2.0], [3.0]]])
        >>> dW, dU, db, d_h0 = rnn_gradients(jnp.ones((1, 3, 1)), one, h, x, activation="identity")
        >>> float(dW[0, 0]), float(dU[0, 0])  # deltas 3, 2, 1 on inputs 1, 1, 1 and on states 0, 1, 2
        (6.0, 4.0)
    """
    check_activation(activation)
    check("h", h, d_h.shape)
    h0, d_h_last = initial_state(h0, d_h, U.shape[0], "h0"), initial_state(d_h_last, d_h, U.shape[0], "d_h_last")
    return recurrent_call.run(
        "rnn_gradients", d_h, U, h, spans(lengths, h), d_h_last, x, h0, activation=activation, reverse=reverse
    )


def forget_gate_gradients(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    x: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """`dW (d, 2u)`, `dU (u, 2u)`, `db (2u,)` and `d_h0 (N, u)` of the forget-gate cell."""
    return _gated_gradients("forget_gate_gradients", d_h, U, h, gates, x, h0, lengths, d_h_last, reverse)


def gru_gradients(
    d_h: Array,
    U: Array,
    h: Array,
    gates: Array,
    x: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    d_h_last: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """`dW (d, 3u)`, `dU (u, 3u)`, `db (3u,)` and `d_h0 (N, u)` of the gated recurrent unit."""
    return _gated_gradients("gru_gradients", d_h, U, h, gates, x, h0, lengths, d_h_last, reverse)


def lstm_gradients(
    d_h: Array,
    U: Array,
    c: Array,
    gates: Array,
    x: Array,
    h: Array,
    h0: Array | None = None,
    c0: Array | None = None,
    lengths: Array | None = None,
    *,
    peepholes: Array | None = None,
    d_h_last: Array | None = None,
    d_c_last: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, Array, Array, Array, Array]:
    """`dW (d, 4u)`, `dU (u, 4u)`, `db (4u,)`, `d_h0` and `d_c0 (N, u)` of the LSTM.

    The gradients of the peepholes need delta: `peephole_gradients`.
    """
    check("c", c, d_h.shape)
    units = U.shape[0]
    h0, c0 = initial_state(h0, d_h, units, "h0"), initial_state(c0, d_h, units, "c0")
    d_h_last, d_c_last = (
        initial_state(d, d_h, units, name) for d, name in ((d_h_last, "d_h_last"), (d_c_last, "d_c_last"))
    )
    peepholes, lengths = peephole_weights(peepholes, U), spans(lengths, c)
    return recurrent_call.run(
        "lstm_gradients", d_h, U, peepholes, c, gates, c0, lengths, d_h_last, d_c_last, x, h, h0, reverse=reverse
    )


def _gated_gradients(name, d_h, U, h, gates, x, h0, lengths, d_h_last, reverse):
    check("h", h, d_h.shape)
    h0, d_h_last = initial_state(h0, d_h, U.shape[0], "h0"), initial_state(d_h_last, d_h, U.shape[0], "d_h_last")
    return recurrent_call.run(name, d_h, U, h, gates, h0, spans(lengths, h), d_h_last, x, reverse=reverse)


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
    h0, lengths = initial_state(h0, h, h.shape[2], "h0"), spans(lengths, h)
    return recurrent_call.run("weight_gradients", x, h, delta, h0, lengths, reverse=reverse)


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
    h0, lengths = initial_state(h0, h, h.shape[2], "h0"), spans(lengths, h)
    return recurrent_call.run("gru_weight_gradients", x, h, gates, delta, h0, lengths, reverse=reverse)


def peephole_gradients(
    c: Array, delta: Array, c0: Array | None = None, lengths: Array | None = None, *, reverse: bool = False
) -> Array:
    """`(3, u)`: the gradients of the LSTM's input, forget and output peepholes."""
    units = c.shape[2]
    c0, lengths = initial_state(c0, c, units, "c0"), spans(lengths, c)
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
    return recurrent_call.run("input_gradient", delta, W)


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
    check("W", W, (x.shape[2], *W.shape[1:]))
    check("b", b, W.shape[1:])
    return recurrent_call.run("sequence_dense_forward", x, W, b)


def sequence_dense_gradients(x: Array, delta: Array) -> tuple[Array, Array]:
    """`dW (d, k)` and `db (k,)` of `sequence_dense_forward`: sums over examples and time-steps."""
    check("delta", delta, (*x.shape[:2], delta.shape[-1]))
    return recurrent_call.run("sequence_dense_gradients", x, delta)
