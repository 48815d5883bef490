"""Gradients of the weights of recurrent cells, and dense layers that serve every time-step.

Shapes and common rules as in `netgrad.kernels.recurrent`. There are two ways to the same numbers. `weight_gradients`
takes the net gradients `delta` of the backward function; `netgrad.kernels.recurrent.gradients` does both in one pass
over the sequences, which pays while there are few weights.
"""

from __future__ import annotations

import jax

from netgrad.errors import ShapeError
from netgrad.kernels import recurrent_call
from netgrad.kernels import recurrent_reference as reference
from netgrad.kernels.recurrent_call import check, full_lengths, initial_state

Array = jax.Array

FEW_WEIGHTS = 8192  # (d + 1 + u) * k; as vectors of sums half a megabyte with AVX-512, what fits a core's own cache


def few_weights(x: Array, U: Array) -> bool:
    """Whether gradients in one pass pay for a cell with inputs x (N, T, d) and weights U (u, k)."""
    return (x.shape[-1] + 1 + U.shape[0]) * U.shape[1] <= FEW_WEIGHTS


def weight_gradients(
    x: Array,
    h: Array,
    delta: Array,
    h0: Array | None = None,
    lengths: Array | None = None,
    *,
    gates: Array | None = None,
    reverse: bool = False,
) -> tuple[Array, Array, Array]:
    """`dW (d, k)`, `dU (u, k)`, `db (k,)` of a recurrent cell.

    `dW = sum x_t^T delta_t`, `dU = sum h_(t-1)^T delta_t`, `db = sum delta_t`, over examples and time-steps
    (Z&M 26.1.2): with all net gradients in hand, one product instead of one per step.

    gates: for a cell that resets (the GRU), in whose last gate U met the first gate times `h_(t-1)`.
    """
    h0, lengths = initial_state(h0, h, h.shape[2], "h0"), full_lengths(lengths, h)
    gates = h[..., :0] if gates is None else gates
    arrays = (x, h, gates, delta, h0, lengths)
    return recurrent_call.run("recurrent_weight_gradients", reference.weight_gradients, *arrays, reverse=reverse)


def input_gradient(delta: Array, W: Array) -> Array:
    """`d_x (N, T, d) = delta W^T`, the gradient that goes down to the layer below."""
    return recurrent_call.run("input_gradient", reference.input_gradient, delta, W)


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
    return recurrent_call.run("sequence_dense_forward", reference.sequence_dense_forward, x, W, b)


def sequence_dense_gradients(x: Array, delta: Array) -> tuple[Array, Array]:
    """`dW (d, k)` and `db (k,)` of `sequence_dense_forward`: sums over examples and time-steps."""
    check("delta", delta, (*x.shape[:2], delta.shape[-1]))
    return recurrent_call.run("sequence_dense_gradients", reference.sequence_dense_gradients, x, delta)
