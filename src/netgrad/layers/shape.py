"""Layers that only rearrange numbers: the way back rearranges the gradient the other way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels.single import Op
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = x.reshape(x.shape[0], *self.out_shape(x.shape[1:]))
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        return Backward(d_out.reshape(saved["x"].shape), {}, d_out)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if self.shape[:1] != (-1,) or self.out_shape(in_shape)[0] != in_shape[0]:
            raise self.needs_whole("it gives the whole another shape; one that begins with -1 may keep the steps")
        return {}

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return ()

    def out_shape(self, in_shape: Shape) -> Shape:
        have, want = math.prod(in_shape), math.prod(n for n in self.shape if n != -1)
        free = self.shape.count(-1)
        if free > 1 or want == 0 or have % want or (not free and have != want):
            raise ShapeError(f"{self.label}: {have} numbers of shape {in_shape} do not fit into {self.shape}")
        return tuple(have // want if n == -1 else n for n in self.shape)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None


@register("layer", "flatten")
@dataclass(frozen=True)
class Flatten(Layer):
    """Each example as one row of numbers: (N, ...) -> (N, product of the rest)."""

    hands_on: ClassVar[bool] = True

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = x.reshape(x.shape[0], -1)
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        return Backward(d_out.reshape(saved["x"].shape), {}, d_out)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if len(in_shape) > 1:
            raise self.needs_whole("it makes one row of all steps")
        return {}

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return ()

    def out_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None


@register("layer", "permute")
@dataclass(frozen=True)
class Permute(Layer):
    """The axes of each example in another order: axis i of the output is axis ``order[i]`` of the input.

    Axes are counted without that of the examples. Brings data of frameworks that put the channels first, (N, channels,
    height, width), into the order used here with ``Permute((1, 2, 0))``. Raises `NetgradError` where ``order`` does not
    name each axis once, `ShapeError` for inputs of another number of axes.

    >>> import netgrad as ng
    >>> ng.Permute((1, 2, 0)).out_shape((3, 28, 32))
    (28, 32, 3)
    """

    hands_on: ClassVar[bool] = True

    order: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", tuple(self.order))
        if sorted(self.order) != list(range(len(self.order))):
            raise NetgradError(
                f"{self.label}: order must name each axis once, 0 to {len(self.order) - 1}, found {self.order}"
            )

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        self.out_shape(x.shape[1:])
        a = x.transpose(0, *(axis + 1 for axis in self.order))
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        back = sorted(range(len(self.order)), key=lambda axis: self.order[axis])
        return Backward(d_out.transpose(0, *(axis + 1 for axis in back)), {}, d_out)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if self.order[:1] != (0,):
            raise self.needs_whole("it puts another axis in the place of the steps")
        return {}

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != len(self.order):
            raise ShapeError(f"{self.label}: order {self.order} does not fit inputs {('N', *in_shape)}")
        return tuple(in_shape[axis] for axis in self.order)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return lengths if self.order[:1] == (0,) else None
