"""The gated recurrent unit: the LSTM with memory and hidden state merged into one."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from netgrad.kernels.recurrent import gru_backward, gru_forward
from netgrad.kernels.recurrent_gradients import gru_gradients, gru_weight_gradients, weight_gradients
from netgrad.kernels.recurrent_twins import scan
from netgrad.layers.recurrent import Cell, Recurrent, spans, times, within
from netgrad.registry import register


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

    def init(self, key, in_shape):
        params = super().init(key, in_shape)
        if self.reset_after:
            params["candidate"]["b_h"] = self.bias_initializer(jax.random.fold_in(key, 1), (self.units,))
        return params

    def cell(self, params, x, start, lengths, mask):
        """One time-step, with z = x_t W_x + h_(t-1) W_h + b for the gates:

        reset, update = logistic(z)
        candidate = tanh(x_t W_x + (reset * h_(t-1)) W_h + b)
        h_t = (1 - update) * h_(t-1) + update * candidate

        With ``reset_after`` the candidate is tanh(x_t W_x + reset * (h_(t-1) W_h + b_h) + b).
        """
        W, U, b = self._joined(params)
        if self.reset_after:
            h, gates = self._walk(params, x, start, lengths, mask)
        else:
            h, gates = gru_forward(x, W, U, b, start, lengths, reverse=self.reverse, mask=mask)
        met = times(self._before(h, start, lengths), None if mask is None else mask[:, None])
        z = self._by_gate(self._net_input(params, x, met, lengths))
        of_candidate = params["candidate"]
        reset = gates[..., : self.units]
        if self.reset_after:
            seen = reset * (met @ of_candidate["W_h"] + of_candidate["b_h"])
        else:
            seen = (reset * met) @ of_candidate["W_h"]
        z["candidate"] = within(x @ of_candidate["W_x"] + seen + of_candidate["b"], lengths)
        return {"z": z, "gates": self._by_gate(gates), "h": h, "way_back": gates}

    def cell_backward(self, params, saved, x, d_h, d_last):
        """One time-step back:

        dE/dh_t = (from the layer above) + dE/dh_(t+1) * (1 - update_(t+1)) + reset_(t+1) * d_(t+1)
                  + delta_reset_(t+1) W_h,reset^T + delta_update_(t+1) W_h,update^T
        delta_candidate = dE/dh_t * update * (1 - candidate^2)
        d = delta_candidate W_h,candidate^T, the gradient of reset * h_(t-1)
        delta_reset = d * h_(t-1) * reset (1 - reset)
        delta_update = dE/dh_t * (candidate - h_(t-1)) * update (1 - update)

        and with all of them kept, the weights' gradients are one product over time and examples.

        With ``reset_after`` the gradient of h_(t-1) W_h + b_h in the candidate is reset * delta_candidate, which goes
        back through W_h, and delta_reset = delta_candidate * (h_(t-1) W_h + b_h) * reset (1 - reset).
        """
        if self.reset_after:
            return self._walk_back(params, saved, x, d_h, d_last)
        h, start, gates, lengths = saved["h"], saved["start"], saved["way_back"], saved.get("lengths")
        mask = saved["masks"].get("h")
        delta, d_start = gru_backward(
            d_h,
            self._joined(params)[1],
            h,
            gates,
            start,
            lengths,
            d_h_last=d_last,
            reverse=self.reverse,
            mask=mask,
        )
        met, first = times(h, None if mask is None else mask[:, None]), times(start, mask)
        gradients = gru_weight_gradients(x, met, gates, delta, first, lengths, reverse=self.reverse)
        return Cell(delta, d_start, self._parts(*gradients))

    def cell_gradients(self, params, saved, x, d_h, d_last):
        if self.reset_after:
            return None
        return gru_gradients(
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

    def _walk(self, params, x, start, lengths, mask):
        """The loop over time with ``reset_after``: h (N, T, u) and the gates (N, T, 3u)."""
        W, U, b = self._joined(params)
        b_h = params["candidate"]["b_h"]

        def step(h: jax.Array, x_t: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            of_x, of_h = (jnp.split(z, 3, axis=-1) for z in (x_t @ W + b, times(h, mask) @ U))
            reset, update = (jax.nn.sigmoid(of_x[i] + of_h[i]) for i in (0, 1))
            candidate = jnp.tanh(of_x[2] + reset * (of_h[2] + b_h))
            h = (1 - update) * h + update * candidate
            return h, (h, jnp.concatenate([reset, update, candidate], axis=-1))

        return scan(step, start, x, spans(lengths, x), self.reverse)[1]

    def _walk_back(self, params, saved, x, d_h, d_last):
        U, of_candidate = self._joined(params)[1], params["candidate"]
        h, start, gates, lengths = saved["h"], saved["start"], saved["way_back"], saved.get("lengths")
        mask = saved["masks"].get("h")
        along = None if mask is None else mask[:, None]
        before = self._before(h, start, lengths)
        inner = times(before, along) @ of_candidate["W_h"] + of_candidate["b_h"]

        def step(d_later: jax.Array, now: tuple) -> tuple[jax.Array, jax.Array]:
            d_t, gates_t, h_t, inner_t = now
            d = d_t + d_later
            reset, update, candidate = jnp.split(gates_t, 3, axis=-1)
            of_candidate = d * update * (1 - candidate**2)
            of_reset = of_candidate * inner_t * reset * (1 - reset)
            of_update = d * (candidate - h_t) * update * (1 - update)
            met = jnp.concatenate([of_reset, of_update, reset * of_candidate], axis=-1)
            d_before = d * (1 - update) + times(met @ U.T, mask)
            return d_before, jnp.concatenate([of_reset, of_update, of_candidate], axis=-1)

        steps = (d_h, gates, before, inner)
        d_start, delta = scan(step, d_last, steps, spans(lengths, h), not self.reverse)
        d_params = self._weight_gradients(saved, x, delta)
        seen = gates[..., : self.units] * delta[..., 2 * self.units :]
        _, dU, db = weight_gradients(x, times(h, along), seen, times(start, mask), lengths, reverse=self.reverse)
        d_params["candidate"] |= {"W_h": dU, "b_h": db}
        return Cell(delta, d_start, d_params)
