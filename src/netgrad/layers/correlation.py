"""Correlation of inputs with filters and its two gradients, in one, two or three dimensions: what `Conv` is made of.

    z[n, i, f]  = sum over offsets a and channels c of x[n, i s + a, c] W[a, c, f], + b[f]
    dW[a, c, f] = sum over examples n and windows i of x[n, i s + a, c] delta[n, i, f]
    dx[n, j, c] = sum over filters f and windows i with i s + a = j of delta[n, i, f] W[a, c, f]

All three are correlations again: the weight gradient one of the input with delta, the input gradient a full one of
delta, bordered with zeros, with the filters turned round (Z&M 26.3.6). Signals and images go through
`netgrad.kernels`, each group by itself; volumes, and groups where no kernel runs, through XLA's convolution
(`netgrad.kernels.convolution_reference`). Filters over one channel each are sums of shifted products. XLA takes ages
over groups on a CPU: 0.1 s for what the products do in 2 ms (32 images of 32 x 32 x 64, windows of 3 x 3).
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from netgrad import kernels
from netgrad.kernels import convolution_reference
from netgrad.layers.window import Windows, as_image, gathered, image, views


def has_kernel(at: Windows, groups: int = 1) -> bool:
    """Whether `netgrad.kernels` takes convolutions over these windows in one call."""
    return groups == 1 and as_image(at) is not None


def runs_natively(at: Windows) -> bool:
    """Whether on this machine's CPU the kernels compute them, not XLA."""
    return has_kernel(at) and jnp.result_type(float) == jnp.float32 and kernels.active("conv_forward")


def correlate(
    x: jax.Array, W: jax.Array, b: jax.Array | None, at: Windows, groups: int = 1, activation: str = "identity"
) -> jax.Array:
    """x (N, sizes..., channels), W (window..., channels / groups, filters), b (filters,) -> (N, out..., filters).

    activation: applied in the same pass where `has_kernel`; one of "identity", "relu", "tanh" and "logistic".
    """
    if has_kernel(at, groups):
        z: jax.Array = kernels.conv_forward(image(x), as_filters(W), b, activation=activation, **arguments(at))
        return z.reshape(x.shape[0], *at.out, W.shape[-1])
    if channelwise(x.shape[-1], groups):
        seen = views(jnp.repeat(x, W.shape[-1] // groups, -1), at)
        z = functools.reduce(jnp.add, (v * w for v, w in zip(seen, W.reshape(-1, W.shape[-1]), strict=True)))
    elif runs_natively(at):
        parts = zip(split(x, groups), split(W, groups), strict=True)
        z = jnp.concatenate([correlate(own, filters, None, at) for own, filters in parts], -1)
    else:
        z = convolution_reference.correlate(x, W, at.stride, at.padding, at.dilation, groups)
    return z if b is None else z + b


def input_gradient(delta: jax.Array, W: jax.Array, at: Windows, groups: int = 1) -> jax.Array:
    """delta (N, out..., filters), W as for `correlate` -> dE/dx (N, sizes..., channels)."""
    if has_kernel(at, groups):
        d_x: jax.Array = kernels.conv_input_gradient(image(delta), as_filters(W), (1, *at.sizes)[-2:], **arguments(at))
        return d_x.reshape(delta.shape[0], *at.sizes, W.shape[-2])
    if channelwise(W.shape[-2] * groups, groups):
        each = (delta * w for w in W.reshape(-1, W.shape[-1]))
        return gathered((d.reshape(*d.shape[:-1], groups, -1).sum(-1) for d in each), at)
    if runs_natively(at):
        parts = zip(split(delta, groups), split(W, groups), strict=True)
        return jnp.concatenate([input_gradient(own, filters, at) for own, filters in parts], -1)
    return convolution_reference.input_gradient(delta, W, at.sizes, at.stride, at.padding, at.dilation, groups)


def weight_gradient(x: jax.Array, delta: jax.Array, at: Windows, groups: int = 1) -> tuple[jax.Array, jax.Array]:
    """x and delta as above -> dE/dW (window..., channels / groups, filters) and dE/db (filters,), summed over examples
    and windows."""
    if has_kernel(at, groups):
        window = (1, *at.window)[-2:]
        dW, db = kernels.conv_weight_gradient(image(x), image(delta), window, **arguments(at))
        return dW.reshape(*at.window, x.shape[-1], delta.shape[-1]), db
    if channelwise(x.shape[-1], groups):
        axes = tuple(range(delta.ndim - 1))
        seen = views(jnp.repeat(x, delta.shape[-1] // groups, -1), at)
        dW = jnp.stack([(v * delta).sum(axes) for v in seen])
        return dW.reshape(*at.window, 1, delta.shape[-1]), delta.sum(axes)
    if runs_natively(at):
        parts = zip(split(x, groups), split(delta, groups), strict=True)
        each = [weight_gradient(own, delta, at) for own, delta in parts]
        return jnp.concatenate([dW for dW, _ in each], -1), jnp.concatenate([db for _, db in each])
    return convolution_reference.weight_gradient(x, delta, at.window, at.stride, at.padding, at.dilation, groups)


def channelwise(channels: int, groups: int) -> bool:
    """Whether every filter spans one channel."""
    return groups == channels > 1


def split(x: jax.Array, groups: int) -> list[jax.Array]:
    """The last axis, channels or filters, in equal parts."""
    return jnp.split(x, groups, axis=-1)


def as_filters(W: jax.Array) -> jax.Array:
    """Filters over an image: those of a signal get a height of 1."""
    return W if W.ndim == 4 else W[None]


def arguments(at: Windows) -> dict[str, Any]:
    """Stride, padding and dilation as the kernels take them."""
    at = as_image(at) or at
    return {"strides": at.stride, "padding": at.padding, "dilation": at.dilation}
