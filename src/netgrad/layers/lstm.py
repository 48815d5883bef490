"""Long short-term memory: gates decide what enters the memory c, what stays in it, and what of it is shown as h."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.initializers import Uniform
from netgrad.kernels.recurrent import lstm_backward, lstm_forward
from netgrad.kernels.recurrent_gradients import lstm_gradients, peephole_gradients
from netgrad.layers.recurrent import Cell, Recurrent, bias_initializer, times, within
from netgrad.registry import register

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

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "forget_bias", bias_initializer(self.forget_bias))

    def init(self, key, in_shape):
        params = super().init(key, in_shape)
        if self.peepholes:
            for i, gate in enumerate(_PEEPHOLES):
                draw = Uniform(-0.1, 0.1)
                params[gate]["W_peephole"] = draw(jax.random.fold_in(key, i), (self.units,))
        return params

    def init_bias(self, gate):
        return self.forget_bias if gate == "forget_gate" else self.bias_initializer

    def cell(self, params, x, start, lengths, mask):
        """One time-step (Z&M 26.2.2; Kelleher eq. 112-123), z = x_t W_x + h_(t-1) W_h + b for each of the four:

        input, forget, output gate = logistic(z)          [+ W_peephole * c_(t-1), and c_t for the output gate, in z]
        candidate = tanh(z)
        c_t = input * candidate + forget * c_(t-1)
        h_t = output * tanh(c_t)
        """
        W, U, b = self._joined(params)
        h0, c0 = jnp.split(start, 2, axis=1)
        h, c, gates = lstm_forward(
            x, W, U, b, h0, c0, lengths, peepholes=self._peepholes(params), reverse=self.reverse, mask=mask
        )
        met = times(self._before(h, h0, lengths), None if mask is None else mask[:, None])
        z = self._by_gate(self._net_input(params, x, met, lengths))
        if self.peepholes:
            seen = {"input_gate": self._before(c, c0, lengths), "output_gate": c}
            seen["forget_gate"] = seen["input_gate"]
            z |= {g: z[g] + within(params[g]["W_peephole"] * seen[g], lengths) for g in _PEEPHOLES}
        return {"z": z, "gates": self._by_gate(gates), "c": c, "h": h, "way_back": gates}

    def cell_backward(self, params, saved, x, d_h, d_last):
        """One time-step back (Z&M 26.2.3; Kelleher eq. 124-146):

        dE/dh_t = (from the layer above) + sum over gates of delta_(t+1) W_h^T          (Kelleher eq. 124, 145)
        delta_output = dE/dh_t * tanh(c_t) * output (1 - output)                         (eq. 126, 136)
        dE/dc_t = dE/dh_t * output * (1 - tanh(c_t)^2) + forget_(t+1) * dE/dc_(t+1)      (eq. 125, 127, 128, 131)
        delta_forget = dE/dc_t * c_(t-1) * forget (1 - forget)                           (eq. 132, 133)
        delta_input = dE/dc_t * candidate * input (1 - input)                            (eq. 130, 134)
        delta_candidate = dE/dc_t * input * (1 - candidate^2)                            (eq. 129, 135)

        and with all of them kept, dE/dW_x = sum_t x_t^T delta_t and so on, one product (eq. 137).
        """
        c, c0, lengths = saved["c"], saved["start"][:, self.units :], saved.get("lengths")
        d_h_last, d_c_last = jnp.split(d_last, 2, axis=1)
        delta, d_h0, d_c0 = lstm_backward(
            d_h,
            self._joined(params)[1],
            c,
            saved["way_back"],
            c0,
            lengths,
            peepholes=self._peepholes(params),
            d_h_last=d_h_last,
            d_c_last=d_c_last,
            reverse=self.reverse,
            mask=saved["masks"].get("h"),
        )
        d_params = self._weight_gradients(saved, x, delta)
        if self.peepholes:
            of_peepholes = peephole_gradients(c, delta, c0, lengths, reverse=self.reverse)
            for gate, gradient in zip(_PEEPHOLES, of_peepholes, strict=True):
                d_params[gate]["W_peephole"] = gradient
        return Cell(delta, jnp.concatenate([d_h0, d_c0], axis=1), d_params)

    def cell_gradients(self, params, saved, x, d_h, d_last):
        if self.peepholes:
            return None
        h0, c0 = jnp.split(saved["start"], 2, axis=1)
        d_h_last, d_c_last = jnp.split(d_last, 2, axis=1)
        return lstm_gradients(
            d_h,
            self._joined(params)[1],
            saved["c"],
            saved["way_back"],
            x,
            saved["h"],
            h0,
            c0,
            saved.get("lengths"),
            d_h_last=d_h_last,
            d_c_last=d_c_last,
            reverse=self.reverse,
        )

    def _peepholes(self, params: Any) -> Any:
        return jnp.stack([params[g]["W_peephole"] for g in _PEEPHOLES]) if self.peepholes else None
