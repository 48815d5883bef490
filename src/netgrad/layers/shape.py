"""Layers that only rearrange numbers: the way back rearranges the gradient the other way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from netgrad.errors import ShapeError
from netgrad.layers.base import Backward, Layer
from netgrad.registry import register


@register("layer", "reshape")
@dataclass(frozen=True)
class Reshape(Layer):
    """Give each example another shape with as many numbers; one axis may be -1.

    >>> import netgrad as ng
    >>> ng.Reshape((28, 28, 1)).out_shape((784,))
    (28, 28, 1)
    """

    hands_on: ClassVar[bool] = True

    shape: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(self.shape))

    def forward(self, params, x, context):
        a = x.reshape(x.shape[0], *self.out_shape(x.shape[1:]))
        return a, {"x": x, "a": a}

    def backward(self, params, saved, d_out):
        return Backward(d_out.reshape(saved["x"].shape), {}, d_out)

    def out_shape(self, in_shape):
        have, want = math.prod(in_shape), math.prod(n for n in self.shape if n != -1)
        free = self.shape.count(-1)
        if free > 1 or want == 0 or have % want or (not free and have != want):
            raise ShapeError(f"{self.label}: {have} numbers of shape {in_shape} do not fit into {self.shape}")
        return tuple(have // want if n == -1 else n for n in self.shape)

    def out_lengths(self, lengths, in_shape):
        return None


@register("layer", "flatten")
@dataclass(frozen=True)
class Flatten(Layer):
    """Each example as one row of numbers: (N, ...) -> (N, product of the rest)."""

    hands_on: ClassVar[bool] = True

    def forward(self, params, x, context):
        a = x.reshape(x.shape[0], -1)
        return a, {"x": x, "a": a}

    def backward(self, params, saved, d_out):
        return Backward(d_out.reshape(saved["x"].shape), {}, d_out)

    def out_shape(self, in_shape):
        return (math.prod(in_shape),)

    def out_lengths(self, lengths, in_shape):
        return None
