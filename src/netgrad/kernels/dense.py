"""The products of a dense layer: on sequences by kernels that keep the recurrent layers' order in memory.

x (..., d), W (d, k), b (k,) or None, delta (..., k).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.kernels import recurrent

# A kernel's vectors are filled with examples. From here on it is up to four times as fast behind a recurrent layer as
# XLA's product, which must rearrange its input, and some 20% slower behind layers that leave the examples first.
FEWEST_EXAMPLES = 16


def dense_forward(x: jax.Array, W: jax.Array, b: jax.Array | None) -> jax.Array:
    """z = x W + b, (..., k).

    >>> dense_forward(jnp.ones((1, 3)), jnp.ones((3, 1)), None)
    Array([[3.]], dtype=float32)
    """
    if _are_sequences(x):
        return recurrent.sequence_dense_forward(x, W, jnp.zeros(W.shape[1], W.dtype) if b is None else b)
    z = x @ W
    return z if b is None else z + b


def dense_gradients(x: jax.Array, delta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """dW = x^T delta and db, the sum of delta, over examples and positions: one matrix product."""
    if _are_sequences(x):
        return recurrent.sequence_dense_gradients(x, delta)
    delta = delta.reshape(-1, delta.shape[-1])
    return x.reshape(-1, x.shape[-1]).T @ delta, delta.sum(0)


def dense_input_gradient(delta: jax.Array, W: jax.Array) -> jax.Array:
    """d_x = delta W^T, (..., d)."""
    return recurrent.input_gradient(delta, W) if _are_sequences(delta) else delta @ W.T


def _are_sequences(x: jax.Array) -> bool:
    return x.ndim == 3 and x.shape[0] >= FEWEST_EXAMPLES
