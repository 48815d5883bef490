"""The fully connected layer: z = x W + b, a = f(z)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax

from netgrad.errors import NetgradError, ShapeError
from netgrad.initializers import Zeros, for_activation
from netgrad.kernels import single
from netgrad.kernels.dense import dense_forward, dense_gradients, dense_input_gradient
from netgrad.kernels.single import Op
from netgrad.layers.activation import Identity, bent_by
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import find, register
from netgrad.types import Array, Params, Saved, Shape, State


@register("layer", "dense")
@dataclass(frozen=True)
class Dense(Layer):
    """Every unit sees every input: a = f(x W + b).

    Inputs (N, d), or (N, ..., d) for sequences and images, where the same weights serve every position; outputs
    (N, ..., units). Parameters W (d, units) and, unless ``bias=False``, b (units,). Without an initializer W starts
    as `netgrad.initializers.for_activation` says, and b at 0.

    Source: Kelleher 8.2 and 8.3; Z&M 26.4.1; Allauzen "Back-propagation: generalization".

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = ng.Dense(3, activation="relu")
    >>> params = layer.init(jax.random.key(0), (2,))
    >>> {name: value.shape for name, value in params.items()}
    {'W': (2, 3), 'b': (3,)}
    """

    units: int
    activation: Any = Identity()  # an Activation, or its name
    bias: bool = True
    initializer: Any = None  # an Initializer, its name, or None to choose by the activation
    bias_initializer: Any = Zeros()

    def __post_init__(self) -> None:
        if not isinstance(self.units, int) or self.units < 1:
            raise NetgradError(f"{self.label}: units must be a whole number of at least 1, found {self.units!r}")
        object.__setattr__(self, "activation", find("activation", self.activation))
        object.__setattr__(self, "bias_initializer", find("initializer", self.bias_initializer))
        if self.initializer is not None:
            object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def placed(self, first: bool) -> Layer:
        if self.initializer is not None:
            return self
        return self.replace(initializer=for_activation(self.activation.registered_name, first))

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.out_shape(in_shape)
        W_key, b_key, f_key = jax.random.split(key, 3)
        draw = self.initializer or for_activation(self.activation.registered_name, first=False)
        params = {"W": draw(W_key, (in_shape[-1], self.units))}
        if self.bias:
            params["b"] = self.bias_initializer(b_key, (self.units,))
        if of_activation := self.activation.init(f_key, (self.units,)):
            params["activation"] = of_activation
        return params

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        z = dense_forward(x, params["W"], params.get("b"))
        a, _ = self.activation.forward(params.get("activation", {}), z, context)
        return a, {"x": x, "z": z, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = f'(z) * dE/da; dE/dW = x^T delta; dE/db = sum of delta; dE/dx = delta W^T.

        Kelleher eq. 23-30; Allauzen "Back-propagation: generalization".
        """
        delta, of_activation, _ = self.activation.backward(params.get("activation", {}), saved, d_out)
        d_W, d_b = dense_gradients(saved["x"], delta)
        d_params = {"W": d_W, "b": d_b} if self.bias else {"W": d_W}
        if of_activation:
            d_params["activation"] = of_activation
        return Backward(dense_input_gradient(delta, params["W"]), d_params, delta)

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        rows = math.prod(in_shape[:-1])
        if (parts := bent_by(self.activation, rows, self.units)) is None:
            return None
        bend, further = parts
        return (single.dense(params["W"], params.get("b"), rows, bend), *further)

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape or not isinstance(in_shape[-1], int):
            raise ShapeError(f"{self.label} needs inputs of shape (N, ..., d), found {('N', *in_shape)}: add an axis")
        return (*in_shape[:-1], self.units)

    def operations(self, in_shape: Shape) -> int:
        positions = 1
        for n in in_shape[:-1]:
            positions *= n
        return positions * in_shape[-1] * self.units

    def connections(self, in_shape: Shape) -> int:
        return self.operations(in_shape) + self.bias * math.prod(self.out_shape(in_shape))
