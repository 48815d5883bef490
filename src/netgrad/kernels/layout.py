"""Where the examples lie in memory."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.kernels.dispatch import call


def examples_last(x: jax.Array) -> jax.Array:
    """``x`` as it is, shape (N, ...), but in memory with the examples along the last axis, as convolutions want it.

    For arrays that lie row-major, as a user's do. XLA turns them, too, on one thread.

    >>> print(examples_last(jax.numpy.arange(6.0).reshape(2, 3)))
    [[0. 1. 2.]
     [3. 4. 5.]]
    """
    if x.ndim < 2 or x.shape[0] == 1 or x.dtype != jnp.float32:
        return x
    if x.ndim == 3:  # a signal, as the image that convolutions make of it: XLA drops the two changes of shape
        return examples_last(x.reshape(x.shape[0], 1, *x.shape[1:])).reshape(x.shape)
    return call("examples_last", lambda x: x, x, output_layouts=((*range(1, x.ndim), 0),))
