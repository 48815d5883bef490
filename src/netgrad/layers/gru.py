"""The gated recurrent unit: the LSTM with memory and hidden state merged into one."""

from __future__ import annotations

from dataclasses import dataclass

from netgrad.kernels.recurrent import gru_backward, gru_forward, gru_weight_gradients
from netgrad.layers.recurrent import Cell, Recurrent, times, within
from netgrad.registry import register


@register("layer", "gru")
@dataclass(frozen=True)
class GRU(Recurrent):
    """A recurrent layer with a reset gate (what of the state the candidate sees) and an update gate (what it replaces).

    Inputs (N, T, d), outputs (N, T, units) unless ``returns`` says otherwise; see
    `netgrad.layers.recurrent.Recurrent` for what all recurrent layers take. Parameters: for each of reset_gate,
    update_gate and candidate W_x (d, units), W_h (units, units) and b (units,).

    Source: Pattipati, "Gated Recurrent Unit" (r and o there; the candidate's bias is ours). The way back follows
    from the same rules as the forget gate's, Z&M 26.2.1.

    >>> import jax, netgrad as ng
    >>> params = ng.GRU(5).init(jax.random.key(0), (30, 7))
    >>> sorted(params)
    ['candidate', 'reset_gate', 'update_gate']
    """

    gates = ("reset_gate", "update_gate", "candidate")

    def cell(self, params, x, start, lengths, mask):
        """One time-step, with z = x_t W_x + h_(t-1) W_h + b for the gates:

        reset, update = logistic(z)
        candidate = tanh(x_t W_x + (reset * h_(t-1)) W_h + b)
        h_t = (1 - update) * h_(t-1) + update * candidate
        """
        W, U, b = self._joined(params)
        h, gates = gru_forward(x, W, U, b, start, lengths, reverse=self.reverse, mask=mask)
        met = times(self._before(h, start, lengths), None if mask is None else mask[:, None])
        z = self._by_gate(self._net_input(params, x, met, lengths))
        of_candidate = params["candidate"]
        seen = gates[..., : self.units] * met
        z["candidate"] = within(x @ of_candidate["W_x"] + seen @ of_candidate["W_h"] + of_candidate["b"], lengths)
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
        """
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
