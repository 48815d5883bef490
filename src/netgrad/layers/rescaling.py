"""Inputs on a scale that training likes, with the scale kept in the network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from netgrad.errors import NetgradError
from netgrad.layers.base import Backward, Layer
from netgrad.registry import register


@register("layer", "rescaling")
@dataclass(frozen=True)
class Rescaling(Layer):
    """a = (x - offset) * factor, with two fixed numbers: nothing is learned.

    As a first layer it centres inputs that all are on one scale, such as pixels, and what they were centred by is
    stored with the network. Inputs and outputs (N, ...) of any shape.

    Source: Kelleher, chapter 8, "Data preparation" (standardised inputs bring all updates to a similar scale).

    >>> import numpy as np
    >>> layer = Rescaling.standardising(np.array([[0.0, 1.0], [2.0, 3.0]]))
    >>> layer.offset, round(layer.factor, 4)
    (1.5, 0.8944)
    """

    hands_on: ClassVar[bool] = True

    offset: float = 0.0
    factor: float = 1.0

    def __post_init__(self):
        for name in ("offset", "factor"):
            if not math.isfinite(getattr(self, name)):
                raise NetgradError(f"{self.label}: {name} must be a finite number, found {getattr(self, name)}")

    @classmethod
    def standardising(cls, x, **fields):
        """The layer after which all numbers of ``x`` together have mean 0 and variance 1."""
        spread = float(x.std())
        return cls(float(x.mean()), 1 / spread if spread > 0 else 1.0, **fields)

    def forward(self, params, x, context):
        a = (x - self.offset) * self.factor
        return a, {"x": x, "a": a}

    def backward(self, params, saved, d_out):
        """dE/dx = factor * dE/da."""
        return Backward(d_out * self.factor, {}, d_out)

    def out_shape(self, in_shape):
        return in_shape
