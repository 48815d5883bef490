"""The simple recurrent network: h_t = f(x_t W_x + h_(t-1) W_h + b)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from netgrad.kernels.recurrent import rnn_backward, rnn_forward
from netgrad.kernels.recurrent_gradients import rnn_gradients
from netgrad.kernels.recurrent_twins import scan
from netgrad.layers.activation import Identity, Logistic, ReLU, Tanh
from netgrad.layers.base import Context
from netgrad.layers.recurrent import Cell, Recurrent, spans, times
from netgrad.registry import find, register

# The activations for which the loop over time is compiled code; all others run the same equations as a JAX scan.
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

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "activation", find("activation", self.activation))

    def init(self, key, in_shape):
        params = super().init(key, in_shape)
        if of_activation := self.activation.init(key, (self.units,)):
            params["activation"] = of_activation
        return params

    def cell(self, params, x, start, lengths, mask):
        """h_t = f(z_t), z_t = x_t W_x + h_(t-1) W_h + b (Z&M 26.1.1)."""
        W, U, b = params["W_x"], params["W_h"], params["b"]
        if kernel := _KERNELS.get(self.activation):
            h = rnn_forward(x, W, U, b, start, lengths, activation=kernel, reverse=self.reverse, mask=mask)
        else:
            f = self._f(params)

            def step(h: jax.Array, x_t: jax.Array) -> tuple[jax.Array, jax.Array]:
                h = f(x_t @ W + times(h, mask) @ U + b)
                return h, h

            h = scan(step, start, x, spans(lengths, x), self.reverse)[1]
        met = times(self._before(h, start, lengths), None if mask is None else mask[:, None])
        return {"z": self._net_input(params, x, met, lengths), "h": h}

    def cell_backward(self, params, saved, x, d_h, d_last):
        """delta_t = f'(z_t) * (dE/dh_t + delta_(t+1) W_h^T), where dE/dh_t comes from the layers above (Z&M 26.1.2).

        With every delta_t kept, the gradients of the shared weights are one product over time and examples:
        dE/dW_x = sum_t x_t^T delta_t, dE/dW_h = sum_t h_(t-1)^T delta_t, dE/db = sum_t delta_t.
        """
        U, h, start, lengths = params["W_h"], saved["h"], saved["start"], saved.get("lengths")
        mask = saved["masks"].get("h")
        d_params = {}
        if kernel := _KERNELS.get(self.activation):
            delta, d_start = rnn_backward(
                d_h, U, h, start, lengths, d_h_last=d_last, activation=kernel, reverse=self.reverse, mask=mask
            )
        else:

            def step(d_later: jax.Array, now: tuple) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
                d_t, z_t, h_t = now
                delta = self._df(params, z_t, h_t, d_t + d_later).d_in
                return times(delta @ U.T, mask), (delta, d_t + d_later)

            steps = (d_h, saved["z"], h)
            d_start, (delta, d_h) = scan(step, d_last, steps, spans(lengths, h), not self.reverse)
            if "activation" in params:
                d_params["activation"] = self._df(params, saved["z"], h, d_h).d_params
        return Cell(delta, d_start, self._weight_gradients(saved, x, delta) | d_params)

    def cell_gradients(self, params, saved, x, d_h, d_last):
        kernel = _KERNELS.get(self.activation)
        if kernel is None:
            return None
        return rnn_gradients(
            d_h,
            params["W_h"],
            saved["h"],
            x,
            saved["start"],
            saved.get("lengths"),
            d_h_last=d_last,
            activation=kernel,
            reverse=self.reverse,
        )

    def _f(self, params: Any) -> Any:
        return lambda z: self.activation.forward(params.get("activation", {}), z, Context())[0]

    def _df(self, params: Any, z: jax.Array, a: jax.Array, d_a: jax.Array) -> Any:
        return self.activation.backward(params.get("activation", {}), {"z": z, "a": a}, d_a)
