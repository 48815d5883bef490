"""A layer whose own backward rule is set aside: JAX differentiates its way forward instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from netgrad.layers.base import Backward, Context
from netgrad.layers.wrapper import Wrapper
from netgrad.registry import register
from netgrad.types import Array, Inputs, Params, Saved


@register("layer", "differentiated")
@dataclass(frozen=True)
class Differentiated(Wrapper):
    """The same layer, parameters, state and outputs, with the gradients of `jax.vjp`: for a rule that is in doubt.

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = Differentiated(ng.Dense(2, activation="tanh"))
    >>> params = layer.init(jax.random.key(0), (3,))
    >>> layer.forward(params, jnp.ones((1, 3)), ng.Context())[0].shape
    (1, 2)
    """

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Any, Saved]:
        a, back, saved = jax.vjp(lambda p, v: self.layer.forward(p, v, context), params, x, has_aux=True)
        return a, saved | {"residuals": (back, saved)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        d_params, d_in = saved["residuals"][0](d_out)
        return Backward(d_in, d_params, d_out)

    def kept(self, saved: Saved) -> Saved:
        inside: Saved = saved["residuals"][1]
        return inside
