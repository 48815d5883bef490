"""The products of a dense layer, by kernels that take the examples in the order in which they lie.

Vectors (N, d) lie with the examples first, as users' arrays do. Sequences (N, T, d) go through the recurrent layers'
products, examples last, so that nothing is rearranged between a recurrent layer, its readout and the loss.

x (..., d), W (d, k), b (k,) or None, delta (..., k).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.kernels import recurrent_gradients
from netgrad.kernels.dispatch import call

# Below this many examples the kernels' vectors or blocks of rows are not filled.
FEWEST_EXAMPLES = 16
# And below this many multiply-adds a product is so short that calling a kernel is what takes the time. Under `vmap`
# (many small networks at once) XLA then makes one product of all.
FEWEST_OPERATIONS = 50_000


def dense_forward(x: jax.Array, W: jax.Array, b: jax.Array | None) -> jax.Array:
    """z = x W + b, (..., k).

    >>> dense_forward(jnp.ones((1, 3)), jnp.ones((3, 1)), None)
    Array([[3.]], dtype=float32)
    """
    if _are_sequences(x):
        return recurrent_gradients.sequence_dense_forward(x, W, _bias(W, b))
    if _are_vectors(x, W.size):
        return call("dense_forward", lambda x, W, b: x @ W + b, x, W, _bias(W, b))
    z = x @ W
    return z if b is None else z + b


def dense_gradients(x: jax.Array, delta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """dW = x^T delta and db, the sum of delta, over examples and positions: one matrix product."""
    if _are_sequences(x):
        return recurrent_gradients.sequence_dense_gradients(x, delta)
    x, delta = x.reshape(-1, x.shape[-1]), delta.reshape(-1, delta.shape[-1])

    def reference(x, delta):
        return x.T @ delta, delta.sum(0)

    if _are_vectors(x, x.shape[1] * delta.shape[1]):
        return call("dense_gradients", reference, x, delta)
    return reference(x, delta)


def dense_input_gradient(delta: jax.Array, W: jax.Array) -> jax.Array:
    """d_x = delta W^T, (..., d)."""
    if _are_sequences(delta):
        return recurrent_gradients.input_gradient(delta, W)
    if _are_vectors(delta, W.size):
        return call("dense_input_gradient", lambda delta, W: delta @ W.T, delta, W)
    return delta @ W.T


def _bias(W: jax.Array, b: jax.Array | None) -> jax.Array:
    return jnp.zeros(W.shape[1], W.dtype) if b is None else b


def _are_sequences(x: jax.Array) -> bool:
    return x.ndim == 3 and x.shape[0] >= FEWEST_EXAMPLES


def _are_vectors(x: jax.Array, weights: int) -> bool:
    return x.ndim == 2 and x.shape[0] >= FEWEST_EXAMPLES and x.shape[0] * weights >= FEWEST_OPERATIONS
