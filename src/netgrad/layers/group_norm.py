"""Group normalisation: every example standardised over groups of its units and all its positions."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.normalisation import check_epsilon, scale_and_shift, total_of, valid_positions
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape, State


@register("layer", "group_norm")
@dataclass(frozen=True)
class GroupNorm(Layer):
    """Every example standardised over all positions of a group of units: a = gamma (x - m) / sqrt(s + epsilon) + beta.

    m and s are the mean and variance (divisor: the numbers in the group) over the positions and over each of
    ``groups`` equal parts of the last axis, so that, unlike `BatchNorm`, batches may be as small as one. ``groups=1``
    is one group of all units, ``groups=units`` is instance normalisation. Of sequences the padding does not count, and
    its outputs are 0.

    Inputs and outputs (N, ..., units). Parameters gamma (units,), 1 at the start, and beta (units,), 0 at the start.
    Raises `ShapeError` where the units do not divide into the groups. Source: Wu & He (2018).

    >>> import jax.numpy as jnp, netgrad as ng
    >>> layer = ng.GroupNorm(2, epsilon=0.0)
    >>> x = jnp.array([[[1.0, 10.0], [3.0, 30.0]]])
    >>> layer.forward(layer.init(None, (2, 2)), x, ng.Context())[0].tolist()
    [[[-1.0, -1.0], [1.0, 1.0]]]
    """

    groups: int
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not isinstance(self.groups, int) or self.groups < 1:
            raise NetgradError(f"{self.label}: groups must be a whole number of at least 1, found {self.groups!r}")
        check_epsilon(self)

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.out_shape(in_shape)
        return scale_and_shift(self, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        valid = valid_positions(x, context.lengths)
        n = jnp.maximum(self._sums(jnp.broadcast_to(valid, x.shape).astype(x.dtype)), 1)
        x = jnp.where(valid, x, 0)
        centred = jnp.where(valid, x - self._sums(x) / n, 0)
        inverse = 1 / jnp.sqrt(self._sums(centred**2) / n + self.epsilon)
        normalised = centred * inverse
        a = jnp.where(valid, params["gamma"] * normalised + params["beta"], 0)
        return a, {"x": x, "valid": valid, "n": n, "inverse": inverse, "normalised": normalised, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx = r (g - mean g - u mean(g u)), means over the group, with g = gamma dE/da and u, r as in `BatchNorm`.

        The same derivation as there, with one example's n numbers of a group in the place of one unit's examples.
        """
        u, n = saved["normalised"], saved["n"]
        d_out = jnp.where(saved["valid"], d_out, 0)
        g = params["gamma"] * d_out
        d_in = saved["inverse"] * (g - self._sums(g) / n - u * self._sums(g * u) / n)
        d_params = {"gamma": total_of(d_out * u), "beta": total_of(d_out)}
        return Backward(jnp.where(saved["valid"], d_in, 0), d_params, d_out)

    def _sums(self, x: jax.Array) -> jax.Array:
        """(N, ..., units) -> (N, 1, ..., units): for each unit of each example the sum over its group."""
        shape, units = x.shape, x.shape[-1]
        sums = x.reshape(shape[0], -1, self.groups, units // self.groups).sum((1, 3))
        return jnp.repeat(sums, units // self.groups, axis=-1).reshape(shape[0], *(1,) * (x.ndim - 2), units)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if len(in_shape) > 1:
            raise self.needs_whole("its mean and variance are those of all steps")
        return {}

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape or not isinstance(in_shape[-1], int) or in_shape[-1] % self.groups:
            raise ShapeError(
                f"{self.label} needs inputs of shape (N, ..., units) whose units divide into {self.groups} groups, "
                f"found {('N', *in_shape)}"
            )
        return in_shape
