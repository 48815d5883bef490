"""Convolution, activation and max-pooling as one operation, with its two gradients.

Written one after the other, the three write and read arrays much larger than what goes in and comes out, and
on a CPU that costs more than the arithmetic. Here the net input and the activation before pooling exist only in
the processor's cache. The windows of the pooling lie side by side (stride = window, no padding); pixels left over
at the end are not looked at.

    a, index = conv_pool_forward(x, W, b, window=(2, 2), activation="relu")
    dW, db   = conv_pool_weight_gradient(x, d_a, a, index, (5, 5), window=(2, 2), activation="relu")
    d_x      = conv_pool_input_gradient(d_a, a, index, W, size, window=(2, 2), activation="relu")
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import ShapeError
from netgrad.kernels.convolution import (
    Padding,
    Pair,
    conv_forward,
    conv_input_gradient,
    conv_shape,
    conv_weight_gradient,
)
from netgrad.kernels.dispatch import call
from netgrad.kernels.pooling import max_pool_backward, max_pool_forward

Array = jax.Array

_EXAMPLES_LAST = (1, 2, 3, 0)
_NONE: Padding = ((0, 0), (0, 0))

# In the order of the C++ enumeration: dE/dz from dE/da, in terms of a = f(z).
_THROUGH: dict[str, Callable[[Array, Array], Array]] = {
    "identity": lambda a, d: d,
    "relu": lambda a, d: jnp.where(a <= 0, 0, d),  # NaN lets the gradient pass
    "tanh": lambda a, d: d * (1 - a * a),
    "logistic": lambda a, d: d * (a * (1 - a)),
}


@functools.partial(jax.jit, static_argnames=("strides", "padding", "dilation", "window", "activation"))
def conv_pool_forward(
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    window: Pair,
    activation: str = "identity",
    strides: Pair = (1, 1),
    padding: Padding = _NONE,
    dilation: Pair = (1, 1),
) -> tuple[Array, Array]:
    """``max_pool(activation(x * W + b))``, and where each maximum was.

    `window` is that of the pooling; the other arguments are those of `conv_forward`. Returns a,
    (N, height', width', filters), and index, uint8 of the same shape, as `max_pool_forward` does.

    >>> x, W = jnp.arange(4.0).reshape(1, 4, 1, 1), jnp.ones((1, 1, 1, 1))
    >>> a, index = conv_pool_forward(x, W, jnp.array([-2.0]), window=(2, 1), activation="relu")
    >>> print(a[0, :, 0, 0], index[0, :, 0, 0])
    [0. 1.] [0 1]
    """
    steps = {"strides": strides, "padding": padding, "dilation": dilation}
    b = jnp.zeros(W.shape[-1], x.dtype) if b is None else b

    def reference(x, W, b):
        return max_pool_forward(conv_forward(x, W, b, activation=activation, **steps), window, window)

    if not _fits(x.shape, W.shape, window, steps):
        return reference(x, W, b)
    return call(
        "conv_pool_forward",
        reference,
        x,
        W,
        b,
        input_layouts=(_EXAMPLES_LAST, None, None),
        output_layouts=(_EXAMPLES_LAST, _EXAMPLES_LAST),
        **_attributes(window, activation, steps),
    )


@functools.partial(jax.jit, static_argnames=("size", "strides", "padding", "dilation", "window", "activation"))
def conv_pool_input_gradient(
    d_a: Array,
    a: Array,
    index: Array,
    W: Array,
    size: Pair,
    *,
    window: Pair,
    activation: str = "identity",
    strides: Pair = (1, 1),
    padding: Padding = _NONE,
    dilation: Pair = (1, 1),
) -> Array:
    """dE/dx of `conv_pool_forward` from d_a = dE/da and what that returned; `size` is the height and width of x.

    >>> W, ones = jnp.full((1, 1, 1, 1), 3.0), jnp.ones((1, 2, 1, 1))
    >>> index = jnp.array([0, 1], jnp.uint8).reshape(1, 2, 1, 1)
    >>> print(conv_pool_input_gradient(ones, ones, index, W, (4, 1), window=(2, 1))[0, :, 0, 0])
    [3. 0. 0. 3.]
    """
    steps = {"strides": strides, "padding": padding, "dilation": dilation}

    def reference(d_a, a, index, W):
        delta = _delta(d_a, a, index, size, W.shape[:2], window, activation, steps)
        return conv_input_gradient(delta, W, size, **steps)

    if not _fits((a.shape[0], *size, W.shape[2]), W.shape, window, steps):
        return reference(d_a, a, index, W)
    return call(
        "conv_pool_input_gradient",
        reference,
        d_a,
        a,
        index,
        W,
        input_layouts=(_EXAMPLES_LAST, _EXAMPLES_LAST, _EXAMPLES_LAST, None),
        output_layouts=(_EXAMPLES_LAST,),
        **_attributes(window, activation, steps),
    )


@functools.partial(jax.jit, static_argnames=("filter_window", "strides", "padding", "dilation", "window", "activation"))
def conv_pool_weight_gradient(
    x: Array,
    d_a: Array,
    a: Array,
    index: Array,
    filter_window: Pair,
    *,
    window: Pair,
    activation: str = "identity",
    strides: Pair = (1, 1),
    padding: Padding = _NONE,
    dilation: Pair = (1, 1),
) -> tuple[Array, Array]:
    """dE/dW and dE/db of `conv_pool_forward`; `filter_window` is the rows and columns of W.

    >>> x, ones = jnp.arange(4.0).reshape(1, 4, 1, 1), jnp.ones((1, 2, 1, 1))
    >>> index = jnp.array([0, 1], jnp.uint8).reshape(1, 2, 1, 1)
    >>> dW, db = conv_pool_weight_gradient(x, ones, ones, index, (1, 1), window=(2, 1))
    >>> print(dW.ravel(), db)
    [3.] [2.]
    """
    steps = {"strides": strides, "padding": padding, "dilation": dilation}

    def reference(x, d_a, a, index):
        delta = _delta(d_a, a, index, x.shape[1:3], filter_window, window, activation, steps)
        return conv_weight_gradient(x, delta, filter_window, **steps)

    if not _fits(x.shape, (*filter_window, x.shape[3], a.shape[3]), window, steps):
        return reference(x, d_a, a, index)
    return call(
        "conv_pool_weight_gradient",
        reference,
        x,
        d_a,
        a,
        index,
        input_layouts=(_EXAMPLES_LAST,) * 4,
        output_layouts=(None, None),
        **_attributes(window, activation, steps),
    )


def _delta(d_a, a, index, size, filter_window, window, activation, steps):
    """dE/dz of the convolution, the array that the kernels never write."""
    before = conv_shape(size, filter_window, **steps)
    return max_pool_backward(_THROUGH[activation](a, d_a), index, before, window, window)


def _fits(x, W, window: Pair, steps: dict) -> bool:
    """Whether the kernel takes it. `ShapeError` where nothing would."""
    if len(x) != 4 or len(W) != 4:
        raise ShapeError(f"images {tuple(x)}, filters {tuple(W)}: expected 4 axes each")
    conv_shape(conv_shape(x[1:3], W[:2], **steps), window, strides=window)
    small = x[0] < 4 and W[0] * W[1] * W[2] * W[3] > 20_000
    return x[0] > 0 and x[3] == W[2] and window[0] * window[1] <= 256 and not small


def _attributes(window: Pair, activation: str, steps: dict) -> dict:
    padding = [*steps["padding"][0], *steps["padding"][1]]
    arrays = {"window": window, "strides": steps["strides"], "padding": padding, "dilation": steps["dilation"]}
    return {
        "activation": list(_THROUGH).index(activation),
        **{name: np.array(value, np.int64) for name, value in arrays.items()},
    }
