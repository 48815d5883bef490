"""The LSTM with coupled input and forget gate: what enters the memory is what makes room in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.layers.recurrent import Recurrent, beside, bias_initializer, parts
from netgrad.registry import register
from netgrad.types import Array


@register("layer", "coupled_lstm")
@dataclass(frozen=True)
class CoupledLSTM(Recurrent):
    """An LSTM whose input gate is 1 - forget gate (CIFG): three products with the weights instead of four.

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. The state is [h, c], (N, 2 units).
    Parameters: for each of forget_gate, output_gate and candidate W_x (d, units), W_h (units, units) and b (units,).

    forget_bias: where the forget gate's bias starts, a number or an initializer; default 3, as for `LSTM`.

    Source: Greff, Srivastava, Koutnik, Steunebrink & Schmidhuber, "LSTM: A Search Space Odyssey" (2017), variant CIFG;
    its memory is that of Z&M's forget-gate cell (26.2.1), its output that of their LSTM (26.2.2).

    >>> import jax, netgrad as ng
    >>> sorted(ng.CoupledLSTM(20).init(jax.random.key(0), (40, 7)))
    ['candidate', 'forget_gate', 'output_gate']
    """

    forget_bias: Any = 3.0

    gates = ("forget_gate", "output_gate", "candidate")
    memories = 2
    kernel = "coupled_lstm"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "forget_bias", bias_initializer(self.forget_bias))

    def init_bias(self, gate: str) -> Any:
        return self.forget_bias if gate == "forget_gate" else self.bias_initializer

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """One time-step, with z = x_t W_x + h_(t-1) W_h + b for each of the three:

        forget, output gate = logistic(z),  candidate = tanh(z)
        c_t = forget * c_(t-1) + (1 - forget) * candidate
        h_t = output * tanh(c_t)
        """
        z = from_x + met @ U
        z_forget, z_output, z_candidate = parts(z, 3)
        forget, output, candidate = jax.nn.sigmoid(z_forget), jax.nn.sigmoid(z_output), jnp.tanh(z_candidate)
        c = forget * before[1] + (1 - forget) * candidate
        return Step((output * jnp.tanh(c), c), z, beside(forget, output, candidate))

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """One time-step back, by the rules of Z&M 26.2.1 for c and 26.2.3 for h:

        delta^h_t = dE/dh_t = (from the layer above) + sum over gates of delta_(t+1) W_h^T
        dE/doutput = delta^h_t * tanh(c_t)                  delta_output = dE/doutput * output (1 - output)
        delta^c_t = dE/dc_t = delta^h_t * output * (1 - tanh(c_t)^2) + forget_(t+1) * delta^c_(t+1)
        dE/dforget = delta^c_t * (c_(t-1) - candidate)      delta_forget = dE/dforget * forget (1 - forget)
        dE/dcandidate = delta^c_t * (1 - forget)            delta_candidate = dE/dcandidate * (1 - candidate^2)
        """
        d_h, d_c = d_states
        forget, output, candidate = parts(at.gates, 3)
        tanh_c = jnp.tanh(at.states[1])
        d_c = d_c + d_h * output * (1 - tanh_c * tanh_c)
        d_forget, d_output, d_candidate = d_c * (at.before[1] - candidate), d_h * tanh_c, d_c * (1 - forget)
        of_forget, of_output = d_forget * forget * (1 - forget), d_output * output * (1 - output)
        delta = beside(of_forget, of_output, d_candidate * (1 - candidate * candidate))
        d_gates = beside(d_forget, d_output, d_candidate)
        return StepBack(delta, d_gates, (d_h, d_c), delta @ U.T, (0, d_c * forget))
