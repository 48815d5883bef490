"""Watching a run as it goes: signals sampled every few steps inside the compiled step, and what they say by epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad.diagnosis.checks.gradients import ExplodingGradients, VanishingGradients
from netgrad.diagnosis.checks.units import DeadUnits, SaturatedUnits
from netgrad.diagnosis.signals import Signal, activation_of, signals
from netgrad.errors import NetgradError
from netgrad.network import Network
from netgrad.training.callbacks import Callback


class Sample(NamedTuple):
    """Of one layer, each a number, averaged over the samples of an epoch: the sizes of z, a and delta, the shares of
    units that are dead and of cases that are saturated, and the layer's learning speed |dW| / |W|."""

    z: Any
    a: Any
    delta: Any
    dead: Any
    saturated: Any
    speed: Any


class Watching(NamedTuple):
    """What a watched optimiser carries along: its own state, the step's number, and sums over samples."""

    own: Any
    step: jax.Array
    samples: jax.Array
    sums: dict[str, Sample]


@lru_cache(maxsize=64)
def watching(optimizer: Any, network: Network, every: int) -> optax.GradientTransformationExtraArgs:
    """The optimiser, which also looks at every so many-th step: ``look`` of `netgrad.training.supervised.update`."""
    inner = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> Watching:
        zero = jnp.zeros((), jnp.result_type(*jax.tree.leaves(params)))
        sums = {node.name: Sample(*[zero] * len(Sample._fields)) for node in network.nodes}
        return Watching(inner.init(params), jnp.zeros((), int), jnp.zeros((), int), sums)

    def update(updates: Any, state: Watching, params: Any = None, **extra: Any) -> tuple[Any, Watching]:
        batch, look = extra["batch"], extra["look"]

        def sampled(sums: dict[str, Sample]) -> dict[str, Sample]:
            found = signals(network, look(), params, batch, inside=False)
            return {
                name: Sample(
                    *(old + jnp.asarray(new, old.dtype) for old, new in zip(sums[name], _sample(one), strict=True))
                )
                for name, one in found.items()
                if name in sums
            }

        due = state.step % every == 0
        sums = jax.lax.cond(due, sampled, lambda sums: sums, state.sums)
        updates, own = inner.update(updates, state.own, params, **extra)
        return updates, Watching(own, state.step + 1, state.samples + due, sums)

    return optax.GradientTransformationExtraArgs(init, update)


def _sample(signal: Signal) -> Sample:
    dead = (signal.answer == 0).mean() if signal.answer.size else jnp.nan
    flat = signal.flat.mean() if signal.flat.size else jnp.nan
    return Sample(signal.z, signal.a, signal.delta, dead, flat, signal.speed)


@dataclass
class Watch(Callback):
    """Look at every layer as training goes on, and note the epoch in which something goes wrong.

    every: so many steps pass between two looks, each of which costs three to five more; 100 keeps the cost of watching
    below a tenth.

    After each epoch ``records`` has one dict more, from layer to `Sample`, and what is noticed for the first time is
    added to ``history.events``: vanishing or exploding gradients, dead and saturated units (with the thresholds of
    their checks), a gradient that spikes, a loss that rises again and again, a validation loss that rises. An event is
    a moment to look at, no verdict: that is `Model.diagnose`'s.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ng.Sequential([ng.Dense(8, activation="relu", bias_initializer=ng.Constant(-50.0)), ng.Dense(1)])
    >>> watch = ng.Watch()
    >>> model = ng.fit(net, x, x.sum(1), epochs=2, callbacks=[watch])
    >>> [event["finding"] for event in model.history.events]
    ['dead_units']
    """

    only_looks = True

    every: int = 100
    records: list[dict[str, Sample]] = field(default_factory=list, init=False)
    _weighted: list[str] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self):
        if not isinstance(self.every, int) or self.every < 1:
            raise NetgradError(f"every must be a whole number of at least 1 step, found {self.every!r}")

    def wrap(self, optimizer, model):
        return watching(optimizer, model.network, self.every)

    def on_start(self, run):
        self.records.clear()

    def on_epoch(self, run):
        state = _find(run.carry.opt_state)
        if count := int(state.samples):
            self.records.append(jax.tree.map(lambda total: float(total) / count, state.sums))
            run.carry = run.carry._replace(opt_state=_put(run.carry.opt_state, _emptied(state)))
            if run.starts is not None:
                carries = run.starts.carries
                both = _put(carries.opt_state, _emptied(_find(carries.opt_state)))
                run.starts.carries = carries._replace(opt_state=both)
        seen = {event["finding"] for event in run.history.events}
        for finding, message in self.noticed(run):
            if finding not in seen:
                run.history.events.append({"epoch": run.epoch, "finding": finding, "message": message})

    def state(self):
        rows = np.array([[list(sample) for sample in record.values()] for record in self.records], float)
        return {"layers": list(self.records[0]) if self.records else [], "records": rows}

    def restore(self, state):
        rows = np.asarray(state["records"]).tolist()
        self.records = [{name: Sample(*row) for name, row in zip(state["layers"], r, strict=True)} for r in rows]

    def noticed(self, run):
        """What this epoch shows, as pairs of finding and message."""
        if self.records:
            yield from self._of_layers(run.network)
        history = run.history
        losses, norms = history["loss"], history["grad_norm"]
        if len(norms) > 4 and norms[-1] > 20 * np.median(norms[:-1]):
            yield (
                "gradient_spike",
                f"the gradient's norm is {norms[-1]:.3g}, {norms[-1] / np.median(norms[:-1]):.0f} times its usual size",
            )
        recent = losses[-6:]
        if len(recent) == 6 and (recent[1:] > 1.01 * recent[:-1]).sum() >= 3:
            yield "rate_too_high", "the loss rose in three of the last five epochs"
        if "val_loss" in history and len(history) > 4:
            held = history["val_loss"]
            if held[-1] > 1.25 * np.nanmin(held) and losses[-1] < losses[int(np.nanargmin(held))]:
                yield "overfitting", f"the validation loss has risen since epoch {int(np.nanargmin(held)) + 1}"

    def _of_layers(self, network):
        latest = self.records[-1]
        sizes = {
            node.name: latest[node.name].delta
            for node in network.nodes
            if np.isfinite(latest[node.name].speed) and np.isfinite(latest[node.name].delta)
        }
        ends = {name for _, name in network.outputs}
        if len(sizes) > 2 and (last := list(sizes.values())[-1]) > 0:
            for name, size in list(sizes.items())[:-1]:
                if 0 < size < VanishingGradients.share * last:
                    yield "vanishing_gradients", f"delta of layer {name} is {size / last:.1e} of that at the output"
                    break
            name, size = max(list(sizes.items())[:-1], key=lambda item: item[1])
            if size > ExplodingGradients.share * last:
                yield "exploding_gradients", f"delta of layer {name} is {size / last:.3g} times that at the output"
        for node in network.nodes:
            sample, activation = latest[node.name], activation_of(node.layer)
            kind = getattr(activation, "registered_name", None)
            if node.name in ends:
                continue
            if kind == "relu" and sample.dead >= DeadUnits.many:
                yield "dead_units", f"{sample.dead:.0%} of the units of layer {node.name} were active on no example"
            if kind in ("logistic", "tanh", "scaled_tanh") and sample.saturated >= SaturatedUnits.share:
                yield "saturated_units", f"layer {node.name} was saturated in {sample.saturated:.0%} of all cases"


def _emptied(state: Watching) -> Watching:
    """Without samples: NumPy's zeros, as JAX would call a program for each."""
    samples, sums = jax.tree.map(lambda old: np.zeros(old.shape, old.dtype), (state.samples, state.sums))
    return state._replace(samples=samples, sums=sums)


def _find(state: Any) -> Watching:
    found = [
        part for part in jax.tree.leaves(state, is_leaf=lambda s: isinstance(s, Watching)) if isinstance(part, Watching)
    ]
    return found[0]


def _put(state: Any, fresh: Watching) -> Any:
    return jax.tree.map(
        lambda part: fresh if isinstance(part, Watching) else part, state, is_leaf=lambda s: isinstance(s, Watching)
    )
