"""Training with noise: examples that differ a little each time they are seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.kernels.single import Op
from netgrad.layers.across import drawn
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape, State


@register("layer", "gaussian_noise")
@dataclass(frozen=True)
class GaussianNoise(Layer):
    """In training each number gets noise of mean 0 and this ``variance``: surrogate data, drawn anew in every step.

    The default, 0.1, is the text's suggestion for standardised inputs. Inputs and outputs (N, ...) of any shape;
    ``saved["noise"]`` is what was added.

    Source: Pattipati "Backprop Practicalities", training with noise.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> a, _ = ng.GaussianNoise().forward({}, jnp.ones((1, 2)), ng.Context())
    >>> a.tolist()
    [[1.0, 1.0]]
    """

    hands_on: ClassVar[bool] = True

    variance: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.variance, int | float) or not 0 <= self.variance < math.inf:
            raise NetgradError(f"{self.label}: variance must be a number of at least 0, found {self.variance}")

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        # Monte-Carlo prediction has a key, too, but asks what the model is unsure of, not what data might look like.
        if context.training and context.key is not None:
            noise = math.sqrt(self.variance) * drawn(partial(jax.random.normal, context.key, dtype=x.dtype), x.shape)
        else:
            noise = jnp.zeros((), x.dtype)
        a = x + noise
        return a, {"x": x, "noise": noise, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx = dE/da: the noise does not depend on x."""
        return Backward(d_out, {}, d_out)

    @property
    def draws(self) -> bool:
        return self.variance > 0

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return ()

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape
