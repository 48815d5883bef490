"""Dropout: in training, numbers are set to zero at random."""

from __future__ import annotations

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


@register("layer", "dropout")
@dataclass(frozen=True)
class Dropout(Layer):
    """In training each number is dropped with probability ``rate``, for every example anew: a = mask * x.

    The texts keep 0.8 of the inputs and 0.5 of a hidden layer: ``Dropout(0.2)`` before the first layer, and
    ``Dropout()``, whose rate is 0.5, behind each hidden one. No gradient passes a number that was dropped.

    Inverted, the default: what stays is divided by the share that is kept, ``1 - rate``, so that the mean stays what
    it is without dropout, and prediction leaves x alone. ``classic=True``: what stays is left as it is, and
    prediction multiplies by the share that is kept. Inputs and outputs (N, ...) of any shape; ``saved["mask"]`` is
    what x was multiplied by.

    `Model.monte_carlo` drops in prediction, too, and measures how far the predictions spread.

    Source: Z&M 26.4.2; Kelleher 8.4.4, algorithm 2; Pattipati "Regularization using Dropout"; Allauzen "Dropout -
    implementation". Raises `NetgradError` for a rate outside [0, 1).

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> a, _ = ng.Dropout(0.75).forward({}, jnp.ones((2, 4)), ng.Context(training=True, key=jax.random.key(1)))
    >>> set(a.ravel().tolist()) <= {0.0, 4.0}
    True
    """

    hands_on: ClassVar[bool] = True

    rate: float = 0.5
    classic: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.rate, int | float) or not 0 <= self.rate < 1:
            raise NetgradError(f"{self.label}: rate, the share that is dropped, must lie in [0, 1), found {self.rate}")

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        keep = 1 - self.rate
        if context.key is None:
            mask = jnp.asarray(keep if self.classic else 1, x.dtype)
        else:
            mask = drawn(partial(jax.random.bernoulli, context.key, keep), x.shape).astype(x.dtype)
            mask = mask if self.classic else mask / keep
        a = x * mask
        return a, {"x": x, "mask": mask, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = mask * dE/da: zero where a number was dropped (Kelleher 8.4.4, algorithm 2, line 7)."""
        delta = d_out * saved["mask"]
        return Backward(delta, {}, delta)

    @property
    def draws(self) -> bool:
        return self.rate > 0

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return None if self.classic else ()

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape
