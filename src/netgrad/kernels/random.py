"""JAX's random numbers, the same bits, from a kernel in the place of a program that XLA compiles for every array.

Each array of first weights costs a hash for its key and one for its numbers, 35 ms of compiling each: of a network of
many layers that was as long as the step of training.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import random as extended

from netgrad.kernels.dispatch import active, call

Array = jax.Array


def quickly_compiled(key: Array) -> Array:
    """A key for the same numbers as ``key``, or ``key`` itself where the kernel does not know how they are made.

    >>> key = jax.random.key(3)
    >>> bool((jax.random.normal(quickly_compiled(key), (9,)) == jax.random.normal(key, (9,))).all())
    True
    """
    plain = jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and jax.random.key_impl(key) == "threefry2x32"
    by_place = getattr(jax.config, "jax_threefry_partitionable", True)  # a number depends on its place alone
    if not (plain and by_place and active("threefry")):
        return key
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=_made_here())


@cache
def _made_here() -> Any:
    theirs = extended.threefry_prng_impl

    def split(key: Array, shape: tuple[int, ...]) -> Array:
        return _hashed(key, math.prod(shape)).T.reshape(*shape, 2)

    def random_bits(key: Array, bit_width: int, shape: tuple[int, ...]) -> Array:
        if bit_width != 32 or math.prod(shape) >= 2**32:
            return theirs.random_bits(key, bit_width, shape)
        first, second = _hashed(key, math.prod(shape))
        return (first ^ second).reshape(shape)

    return extended.define_prng_impl(
        key_shape=(2,),
        seed=theirs.seed,
        split=split,
        random_bits=random_bits,
        fold_in=theirs.fold_in,
        name="netgrad_threefry2x32",
        tag="netgrad_fry",
    )


def _hashed(key: Array, count: int) -> Array:
    """The two words of the hashes of 0, 1, ..., count - 1: (2, count)."""

    def reference(key: Array) -> Array:
        low = jnp.arange(count, dtype=jnp.uint32)
        return jnp.stack(extended.threefry2x32_p.bind(key[0], key[1], jnp.zeros_like(low), low))

    return call("threefry", reference, key)
