"""Inputs on a scale that training likes, with the scale kept in the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape


@register("layer", "rescaling")
@dataclass(frozen=True)
class Rescaling(Layer):
    """a = (x - offset) * factor, with fixed numbers: nothing is learned.

    As a first layer it centres inputs that all are on one scale, such as pixels, or columns that each have their own;
    what they were centred by is stored with the network. Inputs and outputs (N, ...) of any shape.

    offset, factor: one number for all inputs, or one for each place along the last axis. limit: cut a off at plus and
    minus this, so that one wild value cannot move the weights by itself; its gradient is then 0.

    Source: Kelleher, chapter 8, "Data preparation" (standardised inputs bring all updates to a similar scale).

    >>> import numpy as np
    >>> layer = Rescaling.standardising(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> layer.offset, round(layer.factor, 4)
    (1.5, 0.8944)
    >>> Rescaling.standardising(np.array([[0.0, 100.0], [2.0, 300.0]]), each=True).offset
    (1.0, 200.0)
    """

    hands_on: ClassVar[bool] = True

    offset: float | tuple[float, ...] = 0.0
    factor: float | tuple[float, ...] = 1.0
    limit: float | None = None

    def __post_init__(self) -> None:
        for name in ("offset", "factor"):
            if not np.isfinite(getattr(self, name)).all():
                raise NetgradError(f"{self.label}: {name} must be a finite number, found {getattr(self, name)}")
        if self.limit is not None and not 0 < self.limit < math.inf:
            raise NetgradError(f"{self.label}: limit must be a positive number or None, found {self.limit}")

    @classmethod
    def standardising(cls, x: np.ndarray, each: bool = False, **fields: Any) -> Rescaling:
        """The layer after which the numbers of ``x`` have mean 0 and variance 1: all together, or ``each`` place along
        the last axis by itself. Constant inputs are centred only."""
        axes = tuple(range(x.ndim - 1)) if each else None
        spread = np.asarray(x.std(axes), float)
        # A constant's computed spread is a rounding error, no scale.
        scale = np.where(spread > 1e-6 * np.abs(x).max(axes, initial=0), spread, 1.0)
        offset = np.asarray(x.mean(axes), float)
        return cls(_plain(offset), _plain(1 / scale), **fields)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = (x - jnp.asarray(self.offset, x.dtype)) * jnp.asarray(self.factor, x.dtype)
        return a if self.limit is None else jnp.clip(a, -self.limit, self.limit), {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx = factor * dE/da, 0 where a was cut off."""
        if self.limit is not None:
            d_out = jnp.where(jnp.abs(saved["a"]) <= self.limit, d_out, 0)
        return Backward(d_out * jnp.asarray(self.factor, d_out.dtype), {}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        for name in ("offset", "factor"):
            value = getattr(self, name)
            if isinstance(value, tuple) and (not in_shape or len(value) != in_shape[-1]):
                raise ShapeError(
                    f"{self.label} has {len(value)} values of {name}: it needs inputs of shape (N, ..., {len(value)}), "
                    f"found {('N', *in_shape)}"
                )
        return in_shape


def _plain(values: np.ndarray) -> float | tuple[float, ...]:
    return float(values) if values.ndim == 0 else tuple(values.tolist())
