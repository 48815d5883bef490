"""What all recurrent layers share: where they start, what they return, dropout, and the names of their parts.

A cell (`netgrad.layers.cells`, one file each) says how one state follows from the one before, and how the gradient goes
back; everything else about a recurrent layer is here. The loop over time itself is in `netgrad.kernels.recurrent`:
compiled C++ on a CPU, the cell's own equations in plain JAX (`netgrad.kernels.recurrent_reference`) everywhere else.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from netgrad import kernels
from netgrad.errors import NetgradError, ShapeError
from netgrad.initializers import Constant, Orthogonal, Xavier, Zeros
from netgrad.kernels import recurrent, single
from netgrad.kernels.cell import Moment, Step, StepBack
from netgrad.kernels.recurrent_call import full_lengths
from netgrad.kernels.recurrent_gradients import few_weights, input_gradient, weight_gradients
from netgrad.kernels.recurrent_reference import Back, moment, valid_steps, walk_back
from netgrad.kernels.single import LINEAR, Bend, Op
from netgrad.layers.across import drawn
from netgrad.layers.base import Backward, Context, Layer, along_first
from netgrad.registry import find
from netgrad.types import Array, Inputs, Lengths, Params, Saved, Shape, Shapes, State

RETURNS = ("sequence", "last", "state")


@dataclass(frozen=True)
class Recurrent(Layer):
    """Base of the recurrent layers: sequences (N, T, d), with ``lengths`` (N,) where they are unequal.

    Args:
        units: u, the size of the hidden state h.
        returns: "sequence": h at every time-step (N, T, u), for tagging. "last": h after each sequence's last valid
            step (N, u), for many-to-one. "state": the whole state after it (N, s), to start another layer from: h
            (s = u), for an LSTM h and c side by side (s = 2u).
        reverse: walk each sequence's valid part from its last step to its first; outputs keep their time index, and
            the "last" state is the one at the first step.
        learned_state: start from a learned state instead of zeros.
        dropout, recurrent_dropout, output_dropout: the share of inputs, of the h that goes to the next step, and of
            outputs that training drops; one mask serves all time-steps of a sequence (Kelleher, "variational RNN").
        initializer, recurrent_initializer, bias_initializer: of the weights from the inputs (default Xavier), from
            the state before (default orthogonal, spectral radius 1: Z&M 26.2) and of the biases (default 0).

    Called on one symbol the layer starts from zeros; called on two, ``layer(x, state)``, from that state (N, s).
    What stands in the padding of a sequence has no effect on anything.

    The trace shows, besides z, the gates, h and c of every time-step: delta, dE/dz of each gate; delta_h and delta_c,
    the whole gradients dE/dh_t and dE/dc_t of the states (Z&M's delta^h and delta^c; Kelleher eq. 124-131); and
    d_gates, dE/d(gate) before its own derivative (Kelleher eq. 126-132). Only the trace computes them.
    """

    units: int
    _: KW_ONLY
    returns: str = "sequence"
    reverse: bool = False
    learned_state: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    output_dropout: float = 0.0
    initializer: Any = Xavier()
    recurrent_initializer: Any = Orthogonal()
    bias_initializer: Any = Zeros()

    # What `netgrad.kernels.cell.Cell` asks of a cell besides its two equations.
    gates: ClassVar[tuple[str, ...]] = ()
    memories: ClassVar[int] = 1
    kernel: ClassVar[Any] = None
    resets: ClassVar[Any] = False

    def __post_init__(self) -> None:
        if not isinstance(self.units, int) or self.units < 1:
            raise NetgradError(f"{self.label}: units must be a whole number of at least 1, found {self.units!r}")
        if self.returns not in RETURNS:
            raise NetgradError(f"{self.label}: returns must be one of {', '.join(RETURNS)}, found {self.returns!r}")
        for name in ("dropout", "recurrent_dropout", "output_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise NetgradError(f"{self.label}: {name} must lie in [0, 1), found {getattr(self, name)!r}")
        for name in ("initializer", "recurrent_initializer", "bias_initializer"):
            object.__setattr__(self, name, find("initializer", getattr(self, name)))

    # --- what a cell defines

    def step(self, U: jax.Array, own: Any, from_x: jax.Array, met: jax.Array, before: tuple[jax.Array, ...]) -> Step:
        """One time-step: `netgrad.kernels.cell.Cell.step`."""
        raise NotImplementedError

    def step_back(self, U: jax.Array, own: Any, at: Moment, d_states: tuple[jax.Array, ...]) -> StepBack:
        """One time-step back: `netgrad.kernels.cell.Cell.step_back`."""
        raise NotImplementedError

    def own(self, params: Params) -> Any:
        """What a step needs besides W_x, W_h and b; an array (p, u) in a cell that has a kernel."""
        b = params[self.gates[0]]["b"] if self.gates else params["b"]
        return jnp.zeros((0, self.units), b.dtype)

    def own_gradients(self, params: Params, saved: Saved, at: Moment, back: Back) -> Params:
        """The gradients of the parameters that `own` is made of, to be put in the place of those that others have."""
        return {}

    def init_bias(self, gate: str) -> Any:
        """The initializer of this gate's bias."""
        return self.bias_initializer

    # --- the contract

    def init(self, key: Array, in_shape: Shapes) -> Params:
        self.out_shape(in_shape)
        d = _sequence_shape(in_shape)[1]
        gates = self.gates or ("",)
        # All gates' draws as one: a program with each on its own takes as many times as long to compile.
        keys = jax.random.split(key, len(gates))
        x_keys, h_keys, b_keys = jax.vmap(lambda k: jax.random.split(k, 3), out_axes=1)(keys)
        W_x = jax.vmap(lambda k: self.initializer(k, (d, self.units)))(x_keys)
        W_h = jax.vmap(lambda k: self.recurrent_initializer(k, (self.units, self.units)))(h_keys)
        params: Params = {
            gate: {"W_x": W_x[i], "W_h": W_h[i], "b": self.init_bias(gate)(b_keys[i], (self.units,))}
            for i, gate in enumerate(gates)
        }
        if not self.gates:
            params = params[""]
        if self.learned_state:
            params["state"] = jnp.zeros(self.state_size, float)
        return params

    def layout(self, x: Inputs) -> Inputs:
        return kernels.examples_last(x)

    def forward(self, params: Params, x: Inputs, context: Context) -> tuple[Array, Saved]:
        sequence, given = x if isinstance(x, tuple) else (x, None)
        context = context.replace(lengths=along_first(context.lengths))
        masks = self._masks(context, sequence)
        start = self._start(params, given, context, sequence)
        saved: Saved = {"x": x, "start": start, "masks": masks}
        if context.lengths is not None:
            saved["lengths"] = context.lengths
        if "begun" in context.state:
            saved["begun"] = context.state["begun"]
        seen, mask = times(sequence, masks.get("x")), masks.get("h")
        W, U, b = self._joined(params)
        own = self.own(params)
        # c is asked for, too, where sequences are run piece by piece and where the layer answers with its state.
        h_only = context.outputs_only and not context.state and self.returns != "state"
        h, c, gates = recurrent.forward(
            self, seen, W, U, b, own, start, context.lengths, reverse=self.reverse, mask=mask, h_only=h_only
        )
        if h_only:
            last = None if self.returns == "sequence" else self._last(h, start[:, : self.units], context.lengths)
            a = times(h if last is None else last, masks.get("a"))
            return a, {"a": a}
        saved |= {"h": h, "residuals": gates} | ({"c": c} if self.memories > 1 else {})
        at = self._moment(saved)
        z = within(self.step(U, own, seen @ W + b, at.met, at.before).z, context.lengths)
        saved |= {"z": self._by_gate(z), "gates": self._by_gate(gates)} if self.gates else {"z": z}
        ends = [
            self._last(saved[name], part, context.lengths)
            for name, part in zip(("h", "c"), jnp.split(start, self.memories, axis=1), strict=False)
        ]
        saved["state"] = jnp.concatenate(ends, axis=1)
        if self.returns == "state":
            a = saved["state"]
        else:
            a = times(saved["h"] if self.returns == "sequence" else ends[0], masks.get("a"))
        return a, saved | {"a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        x, d_h, d_last = self._arriving(saved, d_out)
        W, U, _ = self._joined(params)
        if self.kernel is None:
            back = self._walk_back(params, saved, d_h, d_last)
        else:
            arrays = (d_h, U, self.own(params), *self._kept(saved), saved.get("lengths"), d_last)
            given = {"reverse": self.reverse, "mask": saved["masks"].get("h")}
            back = Back(*recurrent.backward(self, *arrays, **given))
        h, h0 = self._met(saved)
        gates, lengths = saved["residuals"] if self.resets else None, saved.get("lengths")
        d_params = self._parts(*weight_gradients(x, h, back.delta, h0, lengths, gates=gates, reverse=self.reverse))
        for name, own in self.own_gradients(params, saved, self._moment(saved), back).items():
            d_params[name] = d_params.get(name, {}) | own
        if self.learned_state:
            d_params["state"] = back.d_start.sum(0)
        d_x = times(input_gradient(back.delta, W), saved["masks"].get("x"))
        d_start = jnp.where(saved["begun"], 0, back.d_start) if "begun" in saved else back.d_start
        d_in = (d_x, d_start) if isinstance(saved["x"], tuple) else d_x
        return Backward(d_in, d_params, self._by_gate(back.delta) if self.gates else back.delta)

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        _, d_h, d_last = self._arriving(saved, d_out)
        back = self._walk_back(params, saved, d_h, d_last)
        looked = {f"delta_{name}": d for name, d in zip("hc", back.d_states, strict=False)}
        return looked | ({"d_gates": self._by_gate(back.d_gates)} if self.gates else {})

    def gradients(self, params: Params, saved: Saved, d_out: Array) -> Params | None:
        x, d_h, d_last = self._arriving(saved, d_out)
        U = self._joined(params)[1]
        plain = not any(set(params[gate]) - {"W_x", "W_h", "b"} for gate in self.gates)
        # The gradients of parameters of the cell's own need delta.
        if self.kernel is None or not plain or "h" in saved["masks"] or not few_weights(x, U):
            return None
        arrays = (d_h, U, self.own(params), *self._kept(saved), saved.get("lengths"), d_last, x)
        dW, dU, db, d_start = recurrent.gradients(self, *arrays, reverse=self.reverse)
        d_params = self._parts(dW, dU, db)
        if self.learned_state:
            d_params["state"] = d_start.sum(0)
        return d_params

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        if self.reverse or self.learned_state or self.returns != "sequence":
            raise self.needs_whole("that needs reverse=False, learned_state=False and returns='sequence'")
        state = {"state": jnp.zeros((n, self.state_size), float)}
        given = bool(in_shape) and isinstance(in_shape[0], tuple)  # the first piece starts from the state that is given
        return state | {"begun": jnp.zeros((), bool)} if given else state

    def next_state(self, state: State, saved: Saved) -> State:
        if not state:
            return state
        return {"state": saved["state"]} | ({"begun": jnp.ones((), bool)} if "begun" in state else {})

    def out_shape(self, in_shape: Shapes) -> Shape:
        shape = _sequence_shape(in_shape)
        if shape is None:
            raise ShapeError(f"{self.label} needs sequences (N, T, d), found inputs of shape {in_shape}")
        if isinstance(in_shape[0], tuple):
            if self.learned_state:
                raise NetgradError(f"{self.label} is given a state and told to learn one: choose one of the two")
            if in_shape[1:] != ((self.state_size,),):
                raise ShapeError(
                    f"{self.label} starts from a state of shape (N, {self.state_size}), found {in_shape[1:]}"
                )
        return {"sequence": (shape[0], self.units), "last": (self.units,), "state": (self.state_size,)}[self.returns]

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Lengths:
        return along_first(lengths) if self.returns == "sequence" else None

    def operations(self, in_shape: Shapes) -> int:
        steps, d = _sequence_shape(in_shape)
        return int(steps * max(1, len(self.gates)) * self.units * (d + self.units))

    @property
    def draws(self) -> bool:
        return any((self.dropout, self.recurrent_dropout, self.output_dropout))

    @property
    def state_size(self) -> int:
        """s: how many numbers the state of one sequence has."""
        return self.memories * self.units

    # --- parts

    def _single(
        self, kind: str, params: Params, state: State, in_shape: Shapes, bend: Bend = LINEAR, own: Any = None
    ) -> tuple[Op, ...] | None:
        """What `single` says of a cell that `netgrad.kernels.single` knows by this name."""
        if state or isinstance(in_shape[0], tuple):
            return None
        each = [params[gate] for gate in self.gates] or [params]
        gates = single.Gates(*([part[name] for part in each] for name in ("W_x", "W_h", "b")))
        start = params.get("state")
        return (
            single.recurrent(
                kind, gates, in_shape[0], returns=self.returns, reverse=self.reverse, start=start, own=own, bend=bend
            ),
        )

    def _arriving(self, saved: Saved, d_out: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
        """The inputs as the cell saw them, and the gradients at each h (N, T, u) and at the last state (N, s)."""
        x = saved["x"][0] if isinstance(saved["x"], tuple) else saved["x"]
        masks, d_last = saved["masks"], jnp.zeros_like(saved["start"])
        d_h = jnp.zeros_like(saved["h"])
        if self.returns == "sequence":
            d_h = times(d_out, masks.get("a"))
        elif self.returns == "last":
            d_last = d_last.at[:, : self.units].set(times(d_out, masks.get("a")))
        else:
            d_last = d_out
        return times(x, masks.get("x")), d_h, d_last

    def _start(self, params: Params, given: Any, context: Any, x: jax.Array) -> jax.Array:
        shape = (x.shape[0], self.state_size)
        if given is not None and "begun" in context.state:
            start = jnp.where(context.state["begun"], context.state["state"], given)
        elif given is not None:
            start = given
        elif context.state:
            start = context.state["state"]
        elif self.learned_state:
            start = jnp.broadcast_to(params["state"], shape)
        else:
            start = jnp.zeros(shape, x.dtype)
        if start.shape != shape:
            raise ShapeError(f"{self.label} starts from a state of shape {shape}, found {start.shape}")
        return start

    def _last(self, states: jax.Array, start: jax.Array, lengths: jax.Array | None) -> jax.Array:
        """Of all time-steps' states (N, T, u) each sequence's last (N, u)."""
        return recurrent.last_state(states, start, lengths, reverse=self.reverse)

    def _masks(self, context: Any, x: jax.Array) -> dict[str, jax.Array]:
        """One mask a sequence for each place that has dropout, of 0 and 1/keep, so that the mean stays."""
        if context.key is None:
            return {}
        n, _, d = x.shape
        places = {
            "x": (self.dropout, (n, 1, d)),
            "h": (self.recurrent_dropout, (n, self.units)),
            "a": (self.output_dropout, (n, 1, self.units) if self.returns == "sequence" else (n, self.units)),
        }
        masks = {}
        for i, (name, (rate, shape)) in enumerate(places.items()):
            if rate:
                own = jax.random.fold_in(context.key, i)
                kept = drawn(partial(jax.random.bernoulli, own, 1 - rate), shape)
                masks[name] = kept.astype(x.dtype) / (1 - rate)
        return masks

    def _joined(self, params: Params) -> tuple[jax.Array, jax.Array, jax.Array]:
        """W (d, k), U (u, k) and b (k,): the gates' weights side by side, for one product a step."""
        if not self.gates:
            return params["W_x"], params["W_h"], params["b"]
        W, U, b = (jnp.concatenate([params[g][name] for g in self.gates], axis=-1) for name in ("W_x", "W_h", "b"))
        return W, U, b

    def _by_gate(self, joined: jax.Array) -> dict[str, jax.Array]:
        """(..., k) -> a dict of (..., u) by gate."""
        return dict(zip(self.gates, jnp.split(joined, len(self.gates), axis=-1), strict=True))

    def _parts(self, dW: jax.Array, dU: jax.Array, db: jax.Array) -> Params:
        """The gradients of `_joined`, as the parameters are kept."""
        if not self.gates:
            return {"W_x": dW, "W_h": dU, "b": db}
        split = [self._by_gate(g) for g in (dW, dU, db)]
        return {g: {"W_x": split[0][g], "W_h": split[1][g], "b": split[2][g]} for g in self.gates}

    def _kept(self, saved: Saved) -> tuple[jax.Array, ...]:
        """h, c, the gates and the start, as `netgrad.kernels.recurrent` takes them."""
        h = saved["h"]
        return h, saved.get("c", h[..., :0]), saved["residuals"], saved["start"]

    def _walk_back(self, params: Params, saved: Saved, d_h: jax.Array, d_last: jax.Array) -> Back:
        """The way back in plain JAX, with what the kernels do not write down."""
        U, lengths = self._joined(params)[1], full_lengths(saved.get("lengths"), d_h)
        arrays: tuple[Any, ...] = (d_h, U, self.own(params), *self._kept(saved), lengths, d_last)
        return walk_back(self, *arrays, reverse=self.reverse, mask=saved["masks"].get("h"))

    def _moment(self, saved: Saved) -> Moment:
        """What every time-step met and made."""
        arrays: tuple[Any, ...] = (*self._kept(saved), full_lengths(saved.get("lengths"), saved["h"]))
        return moment(self, *arrays, reverse=self.reverse, mask=saved["masks"].get("h"))

    def _met(self, saved: Saved) -> tuple[jax.Array, jax.Array]:
        """All h and the first one as recurrent dropout leaves them: what meets W_h one step later."""
        mask = saved["masks"].get("h")
        return times(saved["h"], None if mask is None else mask[:, None]), times(saved["start"][:, : self.units], mask)


def bias_initializer(value: Any) -> Any:
    """An initializer, its name, or a number for a bias that starts at that value."""
    return Constant(float(value)) if isinstance(value, int | float) else find("initializer", value)


def _sequence_shape(in_shape: Shapes) -> Any:
    """(T, d) of the first input, or None where it is no sequence of vectors."""
    shape = in_shape[0] if in_shape and isinstance(in_shape[0], tuple) else in_shape
    return shape if len(shape) == 2 else None


def within(value: jax.Array, lengths: Any) -> jax.Array:
    """(N, T, k) with 0 in the padding, whatever stood there."""
    return value if lengths is None else jnp.where(valid_steps(value.shape[1], lengths), value, 0)


def times(value: jax.Array, mask: Any) -> jax.Array:
    """The product with a dropout mask, where there is one."""
    return value if mask is None else value * mask


def parts(joined: jax.Array, n: int) -> list[jax.Array]:
    """(..., n u) as n arrays (..., u): what stands side by side, gate by gate."""
    return jnp.split(joined, n, axis=-1)


def beside(*gates: jax.Array) -> jax.Array:
    """The inverse of `parts`."""
    return jnp.concatenate(gates, axis=-1)
