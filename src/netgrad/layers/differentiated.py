"""A layer whose own backward rule is set aside: JAX differentiates its way forward instead."""

from __future__ import annotations

from dataclasses import dataclass

from netgrad.layers.base import Layer
from netgrad.registry import register


@register("layer", "differentiated")
@dataclass(frozen=True)
class Differentiated(Layer):
    """The same layer, parameters and outputs, with the gradients of `jax.vjp`: for a rule that is in doubt.

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = Differentiated(ng.Dense(2, activation="tanh"))
    >>> params = layer.init(jax.random.key(0), (3,))
    >>> layer.forward(params, jnp.ones((1, 3)), ng.Context())[0].shape
    (1, 2)
    """

    layer: Layer

    def placed(self, first):
        return self.replace(layer=self.layer.placed(first))

    def init(self, key, in_shape):
        return self.layer.init(key, in_shape)

    def init_state(self, in_shape):
        return self.layer.init_state(in_shape)

    def call(self, params, x, context):
        return self.layer.forward(params, x, context)[0]

    def check_input(self, x, name, lengths):
        return self.layer.check_input(x, name, lengths)

    def out_shape(self, in_shape):
        return self.layer.out_shape(in_shape)

    def out_lengths(self, lengths, in_shape):
        return self.layer.out_lengths(lengths, in_shape)
