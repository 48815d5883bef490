"""What the checks look at: a model, examples, and measurements of both, each made when it is first asked for."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad import optimizers
from netgrad.compiling import INITIAL, random_key
from netgrad.diagnosis import recurrence, reference
from netgrad.diagnosis.places import Place, copies
from netgrad.diagnosis.signals import Signal, compiled
from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.recurrent import Recurrent
from netgrad.layers.taps import DelayTaps
from netgrad.network import Network, Node, Stack
from netgrad.optimizers.schedules import adjustable, set_level
from netgrad.regularizers import is_weight
from netgrad.training.epoch import compiled_epochs
from netgrad.training.model import Model
from netgrad.training.multistart import for_each
from netgrad.training.objective import Batch, position_weights, trace_batch
from netgrad.training.prepare import in_shapes
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry

PROBE = 256  # examples whose signals are measured, at most
SCORED = 2048  # examples on which skill is measured, at most
TRIED = 2000  # examples that a trial of other learning rates sees, at most
SEQUENCES = 4  # whose Jacobians are followed through time
FACTORS = (0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4)  # of the learning rate, that a trial compares
UNEVEN = 0.6  # the share of a class from which on it no longer decides alone what a network is worth
SHORT_OF = 0.85  # a network with less than this share of the reference's skill fails


def unseen(model: Model, validation: Any) -> Batch | None:
    """The batch of (x, y) or (x, y, lengths) that training did not see; None for None."""
    if validation is None:
        return None
    x, y, *lengths = validation
    return model.batch(x, y, None, lengths[0] if lengths else None)


class Evidence:
    """Measurements of a model on examples. model: as trained, with its history; batch: the examples, encoded.

    held: examples that training did not see, or None.
    """

    def __init__(self, model: Model, batch: Batch, held: Batch | None = None):
        self.model, self.batch, self.held = model, batch, held

    # --- who is asked

    @property
    def network(self) -> Network:
        """The network."""
        return self.model.network

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was asked for; empty for a model that was not trained by `netgrad.fit`."""
        return self.model.history.settings

    @cached_property
    def probe(self) -> Batch:
        """Some of the examples."""
        return jax.tree.map(jnp.asarray, self.some(PROBE))

    @cached_property
    def start(self) -> Model:
        """The model as its network is drawn, before the first step."""
        key = random_key(int(self.settings.get("seed", 0)), INITIAL)
        params, state = self.network.init(key, self.model.shapes)
        return replace(self.model, params=params, state=state)

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
        """Every layer in the order of the way forward, those of a stack copy by copy in the place of the stack."""
        ends = {name for _, name in self.network.outputs}
        weighted = {node.name for node in self.weighted}
        found: list[Place] = []
        for node in self.network.nodes:
            if isinstance(node.layer, Stack):
                found.extend(copies(node.name, node.layer, self.model.params.get(node.params, {}), node.name in ends))
            else:
                found.append(Place(node.name, node.layer, node.name in weighted, node.name in ends))
        return found

    @cached_property
    def ends(self) -> set[str]:
        """The names of the layers that make an output, as `netgrad.network.with_layers` gives them."""
        return {place.path for place in self.places if place.end}

    def some(self, most: int) -> Batch:
        """At most so many of the examples."""
        return _part(self.batch, most)

    # --- signals

    @cached_property
    def _now(self) -> tuple[dict[str, Signal], dict[str, np.ndarray], float]:
        return self._signals(self.model)

    @cached_property
    def _then(self) -> tuple[dict[str, Signal], dict[str, np.ndarray], float]:
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
        """Names of the layers with weights and the size of delta in each, from the first to the last."""
        names = [place.name for place in self.places if place.weighted and np.isfinite(signals[place.name].delta)]
        return names, np.array([float(signals[name].delta) for name in names])

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
    def scored(self) -> Batch:
        return self.some(SCORED)

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
            wanted = jnp.asarray(rows.astype(np.float32))
            values = [
                float(loss.value(jnp.broadcast_to(jnp.asarray(o, wanted.dtype), wanted.shape), wanted).mean())
                for o in options
            ]
            total += weight * min(values)
        return total if self.model.objective.reduction == "mean" else total * self.scored.size

    @cached_property
    def skill(self) -> float:
        """On these examples: 1 - error / error of the best constant answer. The mean over several outputs."""
        return self._skill(self.model, self.scored)

    @cached_property
    def held_skill(self) -> float:
        """The same on examples that training did not see; NaN where there are none."""
        return float("nan") if self.held is None else self._skill(self.model, _part(self.held, SCORED))

    @cached_property
    def possible(self) -> float:
        """The skill of a reference model on examples that it has not seen, see `netgrad.diagnosis.reference`."""
        found = [reference.possible(task, x, target) for _, task, x, target in self._reference_problems]
        return float(np.mean(found)) if found else float("nan")

    @cached_property
    def by_accident(self) -> float:
        """The same with the targets permuted: what chance makes of as many examples."""
        rng = np.random.default_rng(1)
        found = [
            reference.possible(task, x, rng.permutation(target)) for _, task, x, target in self._reference_problems
        ]
        return float(np.mean(found)) if found else float("nan")

    @cached_property
    def failing(self) -> bool:
        """Whether the network falls short of what can be learned from these examples."""
        if not np.isfinite(self.loss):
            return True
        expected = self.possible if np.isfinite(self.possible) else 0.9
        return self.skill < SHORT_OF * expected and expected > 0.1

    @cached_property
    def severity(self) -> str:
        """Of a measure out of its range: the reason for failing, or harmless so far."""
        return "fault" if self.failing else "note"

    # --- trials

    @cached_property
    def rates(self) -> dict[float, float]:
        """Loss after a few epochs from the start with the learning rate times each of `FACTORS`.

        Empty where the optimiser is not known by name or finds its own step.
        """
        return self._trial(self.settings.get("batch_size"))

    @cached_property
    def smaller_batches(self) -> dict[float, float]:
        """The same with 32 examples a step."""
        return self._trial(32)

    def _trial(self, batch_size: int | None) -> dict[float, float]:
        name, rate = self.settings.get("optimizer"), self.settings.get("learning_rate")
        if name not in optimizers.OPTIMIZERS or optimizers.OPTIMIZERS[name][1] is None or rate == "given":
            return {}
        chosen = adjustable(optimizers.get(name, rate, self.settings.get("clip_norm"), self.start.network.untrained))
        data = jax.tree.map(jnp.asarray, self.some(TRIED))
        size = min(batch_size or data.size, data.size)
        count = int(np.clip(self.settings.get("epochs", 3), 1, max(2, 400 * size // data.size)))
        start = Carry(self.start.params, self.start.state, chosen.init(self.start.params))
        carries = [start._replace(opt_state=set_level(start.opt_state, factor)) for factor in FACTORS]
        together: Carry = jax.tree.map(lambda *leaves: jnp.stack(leaves), *carries)
        task = Supervised.of(self.model, chosen)
        program = compiled_epochs(task, size, True, count)
        try:
            _, reports = for_each(program)(together, data, jax.random.key(1), 0)
        except ShapeError:  # batches of another size that a layer refuses, such as a last one of one example
            return {}
        sizes = [size] * (data.size // size) + [data.size % size] * (data.size % size > 0)
        losses = task.summary({name: np.asarray(values)[:, -1] for name, values in reports.items()}, sizes)["loss"]
        return {f: float(loss) if np.isfinite(loss) else np.inf for f, loss in zip(FACTORS, losses, strict=True)}

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
        value = self._linked[name].reshape(-1, self._output_shapes[name][-1])[self._weights(name, self.scored) > 0]
        decided = value.argmax(-1) if loss.task == "classification" else (value >= 0.5).astype(int)
        return self.targets(name, loss, self.scored).astype(int), decided

    def recallable(self, name: str) -> float:
        """The share of examples outside of the most frequent class that a balanced reference recognises."""
        for key, task, x, target in self._reference_problems:
            if key == name and task != "regression" and (target.ndim == 1 or target.shape[1] == 1):
                return reference.recall(x, target.ravel())
        return float("nan")

    def first_non_finite(self) -> str | None:
        """Where a number stopped being finite, on the probe; None where all are finite."""
        model, objective = self.model, replace(self.model.objective, penalties=())
        for path, leaf in jax.tree_util.tree_leaves_with_path(model.params):
            if not np.isfinite(np.asarray(leaf)).all():
                return f"parameter {jax.tree_util.keystr(path, simple=True, separator='.')}"
        return trace_batch(self.network, objective, model.params, model.state, self.probe).first_non_finite()

    # --- helpers

    @cached_property
    def _linked(self) -> dict[str, np.ndarray]:
        return self.model.run_batch(self.scored, link=True)[0]

    @cached_property
    def _output_shapes(self) -> dict[str, tuple[int, ...]]:
        return self._shapes(self.batch)

    def _shapes(self, batch: Batch) -> dict[str, tuple[int, ...]]:
        # Of these examples, not of those trained on: sequences may be padded to another length.
        shapes = self.network.shapes(in_shapes(batch.x))
        return {key: shapes[node] for key, node in self.network.outputs}

    def _weights(self, name: str, batch: Batch) -> np.ndarray:
        """1 for each valid position of an output and 0 for padding, (P,)."""
        outputs, lengths = self.model.run_batch(batch)
        shape = outputs[name].shape[:-1]
        w = position_weights(shape, None, lengths.get(name))
        return np.ones(int(np.prod(shape))) if w is None else np.asarray(w).ravel()

    def targets(self, name: str, loss: Any, batch: Batch) -> np.ndarray:
        """The targets of all valid positions: labels (P,) or numbers (P, units)."""
        target, shape = np.asarray(batch.y[name]), self._output_shapes[name]
        if loss.task == "classification":
            target = target if target.ndim == len(shape) else target.argmax(-1)
            return target.reshape(-1)[self._weights(name, batch) > 0]
        return target.reshape(-1, shape[-1])[self._weights(name, batch) > 0]

    @cached_property
    def worth(self) -> float:
        """What decides between two trained networks: skill on held-out examples where there are any, else on these.

        Where more than `UNEVEN` of the examples are of one class, every class counts alike.
        """
        return self._skill(self.model, self.scored if self.held is None else _part(self.held, SCORED), fair=True)

    @cached_property
    def held_loss(self) -> float:
        """The loss on held-out examples, NaN where there are none."""
        return float("nan") if self.held is None else self.model.score_batch(_part(self.held, SCORED))["loss"]

    def _skill(self, model: Model, batch: Batch, fair: bool = False) -> float:
        outputs, _ = model.run_batch(batch, link=True)
        found = []
        for name, loss, _ in model.objective.terms:
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

    @cached_property
    def _reference_problems(self) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
        some = self.some(4 * reference.EXAMPLES)
        problems = []
        for name, loss, _ in self.model.objective.terms:
            shape = self._output_shapes[name]
            steps = next(iter(some.x.values())).shape[1] if len(shape) == 2 else 0
            if len(shape) > 2 or (steps and np.shape(some.y[name])[1] != steps):
                continue
            x = reference.features(some, len(shape) == 2, steps)
            x = x[self._weights(name, some) > 0]
            problems.append((name, loss.task, x, self.targets(name, loss, some)))
        return problems


def _part(batch: Batch, most: int) -> Batch:
    """Some examples of the batch, drawn at random, always the same ones."""
    if batch.size <= most:
        return batch
    return batch.take(np.sort(np.random.default_rng(0).permutation(batch.size)[:most]))
