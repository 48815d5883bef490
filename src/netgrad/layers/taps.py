"""Layers that bring the past, or a single vector, to every time-step."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State


@register("layer", "delay_taps")
@dataclass(frozen=True)
class DelayTaps(Layer):
    """Each time-step with the ``taps`` - 1 before it side by side, so that a plain MLP sees a piece of the past.

    Inputs (N, T, d), outputs (N, T, taps * d): x_t, x_(t-1), ..., x_(t-taps+1), zeros before the beginning. Followed
    by one `Dense` layer this is the autoregressive model; by several, its nonlinear form. With taps on the inputs and
    on the (delayed) outputs it is NARMA: train with the true outputs (`netgrad.data.delayed`), and predict with
    `netgrad.unroll`, which feeds the outputs back.

    Source: Pattipati, "Dealing with Sequences".

    >>> import jax.numpy as jnp, netgrad as ng
    >>> x = jnp.arange(1.0, 5.0).reshape(1, 4, 1)
    >>> ng.DelayTaps(3).forward({}, x, ng.Context())[0][0]
    Array([[1., 0., 0.],
           [2., 1., 0.],
           [3., 2., 1.],
           [4., 3., 2.]], dtype=float32)
    """

    taps: int

    def __post_init__(self) -> None:
        if not isinstance(self.taps, int) or self.taps < 1:
            raise NetgradError(f"{self.label}: taps must be a whole number of at least 1, found {self.taps!r}")

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        steps = x.shape[1]
        padded = jnp.pad(x, ((0, 0), (self.taps - 1, 0), (0, 0)))
        back = [padded[:, self.taps - 1 - k : self.taps - 1 - k + steps] for k in range(self.taps)]
        a = jnp.concatenate(back, axis=-1)
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """x_t went to steps t to t + taps - 1, so that is where its gradient comes from."""
        steps = d_out.shape[1]
        padded = jnp.pad(d_out, ((0, 0), (0, self.taps - 1), (0, 0)))
        parts = jnp.split(padded, self.taps, axis=-1)
        return Backward(sum(part[:, k : k + steps] for k, part in enumerate(parts)), {}, d_out)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        raise self.needs_whole("its taps reach back over the border")

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 2 or not all(isinstance(n, int) for n in in_shape):
            raise ShapeError(f"{self.label} needs sequences (N, T, d), found inputs of shape {in_shape}")
        return (in_shape[0], self.taps * in_shape[1])


@register("layer", "repeat")
@dataclass(frozen=True)
class Repeat(Layer):
    """The same vector at each of ``steps`` time-steps: (N, d) -> (N, steps, d), for one-to-many networks.

    Source: Pattipati, one-to-many ("Image captioning").

    >>> import netgrad as ng
    >>> ng.Repeat(7).out_shape((3,))
    (7, 3)
    """

    steps: int

    def __post_init__(self) -> None:
        if not isinstance(self.steps, int) or self.steps < 1:
            raise NetgradError(f"{self.label}: steps must be a whole number of at least 1, found {self.steps!r}")

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = jnp.repeat(x[:, None], self.steps, axis=1)
        return a, {"x": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        return Backward(d_out.sum(1), {}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (self.steps, *in_shape)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None
