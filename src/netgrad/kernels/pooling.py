"""Max-pooling of images, forward and backward (Z&M sec. 26.4.2).

Images are ``(N, height, width, channels)``; a signal ``(N, T, channels)`` goes through as an image of height 1.
The windows may overlap, and may leave out rows and columns at the end. Padding never wins a maximum.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import ShapeError
from netgrad.kernels.convolution import Padding, Pair, conv_shape
from netgrad.kernels.dispatch import call, vary_alike

Array = jax.Array

_EXAMPLES_LAST = (1, 2, 3, 0)
# From so many on XLA's vectors hold channels, and pooling without the kernel is about as fast between two kernels, and
# up to four times as fast where the examples lie first and would have to be turned; below, the kernel is 2 to 3 times
# as fast, wherever they lie. Where windows overlap XLA adds up an array for each of their positions: the kernel is 20
# times as fast (3 x 3, stride 1, 28 x 28 x 192, 16 examples: 22 ms forward and back instead of 440).
MANY_CHANNELS = 16
_NONE: Padding = ((0, 0), (0, 0))


@functools.partial(jax.jit, static_argnames=("window", "strides", "padding"))
def max_pool_forward(x: Array, window: Pair, strides: Pair, padding: Padding = _NONE) -> tuple[Array, Array]:
    """The maximum of each window, and where it was.

    Parameters
    ----------
    x: (N, height, width, channels).
    window, strides: (rows, columns).
    padding: ((above, below), (left, right)).

    Returns a, (N, height', width', channels), and index, uint8 (int32 for windows of more than 256 positions) of
    the same shape: the position within the window in row-major order, the first one among equals. NaN is larger
    than every number.

    >>> a, index = max_pool_forward(jnp.array([[1.0, 3, 2, 5]])[..., None, None], (2, 1), (2, 1))
    >>> print(a[0, :, 0, 0], index[0, :, 0, 0])
    [3. 5.] [1 1]
    """
    _check(x.shape, window, strides, padding)
    small = window[0] * window[1] <= 256

    def reference(x):
        return _max_reference(x, window, strides, padding, jnp.uint8 if small else jnp.int32)

    if not small or _left_to_xla(x.shape[3], window, strides):
        return reference(x)
    return call(
        "max_pool_forward",
        reference,
        x,
        input_layouts=(_EXAMPLES_LAST,),
        output_layouts=(_EXAMPLES_LAST, _EXAMPLES_LAST),
        **_attributes(window, strides, padding),
    )


@functools.partial(jax.jit, static_argnames=("size", "window", "strides", "padding"))
def max_pool_backward(
    delta: Array, index: Array, size: Pair, window: Pair, strides: Pair, padding: Padding = _NONE
) -> Array:
    """dE/dx of `max_pool_forward`: each window's gradient goes to the pixel that was its maximum.

    `delta` is dE/da, (N, height', width', channels), `index` what the forward pass returned, `size` the height
    and width of x.

    >>> delta, index = jnp.ones((1, 2, 1, 1)), jnp.ones((1, 2, 1, 1), jnp.uint8)
    >>> print(max_pool_backward(delta, index, (4, 1), (2, 1), (2, 1))[0, :, 0, 0])
    [0. 1. 0. 1.]
    """
    shape = (delta.shape[0], *size, delta.shape[3])
    _check(shape, window, strides, padding, delta)

    def reference(delta, index):
        share = [jnp.where(index == p, delta, 0) for p in range(window[0] * window[1])]
        return _spread(share, shape, window, strides, padding)

    if window[0] * window[1] > 256 or _left_to_xla(shape[3], window, strides):
        return reference(delta, index)
    return call(
        "max_pool_backward",
        reference,
        delta,
        index.astype(jnp.uint8),
        input_layouts=(_EXAMPLES_LAST, _EXAMPLES_LAST),
        output_layouts=(_EXAMPLES_LAST,),
        **_attributes(window, strides, padding),
    )


def _left_to_xla(channels: int, window: Pair, strides: Pair) -> bool:
    """Whether pooling is as fast without the kernel."""
    return channels >= MANY_CHANNELS and all(w <= s for w, s in zip(window, strides, strict=True))


def _max_reference(x, window, strides, padding, index_dtype):
    values = _windows(x, window, strides, padding, -jnp.inf)
    inside = _windows(jnp.ones_like(x[:1, :, :, :1]), window, strides, padding, 0.0)
    best, index, started = values[0], jnp.zeros(values[0].shape, index_dtype), inside[0] > 0
    for p in range(1, len(values)):
        v, present = values[p], inside[p] > 0
        better = present & (~started | (v > best) | (jnp.isnan(v) & ~jnp.isnan(best)))
        best = jnp.where(better, v, best)
        index = jnp.where(better, jnp.asarray(p, index_dtype), index)
        started |= present
    return best, index


def _windows(x, window, strides, padding, fill):
    """For each position of the window, what it holds in every window: (N, height', width', channels) each."""
    out = conv_shape(x.shape[1:3], window, strides=strides, padding=padding)
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)), constant_values=fill)
    return [
        x[
            :,
            r : r + (out[0] - 1) * strides[0] + 1 : strides[0],
            s : s + (out[1] - 1) * strides[1] + 1 : strides[1],
        ]
        for r in range(window[0])
        for s in range(window[1])
    ]


def _spread(share, shape, window, strides, padding):
    """The reverse of `_windows`: what each position of each window gives to its pixel, summed."""
    zero = jnp.zeros(shape, share[0].dtype)
    zero, *share = vary_alike(zero, *share)
    return jax.vjp(lambda x: _windows(x, window, strides, padding, 0.0), zero)[1](share)[0]


def _attributes(window: Pair, strides: Pair, padding: Padding) -> dict[str, np.ndarray]:
    pairs = {"window": window, "strides": strides, "padding": [*padding[0], *padding[1]]}
    return {name: np.array(value, np.int64) for name, value in pairs.items()}


def _check(x, window: Pair, strides: Pair, padding: Padding, delta=None) -> None:
    if len(x) != 4:
        raise ShapeError(f"images {tuple(x)}: expected (N, height, width, channels)")
    out = conv_shape(x[1:3], window, strides=strides, padding=padding)
    if delta is not None and tuple(delta.shape) != (x[0], *out, x[3]):
        raise ShapeError(f"delta {tuple(delta.shape)}: expected {(x[0], *out, x[3])}, the shape of the pooled result")
