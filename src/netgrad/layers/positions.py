"""Where in its sequence a step stands, for layers that cannot tell, such as attention."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.initializers import Normal
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.window import within
from netgrad.registry import find, register
from netgrad.types import Array, Params, Saved, Shape, State

KINDS = ("sinusoidal", "learned")


@register("layer", "positions")
@dataclass(frozen=True)
class Positions(Layer):
    """Adds to each step of a sequence a vector that belongs to its position: a_t = x_t + p_t, (N, T, d) -> (N, T, d).

    Args:
        encoding: "sinusoidal": p_t is sin(t / 10000^(2i/d)) at 2i and the cosine of that at 2i + 1, for any length, and
            nothing to learn. "learned": p_t is row t of a parameter W (longest, d).
        longest: how many steps learned positions have; sinusoidal ones take any number, and refuse more than this
            where it is given.
        initializer: of the learned ones.

    In the padding a is 0. In a stream (`Layer.stream_state`) t goes on counting; a step that learned positions do not
    have gives NaN. Source: Vaswani et al. 2017, 3.5.

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> a, _ = ng.Positions().forward({}, jnp.zeros((1, 3, 2)), ng.layers.Context())
    >>> [[round(float(p), 2) for p in step] for step in a[0]]
    [[0.0, 1.0], [0.84, 0.54], [0.91, -0.42]]
    """

    encoding: str = "sinusoidal"
    _: KW_ONLY
    longest: int | None = None
    initializer: Any = Normal(0.1)

    def __post_init__(self) -> None:
        if self.encoding not in KINDS:
            raise NetgradError(f"{self.label}: encoding must be one of {', '.join(KINDS)}, found {self.encoding!r}")
        if self.longest is not None and (not isinstance(self.longest, int) or self.longest < 1):
            raise NetgradError(f"{self.label}: longest must be a whole number of at least 1, found {self.longest!r}")
        if self.encoding == "learned" and self.longest is None:
            raise NetgradError(f"{self.label}: learned positions have an end, give longest, such as 512")
        object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def init(self, key: Array, in_shape: Shape) -> Params:
        _, d = self.out_shape(in_shape)
        return {"W": self.initializer(key, (self.longest, d))} if self.encoding == "learned" else {}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        _, steps, d = x.shape
        if context.state:
            at = context.state["at"] + jnp.arange(steps)
            p = jnp.take(params["W"], at, axis=0, mode="fill") if params else sinusoids(at, d).astype(x.dtype)
        else:
            at = jnp.arange(steps)
            p = params["W"][:steps] if params else sinusoids(at, d).astype(x.dtype)
        a = x + p
        if context.lengths is not None:  # whatever stands in the padding is at no position
            a = jnp.where(within(context.lengths, x.shape), a, 0)
        return a, {"x": x, "a": a, "residuals": at} | ({} if context.lengths is None else {"lengths": context.lengths})

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx is what arrives; dE/dW adds up in each row what arrives at that step of all sequences."""
        delta = d_out
        if "lengths" in saved:
            delta = jnp.where(within(saved["lengths"], d_out.shape), d_out, 0)
        if self.encoding == "sinusoidal":
            return Backward(delta, {}, delta)
        d_W = jnp.zeros_like(params["W"]).at[saved["residuals"]].add(delta.sum(0), mode="drop")
        return Backward(delta, {"W": d_W}, delta)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        self.out_shape(in_shape)
        return {"at": jnp.zeros((), jnp.int32)}

    def next_state(self, state: State, saved: Saved) -> State:
        return {"at": saved["residuals"][-1] + 1} if state else state

    @property
    def holds_steps(self) -> bool:
        return True

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 2 or not all(isinstance(n, int) for n in in_shape):
            raise ShapeError(f"{self.label} needs sequences (N, T, d), found inputs of shape {in_shape}")
        if self.longest is not None and in_shape[0] > self.longest:
            raise ShapeError(
                f"{self.label} has {self.longest} positions, found sequences of {in_shape[0]} steps: cut them, or make "
                "the layer with a larger longest"
            )
        return in_shape


def sinusoids(t: jax.Array, d: int) -> jax.Array:
    """(T,) positions -> (T, d): sines and cosines by turns, of wave lengths from 2 pi to nearly 10000 times that."""
    i = jnp.arange(0, d, 2)
    angle = t[:, None] / 10000 ** (i / d)
    return jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1).reshape(len(t), -1)[:, :d]
