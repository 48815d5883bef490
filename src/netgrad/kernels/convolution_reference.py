"""Convolution and its two gradients as XLA computes them, in one, two or three dimensions, with groups.

What runs where there is no kernel: on accelerators, in float64, for volumes and groups. XLA is handed only those
geometries that it gets right on a CPU (found by a random search with jaxlib 0.10.2, which
tests/kernels/test_convolution_reference.py repeats):

- No border is negative, in either gradient: XLA would read beyond its arrays. Zeros that lie beyond a window's reach
  are put there beforehand, and rows that no window sees are cut off.
- Where window and stride are both 2, all padding is put there beforehand. The input gradient spreads delta by 2 under
  a window of 2, which without a border XLA takes for a batch written as an axis, and ends the process over it.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from netgrad.kernels.dispatch import vary_alike

Array = jax.Array
Numbers = Sequence[int]
Pairs = Sequence[tuple[int, int]]


def correlate(x: Array, W: Array, strides: Numbers, padding: Pairs, dilation: Numbers, groups: int = 1) -> Array:
    """x (N, sizes..., channels), W (window..., channels / groups, filters) -> (N, out..., filters)."""
    n = len(strides)
    config, inside = [(0, 0, 0)], []
    for size, k, s, (before, after), d in zip(x.shape[1:-1], W.shape[:n], strides, padding, dilation, strict=True):
        reach = 0 if k == s == 2 and d == 1 else (k - 1) * d
        unseen = (size + before + after - (k - 1) * d - 1) % s
        after -= unseen
        own = (min(before, reach), min(max(0, after), reach))
        config.append((before - own[0], after - own[1], 0))
        inside.append(own)
    if any(map(any, config)):
        x = jax.lax.pad(x, jnp.zeros((), x.dtype), [*config, (0, 0, 0)])
    images = (0, n + 1, *range(1, n + 1))
    return jax.lax.conv_general_dilated(
        x,
        W,
        strides,
        inside,
        rhs_dilation=dilation,
        dimension_numbers=jax.lax.ConvDimensionNumbers(images, (n + 1, n, *range(n)), images),
        feature_group_count=groups,
    )


def input_gradient(
    delta: Array, W: Array, sizes: Numbers, strides: Numbers, padding: Pairs, dilation: Numbers, groups: int = 1
) -> Array:
    """delta (N, out..., filters) -> dE/dx (N, sizes..., channels)."""
    shape = (delta.shape[0], *sizes, W.shape[-2] * groups)
    # The gradient does not depend on x, which is why zeros will do.
    delta, W, zero = vary_alike(delta, W, jnp.zeros(shape, delta.dtype))
    return jax.vjp(lambda x: correlate(x, W, strides, padding, dilation, groups), zero)[1](delta)[0]


def weight_gradient(
    x: Array, delta: Array, window: Numbers, strides: Numbers, padding: Pairs, dilation: Numbers, groups: int = 1
) -> tuple[Array, Array]:
    """dE/dW (window..., channels / groups, filters) and dE/db (filters,), summed over examples and windows."""
    shape = (*window, x.shape[-1] // groups, delta.shape[-1])
    x, delta, zero = vary_alike(x, delta, jnp.zeros(shape, delta.dtype))
    dW = jax.vjp(lambda W: correlate(x, W, strides, padding, dilation, groups), zero)[1](delta)[0]
    return dW, delta.sum(tuple(range(delta.ndim - 1)))
