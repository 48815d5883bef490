"""Long short-term memory: gates decide what enters the memory c, what stays in it, and what of it is shown as h."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.initializers import Uniform
from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.kernels.recurrent_reference import Back
from netgrad.kernels.single import Op
from netgrad.layers.recurrent import Recurrent, beside, bias_initializer, parts, within
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shapes, State

_PEEPHOLES = ("input_gate", "forget_gate", "output_gate")


@register("layer", "lstm")
@dataclass(frozen=True)
class LSTM(Recurrent):
    """A layer with an internal memory c (N, units) beside its hidden state h, and three gates.

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. The state is [h, c], (N, 2 units).
    Parameters: for each of input_gate, forget_gate, output_gate and candidate W_x (d, units), W_h (units, units) and
    b (units,).

    forget_bias: where the forget gate's bias starts, a number or an initializer; default 3, so that the memory fades
    by 5% a step (1 - logistic(3)) and errors reach some 20 steps back from the first epoch on. With 0 it fades by a
    half, with 1 by a quarter: on the embedded Reber grammar (`netgrad reproduce embedded-reber`) both learn the long
    dependency late or never.
    peepholes: let the gates see the memory: input and forget gate c_(t-1), output gate c_t, each unit its own, with
    weights W_peephole (units,) in those gates (Pattipati, "Long Short-term Memory Networks", which writes W_c c
    without saying that W_c is diagonal, as it is in Gers & Schmidhuber, 2000).

    Source: Z&M 26.2.2 and 26.2.3 (kappa, phi, omega, u there); Kelleher eq. 112-146.

    >>> import jax, netgrad as ng
    >>> layer = ng.LSTM(20)
    >>> params = layer.init(jax.random.key(0), (40, 7))
    >>> {name: value.shape for name, value in params["forget_gate"].items()}
    {'W_x': (7, 20), 'W_h': (20, 20), 'b': (20,)}
    """

    forget_bias: Any = 3.0
    peepholes: bool = False

    gates = ("input_gate", "forget_gate", "output_gate", "candidate")
    memories = 2
    kernel = "lstm"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "forget_bias", bias_initializer(self.forget_bias))

    def init(self, key: Array, in_shape: Shapes) -> Params:
        params = super().init(key, in_shape)
        if self.peepholes:
            for i, gate in enumerate(_PEEPHOLES):
                draw = Uniform(-0.1, 0.1)
                params[gate]["W_peephole"] = draw(jax.random.fold_in(key, i), (self.units,))
        return params

    def init_bias(self, gate: str) -> Any:
        return self.forget_bias if gate == "forget_gate" else self.bias_initializer

    def own(self, params: Params) -> Any:
        """The peepholes (3, units), 0 where there are none."""
        if self.peepholes:
            return jnp.stack([params[g]["W_peephole"] for g in _PEEPHOLES])
        b = params["candidate"]["b"]
        return jnp.zeros((3, self.units), b.dtype)

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """One time-step (Z&M 26.2.2; Kelleher eq. 112-123), z = x_t W_x + h_(t-1) W_h + b for each of the four:

        input, forget, output gate = logistic(z)          [+ W_peephole * c_(t-1), and c_t for the output gate, in z]
        candidate = tanh(z)
        c_t = input * candidate + forget * c_(t-1)
        h_t = output * tanh(c_t)
        """
        _, c = before
        z_input, z_forget, z_output, z_candidate = parts(from_x + met @ U, 4)
        z_input, z_forget = z_input + own[0] * c, z_forget + own[1] * c
        input_, forget, candidate = jax.nn.sigmoid(z_input), jax.nn.sigmoid(z_forget), jnp.tanh(z_candidate)
        c = forget * c + input_ * candidate
        z_output = z_output + own[2] * c
        output = jax.nn.sigmoid(z_output)
        h = output * jnp.tanh(c)
        return Step((h, c), beside(z_input, z_forget, z_output, z_candidate), beside(input_, forget, output, candidate))

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """One time-step back (Z&M 26.2.3; Kelleher eq. 124-146):

        delta^h_t = dE/dh_t = (from the layer above) + sum over gates of delta_(t+1) W_h^T     (Kelleher eq. 124, 145)
        dE/doutput = delta^h_t * tanh(c_t)              delta_output = dE/doutput * output (1 - output)   (eq. 126, 136)
        delta^c_t = dE/dc_t = delta^h_t * output * (1 - tanh(c_t)^2) + forget_(t+1) * delta^c_(t+1)
                    [+ W_peephole * delta of the gate that saw it]                              (eq. 125, 127, 128, 131)
        dE/dforget = delta^c_t * c_(t-1)                delta_forget = dE/dforget * forget (1 - forget)   (eq. 132, 133)
        dE/dinput = delta^c_t * candidate               delta_input = dE/dinput * input (1 - input)       (eq. 130, 134)
        dE/dcandidate = delta^c_t * input               delta_candidate = dE/dcandidate * (1 - candidate^2)
                                                                                                (eq. 129, 135)

        and with all of them kept, dE/dW_x = sum_t x_t^T delta_t and so on, one product (eq. 137).
        """
        d_h, d_c = d_states
        input_, forget, output, candidate = parts(at.gates, 4)
        tanh_c = jnp.tanh(at.states[1])
        d_output = d_h * tanh_c
        of_output = d_output * output * (1 - output)
        d_c = d_c + d_h * output * (1 - tanh_c * tanh_c) + of_output * own[2]
        d_input, d_forget, d_candidate = d_c * candidate, d_c * at.before[1], d_c * input_
        of_input, of_forget = d_input * input_ * (1 - input_), d_forget * forget * (1 - forget)
        delta = beside(of_input, of_forget, of_output, d_candidate * (1 - candidate * candidate))
        d_before = (0, d_c * forget + of_input * own[0] + of_forget * own[1])
        return StepBack(delta, beside(d_input, d_forget, d_output, d_candidate), (d_h, d_c), delta @ U.T, d_before)

    def single(self, params: Params, state: State, in_shape: Shapes) -> tuple[Op, ...] | None:
        own = np.stack([params[g]["W_peephole"] for g in _PEEPHOLES]) if self.peepholes else None
        return self._single("lstm", params, state, in_shape, own=own)

    def own_gradients(self, params: Params, saved: Saved, at: Moment, back: Back) -> Params:
        """Of a peephole: sum_t delta_t * c_(t-1), and c_t for the output gate."""
        if not self.peepholes:
            return {}
        before, now = (within(c, saved.get("lengths")) for c in (at.before[1], at.states[1]))
        pairs = zip(_PEEPHOLES, (before, before, now), parts(back.delta, 4), strict=False)
        return {gate: {"W_peephole": (seen * delta).sum((0, 1))} for gate, seen, delta in pairs}
