"""A recurrent layer with a forget gate alone: how much of the state stays, and how much is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netgrad.kernels.recurrent import forget_gate_backward, forget_gate_forward
from netgrad.kernels.recurrent_gradients import forget_gate_gradients
from netgrad.layers.recurrent import Cell, Recurrent, bias_initializer, times
from netgrad.registry import register


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

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "forget_bias", bias_initializer(self.forget_bias))

    def init_bias(self, gate):
        return self.forget_bias if gate == "forget_gate" else self.bias_initializer

    def cell(self, params, x, start, lengths, mask):
        """One time-step (Z&M 26.2.1, eq. 6), with z = x_t W_x + h_(t-1) W_h + b for both:

        forget = logistic(z),  candidate = tanh(z)
        h_t = forget * h_(t-1) + (1 - forget) * candidate
        """
        W, U, b = self._joined(params)
        h, gates = forget_gate_forward(x, W, U, b, start, lengths, reverse=self.reverse, mask=mask)
        met = times(self._before(h, start, lengths), None if mask is None else mask[:, None])
        z = self._by_gate(self._net_input(params, x, met, lengths))
        return {"z": z, "gates": self._by_gate(gates), "h": h, "way_back": gates}

    def cell_backward(self, params, saved, x, d_h, d_last):
        """One time-step back (Z&M 26.2.1, "Computing Net Gradients"):

        delta^h_t = dE/dh_t = (from the layer above) + delta^h_(t+1) * forget_(t+1)
                              + delta_forget_(t+1) W_h,forget^T + delta_candidate_(t+1) W_h,candidate^T
        delta_forget = delta^h_t * (h_(t-1) - candidate) * forget (1 - forget)
        delta_candidate = delta^h_t * (1 - forget) * (1 - candidate^2)

        and with all of them kept, the weights' gradients are one product over time and examples.
        """
        delta, d_start = forget_gate_backward(
            d_h,
            self._joined(params)[1],
            saved["h"],
            saved["way_back"],
            saved["start"],
            saved.get("lengths"),
            d_h_last=d_last,
            reverse=self.reverse,
            mask=saved["masks"].get("h"),
        )
        return Cell(delta, d_start, self._weight_gradients(saved, x, delta))

    def cell_gradients(self, params, saved, x, d_h, d_last):
        return forget_gate_gradients(
            d_h,
            self._joined(params)[1],
            saved["h"],
            saved["way_back"],
            x,
            saved["start"],
            saved.get("lengths"),
            d_h_last=d_last,
            reverse=self.reverse,
        )
