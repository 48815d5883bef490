"""Nonlinear state-space models: any network may say how one state follows from the one before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels.recurrent_twins import scan
from netgrad.layers.base import Layer
from netgrad.layers.dense import Dense
from netgrad.layers.recurrent import spans
from netgrad.registry import register


@register("layer", "state_space")
@dataclass(frozen=True)
class StateSpace(Layer):
    """Hidden states z_(t+1) = f(z_t, x_t), where f is a row of layers that ends in ``units`` numbers.

    Inputs (N, T, d), outputs (N, T, units): the state z_t that each step starts from, the first of them zeros. The
    observations y_t = h(z_t, x_t) are what the layers after it make of z_t and x_t together::

        x = ng.Input()
        z = ng.StateSpace([ng.Dense(16, activation="tanh"), ng.Dense(3)])(x)
        y = ng.Dense(1)(ng.Concatenate()(z, x))

    Its backward rule is `jax.vjp`'s. Source: Pattipati, "Nonlinear State space models".

    >>> import netgrad as ng
    >>> ng.StateSpace([ng.Dense(16, activation="tanh"), ng.Dense(3)]).out_shape((50, 2))
    (50, 3)
    """

    transition: Any  # Dense layers, or other layers on vectors

    def __post_init__(self):
        object.__setattr__(self, "transition", tuple(self.transition))
        if not self.transition or not isinstance(self.transition[-1], Dense):
            raise NetgradError(f"{self.label}: the transition must be a list of layers that ends in a Dense layer")

    @property
    def units(self) -> int:
        """How many numbers the state has."""
        return self.transition[-1].units

    def init(self, key, in_shape):
        shape = (self.out_shape(in_shape)[-1] + in_shape[-1],)
        params = {}
        for i, layer in enumerate(self.transition):
            if made := layer.init(jax.random.fold_in(key, i), shape):
                params[str(i)] = made
            shape = layer.out_shape(shape)
        return params

    def call(self, params, x, context):
        def step(z: jax.Array, x_t: jax.Array) -> tuple[jax.Array, jax.Array]:
            value = jnp.concatenate([z, x_t], axis=-1)
            for i, layer in enumerate(self.transition):
                value, _ = layer.forward(params.get(str(i), {}), value, context.replace(lengths=None))
            return value, z

        start = jnp.zeros((x.shape[0], self.units), x.dtype)
        return scan(step, start, x, spans(context.lengths, x), reverse=False)[1]

    def stream_state(self, n):
        raise NetgradError(
            f"{self.label} cannot work through a sequence piece by piece: it keeps no state from one to the next"
        )

    def out_shape(self, in_shape):
        if len(in_shape) != 2 or not all(isinstance(n, int) for n in in_shape):
            raise ShapeError(f"{self.label} needs sequences (N, T, d), found inputs of shape {in_shape}")
        return (in_shape[0], self.units)
