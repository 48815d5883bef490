"""The simple recurrent network: h_t = f(x_t W_x + h_(t-1) W_h + b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.kernels.recurrent_reference import Back
from netgrad.kernels.single import Op
from netgrad.layers.activation import Identity, Logistic, ReLU, Tanh, bent_by
from netgrad.layers.base import Backward, Context
from netgrad.layers.recurrent import Recurrent
from netgrad.registry import find, register
from netgrad.types import Array, Params, Saved, Shapes, State

# The activations that the C++ library knows, whose derivative follows from h alone.
_KERNELS = {Tanh(): "tanh", ReLU(): "relu", Logistic(): "logistic", Identity(): "identity"}


@register("layer", "rnn")
@dataclass(frozen=True)
class RNN(Recurrent):
    """A layer whose units see the input and what they themselves put out one time-step before.

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. Parameters W_x (d, units),
    W_h (units, units), b (units,).

    Source: Z&M 26.1, eq. for h_t; Kelleher eq. 110; Pattipati "Dealing with Sequences: RNNs".

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = ng.RNN(2, activation="identity")
    >>> params = {"W_x": jnp.ones((1, 2)), "W_h": jnp.eye(2), "b": jnp.zeros(2)}
    >>> h, saved = layer.forward(params, jnp.ones((1, 3, 1)), ng.Context())
    >>> h[0, :, 0]
    Array([1., 2., 3.], dtype=float32)
    """

    activation: Any = Tanh()  # any Activation, or its name

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "activation", find("activation", self.activation))

    def init(self, key: Array, in_shape: Shapes) -> Params:
        params = super().init(key, in_shape)
        if of_activation := self.activation.init(key, (self.units,)):
            params["activation"] = of_activation
        return params

    @property
    def kernel(self) -> str | None:
        name = _KERNELS.get(self.activation)
        return f"rnn_{name}" if name else None

    def own(self, params: Params) -> Any:
        """The parameters of the activation, where it has some."""
        return super().own(params) if self.kernel else params.get("activation", {})

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """h_t = f(z_t), z_t = x_t W_x + h_(t-1) W_h + b (Z&M 26.1.1)."""
        z = from_x + met @ U
        h = self.activation.forward(own, z, Context())[0]
        return Step((h,), z, z[..., :0] if self.kernel else z)

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """delta_t = f'(z_t) * delta^h_t, delta^h_t = dE/dh_t = (from the layer above) + delta_(t+1) W_h^T (Z&M 26.1.2).

        With every delta_t kept, the gradients of the shared weights are one product over time and examples:
        dE/dW_x = sum_t x_t^T delta_t, dE/dW_h = sum_t h_(t-1)^T delta_t, dE/db = sum_t delta_t.
        """
        delta = self._of_activation(own, at, d_states[0]).delta
        return StepBack(delta, delta[..., :0], d_states, delta @ U.T, (0,))

    def single(self, params: Params, state: State, in_shape: Shapes) -> tuple[Op, ...] | None:
        bend, further = bent_by(self.activation, 1, self.units) or (None, ())
        return None if bend is None or further else self._single("rnn", params, state, in_shape, bend)

    def own_gradients(self, params: Params, saved: Saved, at: Moment, back: Back) -> Params:
        if "activation" not in params:
            return {}
        return {"activation": self._of_activation(params["activation"], at, back.d_states[0]).d_params}

    def _of_activation(self, own: Params, at: Moment, d_h: Array) -> Backward:
        (h,) = at.states
        back: Backward = self.activation.backward(own, {"z": h if self.kernel else at.gates, "a": h}, d_h)
        return back
