"""Numbers cut into pieces, so that a network may take a turn at the places where their values lie."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape


@register("layer", "piecewise_linear")
@dataclass(frozen=True)
class PiecewiseLinear(Layer):
    """The inputs, and beside them how far each has come through pieces of its range: nothing is learned.

    a = [x, t] with t_p = (x_c - low_p) / (high_p - low_p), kept between 0 and 1, for each piece p of the input c =
    column_p. A dense layer after it is any piecewise linear function of each input, where of the bare numbers it is a
    straight line: what trees get from their thresholds. Inputs (N, d), outputs (N, d + P).

    columns, low, high: of each of the P pieces, the number of the input it is of, and its ends. `cutting` takes them
    from the quantiles of examples. Source: Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in
    tabular deep learning" (NeurIPS 2022), 3.2.

    >>> import numpy as np
    >>> layer = PiecewiseLinear.cutting(np.array([[0.0], [1.0], [2.0], [6.0]]), pieces=3)
    >>> layer.low, layer.high
    ((0.0, 1.0, 2.0), (1.0, 2.0, 6.0))
    >>> from netgrad.layers import Context
    >>> layer.forward({}, np.array([[4.0]]), Context())[0].tolist()
    [[4.0, 1.0, 1.0, 0.5]]
    """

    columns: tuple[int, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, kind in (("columns", int), ("low", float), ("high", float)):
            object.__setattr__(self, name, tuple(kind(value) for value in getattr(self, name)))
        if not len(self.columns) == len(self.low) == len(self.high):
            raise NetgradError(
                f"{self.label} needs a column, a low and a high end for each piece: found {len(self.columns)}, "
                f"{len(self.low)} and {len(self.high)}"
            )
        if not all(a < b and np.isfinite([a, b]).all() for a, b in zip(self.low, self.high, strict=True)):
            raise NetgradError(f"{self.label}: each piece must end above where it begins, at finite numbers")
        if min(self.columns, default=0) < 0:
            raise NetgradError(f"{self.label}: columns count from 0, found {min(self.columns)}")

    @classmethod
    def cutting(cls, x: np.ndarray, pieces: int = 16, **fields: object) -> PiecewiseLinear:
        """The layer whose pieces of each input hold equally many of the examples x (N, d), ``pieces`` at most.

        An input of few different values is cut at these. One of two values or less stays whole.
        """
        columns: list[int] = []
        low: list[float] = []
        high: list[float] = []
        for column, values in enumerate(np.asarray(x, np.float32).T):
            ends = np.unique(values)
            if len(ends) > pieces + 1:
                ends = np.unique(np.quantile(values, np.linspace(0, 1, pieces + 1)).astype(np.float32))
            apart = np.diff(ends, prepend=-np.inf) >= np.finfo(np.float32).tiny  # what can be divided by
            ends = ends[apart]
            if len(ends) > 2:
                columns += [column] * (len(ends) - 1)
                low += ends[:-1].tolist()
                high += ends[1:].tolist()
        return cls(tuple(columns), tuple(low), tuple(high), **fields)  # type: ignore[arg-type]

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        low, high = (jnp.asarray(ends, x.dtype) for ends in (self.low, self.high))
        t = jnp.clip((x[:, np.array(self.columns, int)] - low) / (high - low), 0, 1)
        return jnp.concatenate([x, t], axis=1), {"x": x, "t": t, "a": jnp.concatenate([x, t], axis=1)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx_c = dE/da_c, and dE/dt_p / (high_p - low_p) of each piece p of c that x_c lies in."""
        d = saved["x"].shape[1]
        widths = jnp.asarray(self.high, d_out.dtype) - jnp.asarray(self.low, d_out.dtype)
        inside = (saved["t"] > 0) & (saved["t"] < 1)
        d_t = jnp.where(inside, d_out[:, d:] / widths, 0)
        return Backward(d_out[:, :d].at[:, np.array(self.columns, int)].add(d_t), {}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 1 or in_shape[0] <= max(self.columns, default=-1):
            most = max(self.columns, default=-1) + 1
            raise ShapeError(
                f"{self.label} cuts inputs up to number {most} and needs them as (N, d) with d of at least {most}, "
                f"found {('N', *in_shape)}"
            )
        return (in_shape[0] + len(self.columns),)
