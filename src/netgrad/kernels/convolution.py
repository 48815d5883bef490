"""Convolution and its two gradients.

Images are ``(N, height, width, channels)``, filters ``(rows, columns, channels, filters)``; a signal
``(N, T, channels)`` goes through as an image of height 1. As everywhere in deep learning the operation is the
cross-correlation (Z&M sec. 26.4.1). The three operations are separate, so that one whose result nobody uses,
such as the input gradient of a network's first layer, is not computed.

The native kernels hold images examples-last in memory, which the compiler arranges: arrays go in and come out
in the shapes given here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import ShapeError, unknown_name
from netgrad.kernels import convolution_reference
from netgrad.kernels.dispatch import call

Array = jax.Array
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_EXAMPLES_LAST = (1, 2, 3, 0)

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {  # in the order of the C++ enumeration
    "identity": lambda z: z,
    "relu": lambda z: jnp.where(z < 0, 0, z),  # NaN stays NaN
    "tanh": jnp.tanh,
    "logistic": jax.nn.sigmoid,
}
ACTIVATIONS = tuple(_ACTIVATIONS)


def conv_shape(
    size: Pair, window: Pair, *, strides: Pair = (1, 1), padding: Padding = ((0, 0), (0, 0)), dilation: Pair = (1, 1)
) -> Pair:
    """Height and width of the result for images of this `size`; `ShapeError` where there is none.

    >>> conv_shape((28, 28), (5, 5))
    (24, 24)
    """
    positive = min(*size, *window, *strides, *dilation) >= 1 and min(map(min, padding)) >= 0
    steps = zip(size, window, strides, padding, dilation, strict=True)
    out = [(n + sum(p) - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in steps] if positive else [0]
    if min(out) < 1:
        raise ShapeError(
            f"a window of {window} with strides {strides}, padding {padding} and dilation {dilation} does not fit "
            f"images of {size}: expected at least one position; try a smaller window or more padding"
        )
    return out[0], out[1]


@functools.partial(jax.jit, static_argnames=("strides", "padding", "dilation", "activation"))
def conv_forward(
    x: Array,
    W: Array,
    b: Array | None = None,
    *,
    strides: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
    activation: str = "identity",
) -> Array:
    """``activation(x * W + b)``: (N, height, width, channels) -> (N, height', width', filters).

    Parameters
    ----------
    x: (N, height, width, channels).
    W: (rows, columns, channels, filters).
    b: (filters,), or None for none.
    strides, dilation: steps between windows and within a window, for rows and columns.
    padding: zeros ((above, below), (left, right)).
    activation: "identity", "relu", "tanh" or "logistic", applied before the result is written.

    >>> x, W = jnp.ones((1, 3, 3, 1)), jnp.ones((2, 2, 1, 1))
    >>> print(conv_forward(x, W, jnp.array([-5.0]))[0, :, :, 0])
    [[-1. -1.]
     [-1. -1.]]
    """
    if activation not in _ACTIVATIONS:
        raise unknown_name("activation", activation, _ACTIVATIONS)
    _check(x, W, strides, padding, dilation)

    def reference(x, W, b):
        return _ACTIVATIONS[activation](convolution_reference.correlate(x, W, strides, padding, dilation) + b)

    b = jnp.zeros(W.shape[-1], x.dtype) if b is None else b
    if _better_in_xla(x.shape, W.shape):
        return reference(x, W, b)
    return call(
        "conv_forward",
        reference,
        x,
        W,
        b,
        input_layouts=(_EXAMPLES_LAST, None, None),
        output_layouts=(_EXAMPLES_LAST,),
        activation=ACTIVATIONS.index(activation),
        **_attributes(strides, padding, dilation),
    )


@functools.partial(jax.jit, static_argnames=("size", "strides", "padding", "dilation"))
def conv_input_gradient(
    delta: Array,
    W: Array,
    size: Pair,
    *,
    strides: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
) -> Array:
    """dE/dx of `conv_forward`, (N, height, width, channels), from delta = dE/dz, (N, height', width', filters).

    `size` is the height and width of x; the other arguments are those of `conv_forward`.

    >>> delta, W = jnp.ones((1, 1, 1, 1)), jnp.arange(4.0).reshape(2, 2, 1, 1)
    >>> print(conv_input_gradient(delta, W, (2, 2))[0, :, :, 0])
    [[0. 1.]
     [2. 3.]]
    """
    shape = (delta.shape[0], *size, W.shape[2])

    def reference(delta, W):
        return convolution_reference.input_gradient(delta, W, size, strides, padding, dilation)

    _check(jax.ShapeDtypeStruct(shape, delta.dtype), W, strides, padding, dilation, delta)
    if _better_in_xla(shape, W.shape):
        return reference(delta, W)
    return call(
        "conv_input_gradient",
        reference,
        delta,
        W,
        input_layouts=(_EXAMPLES_LAST, None),
        output_layouts=(_EXAMPLES_LAST,),
        **_attributes(strides, padding, dilation),
    )


@functools.partial(jax.jit, static_argnames=("window", "strides", "padding", "dilation"))
def conv_weight_gradient(
    x: Array,
    delta: Array,
    window: Pair,
    *,
    strides: Pair = (1, 1),
    padding: Padding = ((0, 0), (0, 0)),
    dilation: Pair = (1, 1),
) -> tuple[Array, Array]:
    """dE/dW, (rows, columns, channels, filters), and dE/db, (filters,), of `conv_forward`, summed over examples.

    `window` is the rows and columns of W; the other arguments are those of `conv_forward`.

    >>> x, delta = jnp.arange(4.0).reshape(1, 2, 2, 1), jnp.ones((1, 1, 1, 1))
    >>> dW, db = conv_weight_gradient(x, delta, (2, 2))
    >>> print(dW[:, :, 0, 0], db)
    [[0. 1.]
     [2. 3.]] [1.]
    """
    shape = (*window, x.shape[-1], delta.shape[-1])

    def reference(x, delta):
        return convolution_reference.weight_gradient(x, delta, window, strides, padding, dilation)

    _check(x, jax.ShapeDtypeStruct(shape, x.dtype), strides, padding, dilation, delta)
    if _better_in_xla(x.shape, shape):
        return reference(x, delta)
    return call(
        "conv_weight_gradient",
        reference,
        x,
        delta,
        input_layouts=(_EXAMPLES_LAST, _EXAMPLES_LAST),
        output_layouts=(None, None),
        **_attributes(strides, padding, dilation),
    )


def _attributes(strides: Pair, padding: Padding, dilation: Pair) -> dict[str, np.ndarray]:
    pairs = {"strides": strides, "padding": [*padding[0], *padding[1]], "dilation": dilation}
    return {name: np.array(value, np.int64) for name, value in pairs.items()}


def _better_in_xla(x: Sequence[int], W: Sequence[int]) -> bool:
    """One or two examples fill a fraction of a vector: fine for small networks, not for large filters."""
    return x[0] == 0 or (x[0] < 4 and W[0] * W[1] * W[2] * W[3] > 20_000)


def _check(x, W, strides: Pair, padding: Padding, dilation: Pair, delta=None) -> None:
    if len(x.shape) != 4 or len(W.shape) != 4 or x.shape[3] != W.shape[2]:
        raise ShapeError(
            f"images {tuple(x.shape)} and filters {tuple(W.shape)}: expected (N, height, width, channels) and "
            "(rows, columns, channels, filters) with the same channels"
        )
    out = conv_shape(x.shape[1:3], W.shape[:2], strides=strides, padding=padding, dilation=dilation)
    if delta is not None and tuple(delta.shape) != (x.shape[0], *out, W.shape[3]):
        raise ShapeError(f"delta {tuple(delta.shape)}: expected {(x.shape[0], *out, W.shape[3])}, the shape of z")
