"""What the checks look at: a model, examples, and measurements of both, each made when it is first asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.diagnosis import recurrence, reference
from netgrad.diagnosis.examples import PROBE, SCORED, part
from netgrad.diagnosis.finding import Diagnosis
from netgrad.diagnosis.measures import Measures, measured
from netgrad.diagnosis.places import Place, copies
from netgrad.diagnosis.signals import Signal, compiled
from netgrad.diagnosis.trials import Trials
from netgrad.errors import NetgradError
from netgrad.layers.activation import Activation, Identity
from netgrad.layers.attention import Attention
from netgrad.layers.gaussian import Gaussian
from netgrad.layers.recurrent import Recurrent
from netgrad.layers.taps import DelayTaps
from netgrad.layers.wrapper import bare
from netgrad.network import Copies, Node, Recomputed, Trace, forward
from netgrad.regularizers import is_weight
from netgrad.training.batch import Batch
from netgrad.training.model import Model
from netgrad.training.objective import trace_batch

SEQUENCES = 4  # whose Jacobians are followed through time
UNEVEN = 0.6  # the share of a class from which on it no longer decides alone what a network is worth


@lru_cache(maxsize=64)
def _values(loss: Any) -> Program:
    """The values of a loss, (answers, targets) -> those of each position, in one program."""
    return Program(loss.value, optimisation=0)


@lru_cache(maxsize=64)
def _link(loss: Any) -> Program:
    """What outputs mean to a loss, by a program that serves all networks."""
    return Program(loss.link, optimisation=0)


class Evidence(Trials):
    """Measurements of a model on examples."""

    @cached_property
    def examined(self) -> dict[bool, Diagnosis]:
        """What `netgrad.diagnosis.diagnose.examine` has found in this evidence, with measures and without."""
        return {}

    @cached_property
    def probe(self) -> Batch:
        """Some of the examples."""
        return jax.tree.map(jnp.asarray, self.some(PROBE))

    @cached_property
    def weighted(self) -> list[Node]:
        """The nodes with weights of their own, in the order of the way forward."""
        nodes = []
        for node in self.network.nodes:
            own = jax.tree_util.tree_leaves_with_path(self.model.effective.get(node.params, {}))
            if any(is_weight(path) for path, _ in own):
                nodes.append(node)
        return nodes

    @cached_property
    def hidden(self) -> list[Node]:
        """The nodes that are no output."""
        ends = {name for _, name in self.network.outputs}
        return [node for node in self.network.nodes if node.name not in ends]

    @cached_property
    def places(self) -> list[Place]:
        """Every layer in the order of the way forward, those of a stack or an ensemble copy by copy in its place."""
        ends = {name for _, name in self.network.outputs}
        weighted = {node.name for node in self.weighted}
        found: list[Place] = []
        for node in self.network.nodes:
            if isinstance(node.layer, Copies | Recomputed):
                found.extend(copies(node.name, node.layer, self.model.params.get(node.params, {}), node.name in ends))
            else:
                found.append(Place(node.name, node.layer, node.name in weighted, node.name in ends))
        return found

    @cached_property
    def ends(self) -> set[str]:
        """The names of the layers that make an output, as `netgrad.network.with_layers` gives them."""
        return {place.path for place in self.places if place.end}

    # --- signals

    @cached_property
    def _now(self) -> tuple[dict[str, Signal], dict[str, np.ndarray], np.ndarray]:
        return self._signals(self.model)

    @cached_property
    def _then(self) -> tuple[dict[str, Signal], dict[str, np.ndarray], np.ndarray]:
        return self._signals(self.start)

    @property
    def signals(self) -> dict[str, Signal]:
        """Of the trained network."""
        return self._now[0]

    @property
    def first_signals(self) -> dict[str, Signal]:
        """Of the network before its first step."""
        return self._then[0]

    @property
    def activations(self) -> dict[str, np.ndarray]:
        """Of the trained network: a of each node, (N, ..., units)."""
        return self._now[1]

    def _signals(self, model: Model) -> Any:
        program = compiled(model.network, replace(model.objective, penalties=()))
        found, *rest = jax.tree.map(np.asarray, program(model.params, model.state, self.probe))
        of_copies = {
            place.name: jax.tree.map(lambda v, at=place.copy: v[at], found[place.path])
            for place in self.places
            if place.copy
        }
        return found | of_copies, *rest

    def flow(self, signals: dict[str, Signal]) -> tuple[list[str], np.ndarray]:
        """Names of the layers with weights and the size of delta in each, from the first to the last.

        Of the copies of an ensemble, which stand side by side, the first alone.
        """
        way = [place.name for place in self.places if place.weighted and not place.beside]
        names = [name for name in way if np.isfinite(signals[name].delta)]
        return names, np.array([float(signals[name].delta) for name in names])

    @cached_property
    def moved(self) -> dict[str, float]:
        """By how much training changed each layer's weights, by their size as drawn; empty where that is not known."""
        if not self.settings.get("drawn") or not len(self.model.history):
            return {}
        found = {}
        for node in self.weighted:
            before, after = (
                np.concatenate([
                    np.ravel(leaf)
                    for path, leaf in jax.tree_util.tree_leaves_with_path(params.get(node.params, {}))
                    if is_weight(path)
                ] or [np.zeros(0)])
                for params in (self.start.params, self.model.params)
            )  # fmt: skip
            if before.size and (size := float(np.sqrt((before**2).mean()))) > 0:
                found[node.name] = float(np.sqrt(((after - before) ** 2).mean())) / size
        return found

    # --- how well it does

    @cached_property
    def loss(self) -> float:
        """On these examples, without penalties."""
        return self._loss(self.model)

    @cached_property
    def first_loss(self) -> float:
        """Before the first step."""
        return self._loss(self.start)

    def _loss(self, model: Model) -> float:
        return model.score_batch(self.scored)["loss"]

    @cached_property
    def chance(self) -> float:
        """The loss of the best constant answer: for C equally frequent classes ln C."""
        total = 0.0
        for name, loss, weight in self.model.objective.terms:
            target = np.asarray(self.scored.y[name])
            shape = self._output_shapes[name]
            w = self._weights(name, self.scored)
            if loss.task == "classification" and target.ndim == len(shape):
                rows = np.eye(shape[-1])[target]
            else:
                rows = target
            rows = rows.reshape(-1, shape[-1])[w > 0]
            share, middle = rows.mean(0), np.median(rows, 0)
            options = [share, middle]
            if loss.logits and loss.task == "regression":
                options = [np.log(np.maximum(share, 1e-6))]
            elif loss.logits:
                sure = np.clip(share, 1e-6, 1 - 1e-6)
                options = [np.log(sure) if loss.task == "classification" else np.log(sure / (1 - sure))]
            wanted = rows.astype(np.float32)
            answers = [np.broadcast_to(np.asarray(option, wanted.dtype), wanted.shape) for option in options]
            total += weight * min(float(np.mean(_values(loss)(answer, wanted))) for answer in answers)
        return total if self.model.objective.reduction == "mean" else total * self.scored.size

    @cached_property
    def guess(self) -> float:
        """The loss where every output is 0 before its activation: of C classes, equally likely ones, ln C."""
        total = 0.0
        for name, loss, weight in self.model.objective.terms:
            target = np.asarray(self.scored.y[name])
            shape = (len(target), *self._output_shapes[name])
            activation = getattr(self.network.output_layer(name), "activation", None)
            z = np.zeros(shape, np.float32)
            bent = isinstance(activation, Activation) and not isinstance(activation, Identity)
            answer = np.asarray(activation.f(jnp.asarray(z))) if bent else z  # type: ignore[union-attr]
            kept = self._weights(name, self.scored).reshape(shape[:-1]) > 0
            total += weight * float(np.asarray(_values(loss)(answer, target))[kept].mean())
        return total if self.model.objective.reduction == "mean" else total * self.scored.size

    @cached_property
    def skill(self) -> float:
        """On these examples: 1 - error / error of the best constant answer. The mean over several outputs."""
        return self._skill(self.model, self.scored)

    @cached_property
    def held_skill(self) -> float:
        """The same on examples that training did not see; NaN where there are none."""
        return float("nan") if self.held is None else self._skill(self.model, part(self.held, SCORED))

    @cached_property
    def held_short(self) -> bool:
        """Whether the network falls short on examples that training did not see; False where there are none."""
        return bool(np.isfinite(self.held_skill) and self.expected > 0.1 and self.short(self.held_skill))

    @cached_property
    def skill_of_batches(self) -> float:
        """The skill where batch normalisation takes the averages of these examples, as in training, and nothing is
        dropped."""
        model = self.model
        few = self.some(PROBE)
        run = forward(self.network, model.params, model.state, few.x, training=True, lengths=few.lengths)
        return self._skill_of({name: np.asarray(value) for name, value in run.outputs.items()}, few)

    @cached_property
    def skill_under_noise(self) -> float:
        """The skill with dropout and noise at work, as in training, and batch normalisation as in prediction."""
        few = self.some(PROBE)
        return self._skill_of(self.model.run_batch(few, key=jax.random.key(0), link=True)[0], few)

    def outputs(self, name: str) -> np.ndarray:
        """What an output answers at all valid positions of the examples scored, (P, units)."""
        return self._linked[name].reshape(-1, self._output_shapes[name][-1])[self._weights(name, self.scored) > 0]

    @cached_property
    def failing(self) -> bool:
        """Whether the network falls short of what can be learned from these examples: on those given, and on those
        that training did not see, too, where there are any."""
        if not np.isfinite(self.loss):
            return True
        if not self.expected > 0.1 or not self.short(self.skill):
            return False
        return not np.isfinite(self.held_skill) or self.short(self.held_skill)

    @property
    def falls_short(self) -> bool:
        """Whether it fails, or falls short on validation examples alone."""
        return self.failing or self.held_short

    @cached_property
    def severity(self) -> str:
        """Of a measure out of its range: the reason for failing, or harmless so far."""
        return "fault" if self.failing else "note"

    @cached_property
    def measures(self) -> Measures:
        """Ranks, noise, sharpness and whether it learns a few by heart: no verdicts, and they cost programs of their
        own."""
        return measured(self)

    @property
    def mistaken(self) -> str:
        """Of what nobody means to do, such as a bent output under a loss of logits: a warning even where training
        copes."""
        return "fault" if self.failing else "warning"

    # --- through time

    @cached_property
    def memory(self) -> dict[str, np.ndarray]:
        """How strongly the last state of each recurrent layer depends on each earlier one, at the start: (N, T)."""
        return self._jacobians(self.start)

    @cached_property
    def memory_now(self) -> dict[str, np.ndarray]:
        """The same of the trained network."""
        return self._jacobians(self.model)

    def _jacobians(self, model: Model) -> dict[str, np.ndarray]:
        few = self.some(SEQUENCES)
        curves = {}
        for node in self.network.nodes:
            if isinstance(node.layer, Recurrent) and not isinstance(node.layer, DelayTaps):
                try:
                    curves[node.name] = recurrence.jacobian_norms(
                        replace(model, encoder=None), few.x, few.lengths or None, node.name
                    )
                except NetgradError:
                    continue  # a layer that runs backwards, or whose start another layer gives
        return curves

    # --- answers

    def answers(self, name: str, loss: Any) -> tuple[np.ndarray, np.ndarray]:
        """Truth and answers of a classifier at all valid positions: labels (P,), or 0 and 1 (P, units)."""
        value = self.outputs(name)
        decided = value.argmax(-1) if loss.task == "classification" else (value >= 0.5).astype(int)
        return self.targets(name, loss, self.scored).astype(int), decided

    def first_non_finite(self) -> str | None:
        """Where a number stopped being finite, on the probe; None where all are finite."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.model.params):
            if not np.isfinite(np.asarray(leaf)).all():
                return f"parameter {jax.tree_util.keystr(path, simple=True, separator='.')}"
        # The trace, which names the place, is a program of its own.
        return None if self._now[2] else self.trace.first_non_finite()

    @cached_property
    def trace(self) -> Trace:
        """Of the trained network on the probe."""
        model, objective = self.model, replace(self.model.objective, penalties=())
        return trace_batch(self.network, objective, model.params, model.state, self.probe)

    @cached_property
    def codes(self) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Of each variational code: the layer's name, and means and logarithms of variances of the probe."""
        names = [node.name for node in self.network.nodes if isinstance(bare(node.layer), Gaussian)]
        passed = [self.trace[name] for name in names]
        return [(one.name, np.asarray(one.mean), np.asarray(one.log_variance)) for one in passed]

    @cached_property
    def attention(self) -> list[tuple[str, np.ndarray]]:
        """Of each layer of attention, those of a stack copy by copy: its name and its weights (N, heads, T, S)."""
        found = []
        for place in self.places:
            if isinstance(bare(place.layer), Attention):
                weights = np.asarray(self.trace[place.path]["weights"])
                found.append((place.name, weights[place.copy] if place.copy else weights))
        return found

    # --- helpers

    @cached_property
    def _linked(self) -> dict[str, np.ndarray]:
        # The network's program is that of the loss; one with the link in it would be compiled for this alone.
        outputs = self.model.run_batch(self.scored)[0]
        for name, loss, _ in self.model.objective.terms:
            if loss.logits:
                outputs[name] = np.asarray(_link(loss)(outputs[name]))
        return outputs

    @cached_property
    def worth(self) -> float:
        """What decides between two trained networks: skill on held-out examples where there are any, else on these.

        Where more than `UNEVEN` of the examples are of one class, every class counts alike.
        """
        return self._skill(self.model, self.scored if self.held is None else part(self.held, SCORED), fair=True)

    @cached_property
    def held_loss(self) -> float:
        """The loss on held-out examples, NaN where there are none."""
        return float("nan") if self.held is None else self.model.score_batch(part(self.held, SCORED))["loss"]

    def _skill(self, model: Model, batch: Batch, fair: bool = False) -> float:
        known = model is self.model and batch is self.scored
        return self._skill_of(self._linked if known else model.run_batch(batch, link=True)[0], batch, fair)

    def _skill_of(self, outputs: dict[str, np.ndarray], batch: Batch, fair: bool = False) -> float:
        found = []
        for name, loss, _ in self.model.objective.terms:
            value = outputs[name].reshape(-1, outputs[name].shape[-1])[self._weights(name, batch) > 0]
            if loss.task == "classification":
                value = value.argmax(-1)
            elif loss.task == "multilabel":
                value = value >= 0.5
            target = self.targets(name, loss, batch)
            if not np.isfinite(value).all():
                found.append(0.0)
            elif fair and loss.task == "classification" and np.bincount(target).max() > UNEVEN * len(target):
                found.append(reference.fair_skill(value, target))
            else:
                found.append(reference.skill(loss.task, value, target))
        return float(np.mean(found))
