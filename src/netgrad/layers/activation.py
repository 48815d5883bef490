"""Activation functions: how a unit turns its net input z into its output a.

Each is a layer of its own and can stand alone, or inside another layer as its ``activation``, by name or as an
instance. An elementwise one is two lines: `f` (a from z) and `df` (da/dz from z and a); `Softmax`, whose outputs
depend on each other, states its full Jacobian product.

Sources: Kelleher 8.2-8.3 (threshold, logistic, tanh, ReLU, softmax); Pattipati lectures 9-10 (slope, scaled tanh,
leaky ReLU, ELU); Z&M 25-26.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels import single
from netgrad.kernels.single import Bend, Op
from netgrad.layers.base import Backward, Context, Layer, says_for
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape, State


@dataclass(frozen=True)
class Activation(Layer):
    """Base of the activation functions; the elementwise ones define `f` and `df`."""

    kind: ClassVar[str] = "activation"

    def f(self, z: jax.Array) -> jax.Array:
        """a = f(z), elementwise."""
        raise NotImplementedError

    def df(self, z: jax.Array, a: jax.Array) -> jax.Array:
        """da/dz, from whichever of z and a makes it cheapest."""
        raise NotImplementedError

    @property
    def bend(self) -> Bend | None:
        """`f` as `netgrad.kernels.single` knows it; None where it does not."""
        return None

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = self.f(x)
        return a, {"z": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = dE/da * da/dz (Kelleher eq. 23; Z&M 26.1.2)."""
        delta = d_out * self.df(saved["z"], saved["a"])
        return Backward(delta, {}, delta)

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        size = math.prod(in_shape)
        if (parts := bent_by(self, size // in_shape[-1] if in_shape else 1, in_shape[-1] if in_shape else 1)) is None:
            return None
        bend, further = parts
        return further or (single.bent(bend, size),)

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape


@register("activation", "threshold")
@dataclass(frozen=True)
class Threshold(Activation):
    """McCulloch and Pitts: 1 where z >= ``threshold`` (default 0), else 0; its derivative is 0 everywhere.

    No gradient passes it: train such units with the loss "perceptron", or set their weights by hand.
    """

    threshold: float = 0.0

    def f(self, z: Array) -> Array:
        # z - z is 0 for every finite z and NaN otherwise, so that a NaN is not turned into a 0 in silence.
        return (z >= self.threshold).astype(z.dtype) + jnp.where(jnp.isnan(z), z, 0)

    @property
    def bend(self) -> Bend:
        return Bend("threshold", self.threshold)

    def df(self, z: Array, a: Array) -> Array:
        return jnp.zeros_like(z)


@register("activation", "identity")
@dataclass(frozen=True)
class Identity(Activation):
    """a = z: a linear unit."""

    def f(self, z: Array) -> Array:
        return z

    @property
    def bend(self) -> Bend:
        return Bend()

    def df(self, z: Array, a: Array) -> Array:
        return jnp.ones_like(z)


@register("activation", "logistic")
@dataclass(frozen=True)
class Logistic(Activation):
    """a = 1 / (1 + e^(-slope z)), da/dz = slope a (1 - a); slope 1 by default (Pattipati, "Training MLPs")."""

    slope: float = 1.0

    def f(self, z: Array) -> Array:
        return jax.nn.sigmoid(self.slope * z)

    @property
    def bend(self) -> Bend:
        return Bend("logistic", self.slope)

    def df(self, z: Array, a: Array) -> Array:
        return self.slope * a * (1 - a)


@register("activation", "tanh")
@dataclass(frozen=True)
class Tanh(Activation):
    """a = tanh(z), da/dz = 1 - a^2."""

    def f(self, z: Array) -> Array:
        return jnp.tanh(z)

    @property
    def bend(self) -> Bend:
        return Bend("tanh")

    def df(self, z: Array, a: Array) -> Array:
        return 1 - a * a


@register("activation", "scaled_tanh")
@dataclass(frozen=True)
class ScaledTanh(Activation):
    """a = alpha tanh(beta z), by default 1.716 tanh(2/3 z) (Pattipati, "Backprop practicalities")."""

    alpha: float = 1.716
    beta: float = 2 / 3

    def f(self, z: Array) -> Array:
        return self.alpha * jnp.tanh(self.beta * z)

    @property
    def bend(self) -> Bend:
        return Bend("tanh", self.alpha, self.beta)

    def df(self, z: Array, a: Array) -> Array:
        return self.beta * (self.alpha - a * a / self.alpha)


@register("activation", "relu")
@dataclass(frozen=True)
class ReLU(Activation):
    """a = max(0, z); the derivative at 0 is taken as 0 (Kelleher 8.4.1)."""

    def f(self, z: Array) -> Array:
        return jnp.maximum(z, 0)

    @property
    def bend(self) -> Bend:
        return Bend("relu")

    def df(self, z: Array, a: Array) -> Array:
        return (a > 0).astype(a.dtype)  # where z > 0 and nowhere else; a is at hand even where z was not written


@register("activation", "leaky_relu")
@dataclass(frozen=True)
class LeakyReLU(Activation):
    """a = z where z > 0, else ``slope`` z: a unit that cannot die.

    slope: 0.01 by default, as in Maas et al. (2013) and PyTorch; Pattipati, "What Made Deep Learning Feasible?", takes
    about 0.1.
    """

    slope: float = 0.01

    def f(self, z: Array) -> Array:
        return jnp.where(z > 0, z, self.slope * z)

    @property
    def bend(self) -> Bend:
        return Bend("leaky_relu", self.slope)

    def df(self, z: Array, a: Array) -> Array:
        return jnp.where(z > 0, 1, self.slope).astype(z.dtype)


@register("activation", "elu")
@dataclass(frozen=True)
class ELU(Activation):
    """a = z where z > 0, else alpha (e^z - 1), alpha 1 by default."""

    alpha: float = 1.0

    def f(self, z: Array) -> Array:
        return jnp.where(z > 0, z, self.alpha * jnp.expm1(jnp.minimum(z, 0)))

    @property
    def bend(self) -> Bend:
        return Bend("elu", self.alpha)

    def df(self, z: Array, a: Array) -> Array:
        return jnp.where(z > 0, 1, a + self.alpha).astype(z.dtype)


@register("activation", "prelu")
@dataclass(frozen=True)
class PReLU(Activation):
    """a = z where z > 0, else slope z with one learned ``slope`` for each unit (the last axis), 0.25 at the start."""

    initial_slope: float = 0.25

    def init(self, key: Array, in_shape: Shape) -> Params:
        if not in_shape:
            raise ShapeError("PReLU needs units (a last axis), found a single number for each example")
        return {"slope": jnp.full(in_shape[-1:], self.initial_slope, float)}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = jnp.where(x > 0, x, params["slope"] * x)
        return a, {"z": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        z = saved["z"]
        delta = d_out * jnp.where(z > 0, 1, params["slope"])
        d_slope = jnp.where(z > 0, 0, d_out * z).reshape(-1, z.shape[-1]).sum(0)
        return Backward(delta, {"slope": d_slope}, delta)


@register("activation", "gelu")
@dataclass(frozen=True)
class GELU(Activation):
    """a = z P(z), with P the standard normal's distribution function: a smooth rectifier (Hendrycks & Gimpel 2016).

    da/dz = P(z) + z p(z), with p its density. The exact form, as PyTorch's default, not the one through tanh.
    """

    def f(self, z: Array) -> Array:
        return z * _normal_cdf(z)

    def df(self, z: Array, a: Array) -> Array:
        return _normal_cdf(z) + z * jnp.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


@register("activation", "silu")
@dataclass(frozen=True)
class SiLU(Activation):
    """a = z s(z), with s the logistic function: swish; da/dz = s + a (1 - s) (Ramachandran et al. 2017)."""

    def f(self, z: Array) -> Array:
        return z * jax.nn.sigmoid(z)

    @property
    def bend(self) -> Bend:
        return Bend("silu")

    def df(self, z: Array, a: Array) -> Array:
        s = jax.nn.sigmoid(z)
        return s + a * (1 - s)


@register("activation", "softplus")
@dataclass(frozen=True)
class Softplus(Activation):
    """a = ln(1 + e^z), a rectifier without a corner, whose output is positive; da/dz is the logistic function of z."""

    def f(self, z: Array) -> Array:
        return jax.nn.softplus(z)

    @property
    def bend(self) -> Bend:
        return Bend("softplus")

    def df(self, z: Array, a: Array) -> Array:
        return jax.nn.sigmoid(z)


def bent_by(activation: Activation, rows: int, units: int) -> tuple[Bend, tuple[Op, ...]] | None:
    """How `netgrad.kernels.single` bends (rows, units): in the pass before, and by ops after it; None where it cannot.

    >>> bent_by(Tanh(), 1, 4)[0].name, len(bent_by(Softmax(), 1, 4)[1]), bent_by(GELU(), 1, 4)
    ('tanh', 1, None)
    """
    if type(activation) is Softmax:
        return Bend(), (single.softmax(rows, units),)
    own = says_for(type(activation), "bend", "f") and says_for(type(activation), "single", "forward", "call")
    bend = activation.bend if own else None
    return None if bend is None else (bend, ())


def _normal_cdf(z: jax.Array) -> jax.Array:
    return 0.5 * jax.lax.erfc(-z / math.sqrt(2))


@register("activation", "softmax")
@dataclass(frozen=True)
class Softmax(Activation):
    """a_k = e^(z_k) / sum_j e^(z_j) over the last axis.

    For a classifier leave the last layer linear and use the loss "softmax_cross_entropy", which is stable and whose
    delta is p - t; this layer is for every other loss, with its full Jacobian da_i/dz_j = a_i ([i=j] - a_j)
    (Kelleher eq. 74-76; Z&M algorithm 26.1, line 15).
    """

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        a = jax.nn.softmax(x, axis=-1)
        return a, {"z": x, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        a = saved["a"]
        delta = a * (d_out - jnp.sum(d_out * a, axis=-1, keepdims=True))
        return Backward(delta, {}, delta)

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape:
            raise NetgradError("Softmax needs units (a last axis), found a single number for each example")
        return in_shape
