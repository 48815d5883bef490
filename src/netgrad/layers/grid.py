"""Two sequences as one grid, each step of one beside each step of the other, and the ways back to one sequence.

The grid (N, S, T, channels) has the source's steps first: `Conv` then treats what lies beyond the source's length as
padding, and one padded with (k - 1, 0) along its second axis looks back along the target, never ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.initializers import Xavier, Zeros
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.pooling import AGGREGATIONS, Pool, check_aggregation
from netgrad.layers.window import within
from netgrad.registry import find, register
from netgrad.types import Array, Lengths, Params, Saved, Shape, Shapes, State


@register("layer", "grid")
@dataclass(frozen=True)
class Grid(Layer):
    """Every step of a source beside every step of a target: (N, S, d), (N, T, e) -> (N, S, T, d + e).

    a[s, t] is source[s] and target[t], one after the other. The grid has the source's lengths; what stands in the
    padding of either is 0.

    Source: Elbayad, Besacier & Verbeek (2018), "Pervasive Attention", 3.1.

    >>> import netgrad as ng
    >>> ng.Grid().out_shape(((9, 4), (7, 3)))
    (9, 7, 7)
    """

    def forward(self, params: Params, x: tuple[Array, Array], context: Context) -> tuple[Array, Saved]:
        self.out_shape(tuple(value.shape[1:] for value in x))
        (source, target), lengths = x, context.lengths or (None, None)
        (n, steps, d), (_, written, e) = source.shape, target.shape
        rows = jnp.broadcast_to(source[:, :, None], (n, steps, written, d))
        columns = jnp.broadcast_to(target[:, None], (n, steps, written, e))
        a = _cells(jnp.concatenate([rows, columns], axis=-1), lengths)
        return a, {"x": x, "a": a, "residuals": lengths}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """A step of the source gets the sum over its row, of the target that over its column, without the padding."""
        d = saved["x"][0].shape[-1]
        delta = _cells(d_out, saved["residuals"])
        return Backward((delta[..., :d].sum(2), delta[..., d:].sum(1)), {}, d_out)

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        raise self.needs_whole("its grid has all steps of both sequences")

    def out_shape(self, in_shape: Shapes) -> Shape:
        if len(in_shape) != 2 or not all(isinstance(shape, tuple) and len(shape) == 2 for shape in in_shape):
            raise ShapeError(f"{self.label} needs two sequences (N, S, d) and (N, T, e), found inputs of {in_shape}")
        (steps, d), (written, e) = in_shape
        return (steps, written, d + e)


@dataclass(frozen=True)
class _OverSource(Layer):
    """What the layers have in common that make a sequence (N, T, channels) of a grid (N, S, T, channels).

    Their second input is the target (N, T, ...), of which they take nothing but its lengths.
    """

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        raise self.needs_whole("its grid has all steps of both sequences")

    def out_shape(self, in_shape: Shapes) -> Shape:
        several = len(in_shape) == 2 and all(isinstance(shape, tuple) for shape in in_shape)
        if not several or len(in_shape[0]) != 3 or 0 in in_shape[0] or in_shape[1][:1] != in_shape[0][1:2]:
            raise ShapeError(
                f"{self.label} needs a grid (N, S, T, channels) and the target (N, T, ...), found inputs of {in_shape}"
            )
        return tuple(in_shape[0][1:])

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Lengths:
        return lengths[1] if isinstance(lengths, tuple) else None


@register("layer", "grid_pool")
@dataclass(frozen=True)
class GridPool(_OverSource):
    """For each step of the target one number a channel, the "max" (default), "average", "sum" or "norm" over all steps
    of the source: a grid (N, S, T, channels) and the target (N, T, ...) -> (N, T, channels).

    Only the source's valid steps count. Of the target it takes nothing but its lengths, which are the output's.

    Source: Elbayad et al. (2018), 3.3.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> grid = jnp.array([[1.0, 5.0, 2.0], [3.0, 0.0, 2.0]])[None, :, :, None]
    >>> ng.GridPool().forward({}, (grid, jnp.zeros((1, 3, 4))), ng.Context())[0][0, :, 0].tolist()
    [3.0, 5.0, 2.0]
    """

    aggregation: str = "max"

    def __post_init__(self) -> None:
        check_aggregation(self.aggregation)

    def forward(self, params: Params, x: tuple[Array, Array], context: Context) -> tuple[Array, Saved]:
        shape = self.out_shape(tuple(value.shape[1:] for value in x))
        grid, lengths = x[0], context.lengths or (None, None)
        row = grid.reshape(*grid.shape[:2], -1)  # a sequence of columns, which is pooled into one
        a, saved = self._pool(grid.shape[1]).forward({}, row, Context(lengths=lengths[0]))
        a = a.reshape(len(a), *shape)
        return a, saved | {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """As the pooling of a single window that holds a column's steps of the source."""
        grid, target = saved["x"]
        row, flat = grid.reshape(*grid.shape[:2], -1), (len(grid), 1, -1)
        of_row = saved | {"x": row, "a": saved["a"].reshape(flat)}
        back = self._pool(grid.shape[1]).backward({}, of_row, d_out.reshape(flat))
        return Backward((back.d_in.reshape(grid.shape), jnp.zeros_like(target)), {}, d_out)

    def connections(self, in_shape: Shapes) -> int:
        return math.prod(in_shape[0])

    def _pool(self, steps: int) -> Pool:
        return AGGREGATIONS[self.aggregation](steps)


@register("layer", "grid_attention")
@dataclass(frozen=True)
class GridAttention(_OverSource):
    """For each step of the target a weighted average over the steps of the source, with weights that the grid says:
    a grid (N, S, T, channels) and the target (N, T, ...) -> (N, T, channels).

    scores[s, t] = W_s . tanh(x[s, t] W + b), and the weights are their softmax over s, 0 beyond the source's length.
    The trace shows both. Of the target it takes nothing but its lengths, which are the output's.

    Args:
        units: of the scores' hidden layer; default: as many as there are channels.
        initializer: of W and W_s.

    Its backward rule is `jax.vjp`'s. Source: Elbayad et al. (2018), 3.3, "self-attention".

    >>> import netgrad as ng
    >>> ng.GridAttention().out_shape(((9, 7, 16), (7, 4)))
    (7, 16)
    """

    units: int | None = None
    initializer: Any = Xavier()

    def __post_init__(self) -> None:
        if self.units is not None and (not isinstance(self.units, int) or self.units < 1):
            raise NetgradError(f"{self.label}: units must be a whole number of at least 1, found {self.units!r}")
        object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def init(self, key: Array, in_shape: Shapes) -> Params:
        channels = self.out_shape(in_shape)[-1]
        units = self.units or channels
        W_key, s_key, b_key = jax.random.split(key, 3)
        W_s = self.initializer(s_key, (units, 1))[:, 0]
        return {"W": self.initializer(W_key, (channels, units)), "b": Zeros()(b_key, (units,)), "W_s": W_s}

    def call(self, params: Params, x: tuple[Array, Array], context: Context) -> Any:
        self.out_shape(tuple(value.shape[1:] for value in x))
        lengths = context.lengths[0] if context.lengths else None
        grid = _cells(x[0], (lengths, None))
        scores = jnp.tanh(grid @ params["W"] + params["b"]) @ params["W_s"]
        if lengths is None:
            weights = jax.nn.softmax(scores, axis=1)
        else:
            there = within(lengths, scores.shape)
            weights = jnp.where(there, jax.nn.softmax(jnp.where(there, scores, -1e30), axis=1), 0)
        a = jnp.einsum("nst,nstc->ntc", weights, grid)
        return a, {"scores": scores, "weights": weights}

    def operations(self, in_shape: Shapes) -> int:
        steps, written, channels = in_shape[0]
        units = self.units or channels
        return int(steps * written * (channels * units + units + channels))


def _cells(grid: Array, lengths: tuple[Lengths, Lengths]) -> Array:
    """A grid (N, S, T, channels), 0 beyond the lengths of either sequence."""
    source, target = lengths
    if source is not None:
        grid = jnp.where(within(source, grid.shape), grid, 0)
    if target is not None:
        grid = jnp.where(within(target, grid.shape[:1] + grid.shape[2:])[:, None], grid, 0)
    return grid
