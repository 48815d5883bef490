"""Normalisation: batch, layer and weight normalisation, each with its backward rule derived by hand.

The usual place is between weights and activation: ``ng.Dense(64, bias=False), ng.BatchNorm(), ng.ReLU()``, where
beta takes the part of the bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad import kernels
from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels import single
from netgrad.kernels.single import Op
from netgrad.layers import across
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.views import WeightNormed
from netgrad.layers.wrapper import Wrapper
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape, State

_NORMED = WeightNormed("W")


@register("layer", "batch_norm")
@dataclass(frozen=True)
class BatchNorm(Layer):
    """Every unit standardised over the batch, then scaled and moved: a = gamma (x - m) / sqrt(s + epsilon) + beta.

    In training m and s are the mean and the variance, with divisor n - 1 as in the text, over the batch's n examples
    and, for sequences and images, over their positions; padding does not count, and its outputs are 0. Prediction
    uses running averages of both, kept in the layer's state: running <- momentum running + (1 - momentum) batch.

    Inputs and outputs (N, ..., units). Parameters gamma (units,), 1 at the start, and beta (units,), 0 at the start.
    Raises `ShapeError` for a training batch of one number a unit, which has no variance.

    Source: Pattipati "Batch Normalization", where gamma and beta are one number a layer, as they stand printed; here
    every unit has its own, as in Ioffe & Szegedy (2015).

    >>> import jax.numpy as jnp, netgrad as ng
    >>> layer, x = ng.BatchNorm(epsilon=0.0), jnp.array([[1.0], [2.0], [3.0]])
    >>> params, state = layer.init(None, (1,)), layer.init_state((1,))
    >>> layer.forward(params, x, ng.Context(training=True, state=state))[0].ravel().tolist()
    [-1.0, 0.0, 1.0]
    >>> layer.forward(params, x, ng.Context(state=state))[0].ravel().tolist()
    [1.0, 2.0, 3.0]
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise NetgradError(f"{self.label}: momentum must lie in [0, 1), found {self.momentum}")
        check_epsilon(self)

    def init(self, key: Array, in_shape: Shape) -> Params:
        return scale_and_shift(self, in_shape)

    def init_state(self, in_shape: Shape) -> State:
        units = in_shape[-1:]
        return {"mean": jnp.zeros(units, float), "variance": jnp.ones(units, float)}

    def natively(self, x: Array, context: Context) -> bool:
        """Whether this is a step that the kernels take: maps of one device, of which everything counts."""
        whole = context.training and context.lengths is None and not across.spread()
        return whole and x.dtype == jnp.float32 and kernels.batch_norm_has_kernel(x)

    def by_kernel(self, params: Params, x: Array, rectified: bool = False) -> tuple[Array, Saved]:
        """`forward` where it is `natively`, with a rectifier behind it where that is said."""
        gamma, beta = params["gamma"], params["beta"]
        a, mean, variance = kernels.batch_norm_forward(x, gamma, beta, self.epsilon, rectified)
        inverse = 1 / jnp.sqrt(variance + self.epsilon)
        saved = {"x": x, "mean": mean, "variance": variance, "inverse": inverse, "a": a}
        return a, saved | {"normalised": (x - mean) * inverse, "n": jnp.asarray(x.size // x.shape[-1], x.dtype)}

    def back_by_kernel(self, params: Params, saved: Saved, d_out: Array, rectified: bool = False) -> Backward:
        """`backward` of what `by_kernel` saved."""
        gamma, beta = params["gamma"], params["beta"]
        x, mean, variance = saved["x"], saved["mean"], saved["variance"]
        d_in, d_gamma, d_beta = kernels.batch_norm_backward(
            x, gamma, beta, mean, variance, d_out, self.epsilon, rectified
        )
        return Backward(d_in, {"gamma": d_gamma, "beta": d_beta}, d_out)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        if self.natively(x, context):
            return self.by_kernel(params, x)
        valid = _counted_positions(x, context.lengths)
        saved: Saved = {"x": x, "valid": valid}
        x = jnp.where(valid, x, 0)
        if context.training:
            if across.number(valid.size) < 2:
                raise ShapeError(
                    f"{self.label}: a batch of 1 example has no variance to normalise by: choose a batch_size that "
                    "leaves no single example over, or LayerNorm"
                )
            n = across.statistic(valid.sum(dtype=x.dtype))
            mean = across.statistic(total_of(x)) / n
            degrees = jnp.maximum(n - 1, 1)
            variance = across.statistic(total_of(jnp.where(valid, x - mean, 0) ** 2)) / degrees
            saved |= {"n": n, "degrees": degrees}
        else:
            mean, variance = context.state["mean"], context.state["variance"]
        inverse = 1 / jnp.sqrt(variance + self.epsilon)
        normalised = (x - mean) * inverse
        a = jnp.where(valid, params["gamma"] * normalised + params["beta"], 0)
        saved |= {"mean": mean, "variance": variance, "inverse": inverse, "normalised": normalised, "a": a}
        return a, saved

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """With u = (x - m)/sqrt(s + epsilon), r = 1/sqrt(s + epsilon) and g = gamma dE/da, the gradient of u:

        dE/ds = sum g (x - m) (-1/2) r^3, and dE/dm = -r sum g, since s does not change with m. Each x_i moves u_i, m
        (by 1/n) and s (by 2 (x_i - m)/(n - 1)), so that

            dE/dx_i = r (g_i - (sum g)/n - u_i (sum g u)/(n - 1)).

        In prediction m and s are constants, and only the first term is left. dE/dgamma = sum dE/da u; dE/dbeta =
        sum dE/da. (The chain rule through Pattipati's "Batch Normalization", which leaves it to the reader.)
        """
        if "valid" not in saved:
            return self.back_by_kernel(params, saved, d_out)
        # Made again of the input rather than kept: what is kept is written and read, inside a `Stack` in another order.
        u = (jnp.where(saved["valid"], saved["x"], 0) - saved["mean"]) * saved["inverse"]
        d_out = jnp.where(saved["valid"], d_out, 0)
        sum_d, sum_du = total_of(d_out), total_of(d_out * u)
        d_in = d_out
        if "n" in saved:
            d_in = d_out - across.statistic(sum_d) / saved["n"] - u * (across.statistic(sum_du) / saved["degrees"])
            d_in = jnp.where(saved["valid"], d_in, 0)
        d_in = params["gamma"] * saved["inverse"] * d_in
        return Backward(d_in, {"gamma": sum_du, "beta": sum_d}, d_out)

    def next_state(self, state: State, saved: Saved) -> State:
        if "n" not in saved:  # prediction, which only reads them
            return state
        return {
            name: self.momentum * state[name] + (1 - self.momentum) * saved[name].astype(state[name].dtype)
            for name in state
        }

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        scale = params["gamma"] / np.sqrt(state["variance"] + self.epsilon)
        return (single.affine(scale, params["beta"] - state["mean"] * scale, math.prod(in_shape[:-1])),)

    def out_shape(self, in_shape: Shape) -> Shape:
        return _needs_units(self, in_shape)


@register("layer", "layer_norm")
@dataclass(frozen=True)
class LayerNorm(Layer):
    """Every example, at every position, standardised over its units: a = gamma (x - m) / sqrt(s + epsilon) + beta.

    m and s are the mean and variance (divisor units) over the last axis, so that examples do not know each other and
    training and prediction are the same. Inputs and outputs (N, ..., units). Parameters gamma (units,), 1 at the
    start, and beta (units,), 0 at the start.

    Source: Pattipati "Batch Normalization", alternatives: "normalize over features for each sample".

    >>> import jax.numpy as jnp, netgrad as ng
    >>> layer = ng.LayerNorm(epsilon=0.0)
    >>> layer.forward(layer.init(None, (2,)), jnp.array([[1.0, 3.0]]), ng.Context())[0].tolist()
    [[-1.0, 1.0]]
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        check_epsilon(self)

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.out_shape(in_shape)
        return scale_and_shift(self, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        valid = valid_positions(x, context.lengths)
        x = jnp.where(valid, x, 0)
        mean = x.mean(-1, keepdims=True)
        inverse = 1 / jnp.sqrt(x.var(-1, keepdims=True) + self.epsilon)
        normalised = (x - mean) * inverse
        a = jnp.where(valid, params["gamma"] * normalised + params["beta"], 0)
        return a, {"x": x, "valid": valid, "mean": mean, "inverse": inverse, "normalised": normalised, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dx = r (g - mean g - u mean(g u)), means over the units, with g = gamma dE/da and u, r as in `BatchNorm`.

        The same derivation as there, with one example's d units in the place of one unit's n examples, and divisor d.
        """
        u = saved["normalised"]
        d_out = jnp.where(saved["valid"], d_out, 0)
        g = params["gamma"] * d_out
        d_in = saved["inverse"] * (g - g.mean(-1, keepdims=True) - u * (g * u).mean(-1, keepdims=True))
        return Backward(d_in, {"gamma": total_of(d_out * u), "beta": total_of(d_out)}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        if _needs_units(self, in_shape)[-1] < 2:
            raise ShapeError(f"{self.label} needs at least 2 units to normalise over, found {('N', *in_shape)}")
        return in_shape


@register("layer", "weight_norm")
@dataclass(frozen=True)
class WeightNorm(Wrapper):
    """A layer whose weights are learned as length times direction: W = g V / ||V||, for each unit by itself.

    layer: any layer that has weights W whose last axis is the units (`Dense`, `Conv`); they are seen through the view
    `netgrad.layers.views.WeightNormed`, which has the equations. Parameters: the layer's own without W, V of W's
    shape, and the lengths g (units,) under the name W_g. The layer starts exactly as it would without. For a layer of
    a finished network there is `Network.weight_normed`.

    >>> import jax, netgrad as ng
    >>> params = ng.WeightNorm(ng.Dense(3)).init(jax.random.key(0), (2,))
    >>> {name: value.shape for name, value in params.items()}
    {'b': (3,), 'W_g': (3,), 'V': (2, 3)}
    """

    def init(self, key: Array, in_shape: Shape) -> Params:
        params = self.layer.init(key, in_shape)
        if "W" not in params:
            raise NetgradError(
                f"WeightNorm needs a layer with weights W (Dense, Conv), found {type(self.layer).__name__} with "
                f"{', '.join(params) or 'no parameters'}"
            )
        return _NORMED.store(params)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        seen = _NORMED.see(params)
        a, saved = self.layer.forward(seen, x, context)
        return a, saved | {"W": seen["W"]}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """As the layer itself, then through `WeightNormed`."""
        back = self.layer.backward(_NORMED.see(params), saved, d_out)
        return back._replace(d_params=_NORMED.back(params, back.d_params))

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        return self.layer.look_back(_NORMED.see(params), saved, d_out)


def scale_and_shift(layer: Layer, in_shape: Any) -> dict[str, jax.Array]:
    """The first gamma, 1, and beta, 0, of each unit."""
    units = _needs_units(layer, in_shape)[-1:]
    return {"gamma": jnp.ones(units, float), "beta": jnp.zeros(units, float)}


def _needs_units(layer: Layer, in_shape: Shape) -> Shape:
    if not in_shape or not isinstance(in_shape[-1], int):
        raise ShapeError(f"{layer.label} needs inputs of shape (N, ..., units), found {('N', *in_shape)}: add an axis")
    return in_shape


def check_epsilon(layer: Any) -> None:
    """Refuse an epsilon below 0."""
    if not layer.epsilon >= 0:
        raise NetgradError(f"{layer.label}: epsilon must not be negative, found {layer.epsilon}")


def valid_positions(x: jax.Array, lengths: Any) -> jax.Array:
    """Which positions count, (N, ..., 1): those within each sequence, or all."""
    shape = (*x.shape[:-1], 1)
    if lengths is None or x.ndim < 3:
        return jnp.ones(shape, bool)
    steps = jnp.arange(x.shape[1]) < lengths[:, None]
    return jnp.broadcast_to(steps.reshape(*steps.shape, *(1,) * (x.ndim - 2)), shape)


def _counted_positions(x: jax.Array, lengths: Any) -> jax.Array:
    """`valid_positions` of those examples that do not only fill up a device's share."""
    valid, counted = valid_positions(x, lengths), across.counts(x.shape[0])
    return valid if counted is None else valid & counted.reshape(-1, *(1,) * (valid.ndim - 1))


def total_of(value: jax.Array) -> jax.Array:
    """(..., units) -> (units,): the sum over everything but the units."""
    return value.reshape(-1, value.shape[-1]).sum(0)
