"""One factor for each input, which is learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from netgrad.errors import ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape


@register("layer", "feature_scale")
@dataclass(frozen=True)
class FeatureScale(Layer):
    """a = gamma * x: each input with a factor of its own, which starts at 1.

    Before the first weights, with a learning rate of its own that is higher than theirs, it learns soon which inputs
    count for more than others. Inputs and outputs (N, ..., d); parameter gamma (d,).

    Source: Holzmueller, Grinsztajn & Steinwart, "Better by default" (NeurIPS 2024), the scaling layer.

    >>> import jax, jax.numpy as jnp
    >>> from netgrad.layers import Context
    >>> layer = FeatureScale()
    >>> params = layer.init(jax.random.key(0), (2,))
    >>> layer.forward({"gamma": params["gamma"].at[1].set(3)}, jnp.ones((1, 2)), Context())[0].tolist()
    [[1.0, 3.0]]
    """

    hands_on: ClassVar[bool] = True

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.out_shape(in_shape)
        return {"gamma": jnp.ones(in_shape[-1])}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = params["gamma"] * x
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dgamma_i = sum of x_i dE/da_i over examples and positions; dE/dx = gamma * dE/da."""
        axes = tuple(range(d_out.ndim - 1))
        return Backward(params["gamma"] * d_out, {"gamma": (saved["x"] * d_out).sum(axes)}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape or not isinstance(in_shape[-1], int):
            raise ShapeError(f"{self.label} needs inputs of shape (N, ..., d), found {('N', *in_shape)}: add an axis")
        return in_shape
