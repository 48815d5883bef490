"""The products of a dense layer, by kernels that take the examples in the order in which they lie.

Vectors (N, d) lie with the examples first, as users' arrays do. Sequences (N, T, d) go through the recurrent layers'
products, examples last, so that nothing is rearranged between a recurrent layer, its readout and the loss; where a
layer has many inputs and many units, as in a Transformer, every step is a vector of its own.

x (..., d), W (d, k), b (k,) or None, delta (..., k).
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from netgrad.kernels import recurrent_gradients
from netgrad.kernels.dispatch import call

# Below this many examples the kernels' vectors or blocks of rows are not filled.
FEWEST_EXAMPLES = 16
# And below this many multiply-adds a product is so short that calling a kernel is what takes the time. Under `vmap`
# (many small networks at once) XLA then makes one product of all.
FEWEST_OPERATIONS = 50_000
# From so many inputs and units on, the products of a layer over sequences take longer than any rearranging beside it.
WIDE = 64


def dense_forward(x: jax.Array, W: jax.Array, b: jax.Array | None) -> jax.Array:
    """z = x W + b, (..., k).

    >>> dense_forward(jnp.ones((1, 3)), jnp.ones((3, 1)), None)
    Array([[3.]], dtype=float32)
    """
    if _are_sequences(x, W.shape):
        return recurrent_gradients.sequence_dense_forward(x, W, _bias(W, b))
    if _are_vectors(x, W.shape):
        z = call("dense_forward", lambda x, W, b: x @ W + b, _vectors(x), W, _bias(W, b))
        return z.reshape(*x.shape[:-1], -1)
    z = x @ W
    return z if b is None else z + b


def dense_gradients(x: jax.Array, delta: jax.Array) -> tuple[jax.Array, jax.Array]:
    """dW = x^T delta and db, the sum of delta, over examples and positions: one matrix product."""
    weights = (x.shape[-1], delta.shape[-1])
    if _are_sequences(x, weights):
        return recurrent_gradients.sequence_dense_gradients(x, delta)

    def reference(x, delta):
        return x.T @ delta, delta.sum(0)

    if _are_vectors(x, weights):
        return call("dense_gradients", reference, _vectors(x), _vectors(delta))
    return reference(_vectors(x), _vectors(delta))


def dense_input_gradient(delta: jax.Array, W: jax.Array) -> jax.Array:
    """d_x = delta W^T, (..., d)."""
    if _are_sequences(delta, W.shape):
        return recurrent_gradients.input_gradient(delta, W)
    if _are_vectors(delta, W.shape):
        d_x = call("dense_input_gradient", lambda delta, W: delta @ W.T, _vectors(delta), W)
        return d_x.reshape(*delta.shape[:-1], -1)
    return delta @ W.T


def _bias(W: jax.Array, b: jax.Array | None) -> jax.Array:
    return jnp.zeros(W.shape[1], W.dtype) if b is None else b


def _vectors(x: jax.Array) -> jax.Array:
    """(..., d) -> (N, d)."""
    return x.reshape(-1, x.shape[-1])


def _are_sequences(x: jax.Array, weights: tuple[int, ...]) -> bool:
    return x.ndim == 3 and x.shape[0] >= FEWEST_EXAMPLES and min(weights) < WIDE


def _are_vectors(x: jax.Array, weights: tuple[int, ...]) -> bool:
    n = math.prod(x.shape[:-1])
    steps = x.ndim == 3 and min(weights) >= WIDE
    return (x.ndim == 2 or steps) and n >= FEWEST_EXAMPLES and n * math.prod(weights) >= FEWEST_OPERATIONS
