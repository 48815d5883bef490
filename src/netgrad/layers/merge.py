"""Layers with several inputs, where branches of a graph meet."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from netgrad.errors import ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.window import within
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, Shapes


@dataclass(frozen=True)
class Merge(Layer):
    """Base of the layers that go through their inputs step by step together: a step is valid where all inputs are."""

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Lengths:
        given: list[Array] = [own for own in lengths if own is not None] if isinstance(lengths, tuple) else [lengths]
        return functools.reduce(lambda a, b: jnp.minimum(a, b), given) if given else None


@dataclass(frozen=True)
class _Elementwise(Merge):
    def out_shape(self, in_shape: Shapes) -> Shape:
        if not isinstance(in_shape[0], tuple) or len(set(in_shape)) != 1:
            raise ShapeError(f"{self.label} needs two or more inputs of one shape, found {in_shape}")
        return in_shape[0]


@register("layer", "add")
@dataclass(frozen=True)
class Add(_Elementwise):
    """The sum of its inputs; the gradient goes to each unchanged (a residual connection, Pattipati "ResNet")."""

    def forward(self, params: Params, x: tuple[Array, ...], context: Context) -> tuple[Array, Saved]:
        a = sum(x[1:], x[0])
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        return Backward((d_out,) * len(saved["x"]), {}, d_out)


@register("layer", "multiply")
@dataclass(frozen=True)
class Multiply(_Elementwise):
    """The elementwise product of its inputs, which makes one the gate of another (Z&M 26.2); 0 in the padding."""

    def forward(self, params: Params, x: tuple[Array, ...], context: Context) -> tuple[Array, Saved]:
        a = x[0]
        for factor in x[1:]:
            a = a * factor
        if (lengths := self.out_lengths(context.lengths, None)) is None:
            return a, {"x": x, "a": a}
        a = jnp.where(within(lengths, a.shape), a, 0)  # whatever stands in the padding of one is no factor of another
        return a, {"x": x, "a": a, "lengths": lengths}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        # The product of all others, not a / x_i, which would divide by zero.
        d_in = []
        for i in range(len(saved["x"])):
            d_i = d_out
            for j, factor in enumerate(saved["x"]):
                if j != i:
                    d_i = d_i * factor
            if "lengths" in saved:
                d_i = jnp.where(within(saved["lengths"], d_i.shape), d_i, 0)
            d_in.append(d_i)
        return Backward(tuple(d_in), {}, d_out)


@register("layer", "concatenate")
@dataclass(frozen=True)
class Concatenate(Merge):
    """Its inputs side by side along the last axis: (N, ..., d_1), (N, ..., d_2) -> (N, ..., d_1 + d_2).

    Of sequences whose lengths differ, the steps that all of them have are valid; so for `Add` and `Multiply`.
    """

    def forward(self, params: Params, x: tuple[Array, ...], context: Context) -> tuple[Array, Saved]:
        a = jnp.concatenate(x, axis=-1)
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        d_in, start = [], 0
        for part in saved["x"]:
            stop = start + part.shape[-1]
            d_in.append(d_out[..., start:stop])
            start = stop
        return Backward(tuple(d_in), {}, d_out)

    def out_shape(self, in_shape: Shapes) -> Shape:
        if not isinstance(in_shape[0], tuple) or len({s[:-1] for s in in_shape}) != 1:
            raise ShapeError(f"{self.label} needs inputs that differ in the last axis only, found {in_shape}")
        return (*in_shape[0][:-1], sum(s[-1] for s in in_shape))
