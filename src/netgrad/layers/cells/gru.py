"""The gated recurrent unit: the LSTM with memory and hidden state merged into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.kernels.recurrent_gradients import sequence_dense_gradients
from netgrad.kernels.recurrent_reference import Back
from netgrad.kernels.single import Op
from netgrad.layers.recurrent import Recurrent, beside, parts, within
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shapes, State


@register("layer", "gru")
@dataclass(frozen=True)
class GRU(Recurrent):
    """A recurrent layer with a reset gate (what of the state the candidate sees) and an update gate (what it replaces).

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. Parameters: for each of reset_gate,
    update_gate and candidate W_x (d, units), W_h (units, units) and b (units,).

    reset_after: let the reset gate act on what the candidate's weights make of the state, not on the state before
    them. So do PyTorch, Keras and cuDNN, and neither form's weights give the other's function: set it to take over
    weights from there. The candidate then has a second bias b_h (units,), inside the gate. Default False, as in the
    text; True runs in plain JAX, without a kernel.

    Source: Pattipati, "Gated Recurrent Unit" (r and o there; the candidate's bias is ours). The way back follows
    from the same rules as the forget gate's, Z&M 26.2.1.

    >>> import jax, netgrad as ng
    >>> params = ng.GRU(5).init(jax.random.key(0), (30, 7))
    >>> sorted(params)
    ['candidate', 'reset_gate', 'update_gate']
    """

    reset_after: bool = False

    gates = ("reset_gate", "update_gate", "candidate")

    def init(self, key: Array, in_shape: Shapes) -> Params:
        params = super().init(key, in_shape)
        if self.reset_after:
            params["candidate"]["b_h"] = self.bias_initializer(jax.random.fold_in(key, 1), (self.units,))
        return params

    @property
    def kernel(self) -> str | None:
        return None if self.reset_after else "gru"

    @property
    def resets(self) -> bool:
        return not self.reset_after

    def own(self, params: Params) -> Any:
        """b_h (units,), where the reset gate acts after the weights."""
        return params["candidate"]["b_h"] if self.reset_after else super().own(params)

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """One time-step, with z = x_t W_x + h_(t-1) W_h + b for the gates:

        reset, update = logistic(z)
        candidate = tanh(x_t W_x + (reset * h_(t-1)) W_h + b)
        h_t = (1 - update) * h_(t-1) + update * candidate

        With ``reset_after`` the candidate is tanh(x_t W_x + reset * (h_(t-1) W_h + b_h) + b).
        """
        two = 2 * self.units
        z_gates = from_x[..., :two] + met @ U[:, :two]
        reset, update = parts(jax.nn.sigmoid(z_gates), 2)
        seen = reset * (met @ U[:, two:] + own) if self.reset_after else (reset * met) @ U[:, two:]
        z_candidate = from_x[..., two:] + seen
        candidate = jnp.tanh(z_candidate)
        h = (1 - update) * before[0] + update * candidate
        return Step((h,), beside(z_gates, z_candidate), beside(reset, update, candidate))

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """One time-step back:

        delta^h_t = dE/dh_t = (from the layer above) + delta^h_(t+1) * (1 - update_(t+1)) + reset_(t+1) * d_(t+1)
                              + delta_reset_(t+1) W_h,reset^T + delta_update_(t+1) W_h,update^T
        dE/dcandidate = delta^h_t * update                   delta_candidate = dE/dcandidate * (1 - candidate^2)
        d = delta_candidate W_h,candidate^T, the gradient of reset * h_(t-1)
        dE/dreset = d * h_(t-1)                              delta_reset = dE/dreset * reset (1 - reset)
        dE/dupdate = delta^h_t * (candidate - h_(t-1))       delta_update = dE/dupdate * update (1 - update)

        and with all of them kept, the weights' gradients are one product over time and examples.

        With ``reset_after`` the gradient of h_(t-1) W_h + b_h in the candidate is reset * delta_candidate, which goes
        back through W_h, and dE/dreset = delta_candidate * (h_(t-1) W_h + b_h).
        """
        (d_h,), (before,), two = d_states, at.before, 2 * self.units
        reset, update, candidate = parts(at.gates, 3)
        d_candidate, d_update = d_h * update, d_h * (candidate - before)
        of_candidate = d_candidate * (1 - candidate * candidate)
        if self.reset_after:
            d_reset = of_candidate * (at.met @ U[:, two:] + own)
            d_met = (reset * of_candidate) @ U[:, two:].T
        else:
            d = of_candidate @ U[:, two:].T
            d_reset, d_met = d * at.met, d * reset
        of_gates = beside(d_reset * reset * (1 - reset), d_update * update * (1 - update))
        delta, d_gates = beside(of_gates, of_candidate), beside(d_reset, d_update, d_candidate)
        return StepBack(delta, d_gates, d_states, d_met + of_gates @ U[:, :two].T, (d_h * (1 - update),))

    def single(self, params: Params, state: State, in_shape: Shapes) -> tuple[Op, ...] | None:
        if not self.reset_after:
            return self._single("gru", params, state, in_shape)
        return self._single("gru_reset_after", params, state, in_shape, own=params["candidate"]["b_h"][None])

    def own_gradients(self, params: Params, saved: Saved, at: Moment, back: Back) -> Params:
        """With ``reset_after``: of b_h, and of the candidate's W_h, which met h_(t-1) and sends reset * delta on."""
        if not self.reset_after:
            return {}
        reset, _, _ = parts(at.gates, 3)
        seen = reset * back.delta[..., 2 * self.units :]
        dU, db = sequence_dense_gradients(within(at.met, saved.get("lengths")), seen)
        return {"candidate": {"W_h": dU, "b_h": db}}
