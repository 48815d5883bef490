"""A recurrent layer with a forget gate alone: how much of the state stays, and how much is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.layers.recurrent import Recurrent, beside, bias_initializer, parts
from netgrad.registry import register
from netgrad.types import Array


@register("layer", "forget_gate_rnn")
@dataclass(frozen=True)
class ForgetGateRNN(Recurrent):
    """A recurrent layer that updates its state only as far as its forget gate lets go of the old one.

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. Parameters: for each of forget_gate and
    candidate W_x (d, units), W_h (units, units) and b (units,).

    forget_bias: where the forget gate's bias starts, a number or an initializer; default 0. A larger one keeps
    states for longer from the start on: a state fades by 1 - logistic(forget_bias) a step.

    Source: Z&M 26.2.1 (phi and u there).

    >>> import jax, netgrad as ng
    >>> params = ng.ForgetGateRNN(5).init(jax.random.key(0), (30, 7))
    >>> sorted(params), params["candidate"]["W_x"].shape
    (['candidate', 'forget_gate'], (7, 5))
    """

    forget_bias: Any = 0.0

    gates = ("forget_gate", "candidate")
    kernel = "forget_gate"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "forget_bias", bias_initializer(self.forget_bias))

    def init_bias(self, gate: str) -> Any:
        return self.forget_bias if gate == "forget_gate" else self.bias_initializer

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """One time-step (Z&M 26.2.1, eq. 6), with z = x_t W_x + h_(t-1) W_h + b for both:

        forget = logistic(z),  candidate = tanh(z)
        h_t = forget * h_(t-1) + (1 - forget) * candidate
        """
        z = from_x + met @ U
        z_forget, z_candidate = parts(z, 2)
        forget, candidate = jax.nn.sigmoid(z_forget), jnp.tanh(z_candidate)
        h = forget * before[0] + (1 - forget) * candidate
        return Step((h,), z, beside(forget, candidate))

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """One time-step back (Z&M 26.2.1, "Computing Net Gradients"):

        delta^h_t = dE/dh_t = (from the layer above) + delta^h_(t+1) * forget_(t+1)
                              + delta_forget_(t+1) W_h,forget^T + delta_candidate_(t+1) W_h,candidate^T
        dE/dforget = delta^h_t * (h_(t-1) - candidate)     delta_forget = dE/dforget * forget (1 - forget)
        dE/dcandidate = delta^h_t * (1 - forget)           delta_candidate = dE/dcandidate * (1 - candidate^2)

        and with all of them kept, the weights' gradients are one product over time and examples.
        """
        (d_h,), (before,) = d_states, at.before
        forget, candidate = parts(at.gates, 2)
        d_forget, d_candidate = d_h * (before - candidate), d_h * (1 - forget)
        delta = beside(d_forget * forget * (1 - forget), d_candidate * (1 - candidate * candidate))
        return StepBack(delta, beside(d_forget, d_candidate), d_states, delta @ U.T, (d_h * forget,))
