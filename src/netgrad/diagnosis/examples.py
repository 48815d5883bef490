"""What a diagnosis can say of examples alone: of their shapes, their targets, and what a reference makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from netgrad.diagnosis import reference
from netgrad.diagnosis.table import column_name
from netgrad.layers.embedding import Embedding
from netgrad.network import Network
from netgrad.training.batch import Batch
from netgrad.training.model import Model
from netgrad.training.objective import position_weights
from netgrad.training.prepare import in_shapes

PROBE = 256  # examples whose signals are measured, at most
SCORED = 2048  # examples on which skill is measured, at most
SHORT_OF = 0.85  # a network with less than this share of the reference's skill fails
Problem = tuple[str, str, np.ndarray, np.ndarray]  # output, task, inputs (P, d), targets


def unseen(model: Model, validation: Any) -> Batch | None:
    """The batch of (x, y) or (x, y, lengths) that training did not see; None for None."""
    if validation is None:
        return None
    x, y, *lengths = validation
    return model.batch(x, y, None, lengths[0] if lengths else None)


def table_of(x: Any) -> Any:
    """The inputs where they are a data frame, else None."""
    return x if hasattr(x, "columns") and hasattr(x, "dtypes") else None


class Examples:
    """Examples that a model was trained on, and others that it was not.

    model: as trained, with its history; batch: the examples, encoded; held: examples that training did not see, or
    None; table: the inputs as the data frame that they came as, or None.
    """

    def __init__(self, model: Model, batch: Batch, held: Batch | None = None, table: Any = None):
        self.model, self.batch, self.held, self.table = model, batch, held, table

    @property
    def network(self) -> Network:
        """The network."""
        return self.model.network

    @property
    def settings(self) -> dict[str, Any]:
        """What the run was asked for; empty for a model that was not trained by `netgrad.fit`."""
        return self.model.history.settings

    def some(self, most: int) -> Batch:
        """At most so many of the examples."""
        return part(self.batch, most)

    @cached_property
    def scored(self) -> Batch:
        return self.some(SCORED)

    # --- what a reference makes of them

    @cached_property
    def possible(self) -> float:
        """The skill of a reference model on examples that it has not seen, see `netgrad.diagnosis.reference`."""
        found = [reference.possible(task, x, target) for _, task, x, target in self.problems(self.batch)]
        return float(np.mean(found)) if found else float("nan")

    @cached_property
    def by_accident(self) -> float:
        """The same with the targets permuted: what chance makes of as many examples."""
        rng = np.random.default_rng(1)
        found = [
            reference.possible(task, x, rng.permutation(target)) for _, task, x, target in self.problems(self.batch)
        ]
        return float(np.mean(found)) if found else float("nan")

    @cached_property
    def references(self) -> tuple[float, float]:
        """The skill of what can bend (trees, a small network) and of a linear model on examples that they have not
        seen."""
        found = [reference.each(task, x, target) for _, task, x, target in self.problems(self.batch)]
        bent, linear = ([max(of[1:]) for of in found], [of[0] for of in found]) if found else ([np.nan], [np.nan])
        return float(np.mean(bent)), float(np.mean(linear))

    def reference_skill(self, task: str, x: np.ndarray, target: np.ndarray) -> float:
        """The skill of a reference on unseen ones of these examples."""
        return reference.possible(task, x, target)

    @cached_property
    def expected(self) -> float:
        """The skill that can be asked for: the reference's, 0.9 where there is none, and no more than as many numbers
        can say of the targets as the network's narrowest place lets through, such as an autoencoder's code."""
        return min(self.possible if np.isfinite(self.possible) else 0.9, self.passable)

    @cached_property
    def passable(self) -> float:
        """The skill of the best answers that are linear in as many numbers as the narrowest place lets through: the
        share of the targets' variance in so many principal components. 1 where the targets are no more numbers."""
        found = []
        for name, loss, _ in self.model.objective.terms:
            shape = self._output_shapes[name]
            if loss.task == "regression" and not loss.logits and not self.batch.lengths:
                target = np.asarray(self.some(PROBE).y[name], float).reshape(-1, int(np.prod(shape)))
                width = min(self.bottlenecks.values(), default=target.shape[1])
                shares = np.linalg.svd(target - target.mean(0), compute_uv=False) ** 2
                found.append(float(shares[:width].sum() / shares.sum()) if shares.sum() > 0 else 1.0)
            else:
                found.append(1.0)
        return float(np.mean(found))

    @cached_property
    def bottlenecks(self) -> dict[str, int]:
        """The layers through which everything goes that reaches an output, and how many numbers each makes of an
        example; those that make an output left out."""
        nodes, ends = self.network.nodes, {name for _, name in self.network.outputs}
        last: dict[str, int] = {name: len(nodes) for name in ends}
        for i, node in enumerate(nodes):
            for source in node.inputs:
                last[source] = max(last.get(source, 0), i)
        shapes = self.network.shapes(in_shapes(self.batch.x))
        furthest = max((last.get(name, 0) for name in self.network.inputs), default=0)
        found = {}
        for i, node in enumerate(nodes):
            if furthest <= i and node.name not in ends and isinstance(shape := shapes[node.name], tuple):
                found[node.name] = int(np.prod(shape))
            furthest = max(furthest, last.get(node.name, 0))
        return found

    def short(self, skill: float) -> bool:
        """Whether a skill falls short of what can be asked for."""
        return skill < SHORT_OF * self.expected

    def recallable(self, name: str) -> float:
        """The share of examples outside of the most frequent class that a balanced reference recognises."""
        for key, task, x, target in self.problems(self.batch):
            if key == name and task != "regression" and (target.ndim == 1 or target.shape[1] == 1):
                return reference.recall(x, target.ravel())
        return float("nan")

    @cached_property
    def input_rank(self) -> float:
        """How many independent columns the inputs have, an example taken as one row; infinite for symbols."""
        if any(isinstance(node.layer, Embedding) for node in self.network.nodes):
            return float("inf")
        rows = reference.features(self.some(PROBE), False, 0).astype(float)
        spread = rows.std(0)
        rows = ((rows - rows.mean(0)) / np.where(spread > 0, spread, 1))[:, spread > 0]
        if not rows.size:
            return 0.0
        sizes = np.linalg.svd(rows, compute_uv=False)
        return float((sizes > 1e-3 * sizes[0]).sum())

    def problems(self, batch: Batch, most: int = 4 * reference.EXAMPLES) -> list[Problem]:
        """What a reference can learn of at most so many of these examples: name and task of each output, inputs as
        rows of numbers, targets; outputs that are pictures, and those of another number of steps, are left out."""
        if (found := self._problems.get((id(batch), most))) is not None:
            return found
        some = part(batch, most)
        problems: list[Problem] = []
        for name, loss, _ in self.model.objective.terms:
            shape = self._output_shapes[name]
            steps = next(iter(some.x.values())).shape[1] if len(shape) == 2 else 0
            if len(shape) > 2 or (steps and np.shape(some.y[name])[1] != steps):
                continue
            x = reference.features(some, len(shape) == 2, steps)
            x = x[self._weights(name, some) > 0]
            problems.append((name, loss.task, x, self.targets(name, loss, some)))
        self._problems[id(batch), most] = problems
        return problems

    @cached_property
    def _problems(self) -> dict[tuple[int, int], list[Problem]]:
        return {}

    def class_names(self, classes: Iterable[int]) -> list[str]:
        """What these classes are called; their numbers where they have no names."""
        names = getattr(self.model.target_encoder, "classes", None)
        return [str(int(c) if names is None else names[int(c)]) for c in classes]

    def row_numbers(self, places: np.ndarray) -> np.ndarray:
        """The examples' numbers of rows of `problems`, counted from 0."""
        return _chosen(self.batch.size, 4 * reference.EXAMPLES)[places]

    def one_row_each(self, name: str) -> bool:
        """Whether an output gives one answer for each example, not one for each time-step."""
        return len(self._output_shapes[name]) == 1

    @property
    def symbols(self) -> bool:
        """Whether inputs are numbers of symbols, which a layer embeds."""
        return any(isinstance(node.layer, Embedding) for node in self.network.nodes)

    @property
    def sequential(self) -> bool:
        """Whether inputs are sequences, whose numbers are moments and no columns."""
        return any(np.ndim(x) == 3 or (self.symbols and np.ndim(x) == 2) for x in self.batch.x.values())

    def column_name(self, i: int) -> str:
        """What the i-th column of `problems`' inputs is called."""
        flat = len(self.batch.x) == 1 and next(iter(self.batch.x.values())).ndim == 2
        return column_name(self, i) if flat else f"number {i} of each example"

    # --- training beside validation

    @cached_property
    def input_pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The inputs as rows of numbers, of training and of validation; none for symbols and where they have different
        shapes."""
        if self.held is None or self.symbols or not (own := self.problems(self.batch)):
            return []
        x, held = own[0][2].astype(float), self.problems(self.held)[0][2].astype(float)
        return [(x, held)] if x.shape[1] == held.shape[1] else []

    @cached_property
    def transferred(self) -> list[tuple[str, str, float, float, np.ndarray, np.ndarray]]:
        """Of each output: its name and task, what a reference reaches within the training examples, what one trained on
        them reaches on validation examples, and its answers there beside the targets."""
        if self.held is None:
            return []
        found = []
        for (name, task, x, target), (_, _, held, wanted) in zip(
            self.problems(self.batch), self.problems(self.held), strict=True
        ):
            own = reference.possible(task, x, target)
            if np.isfinite(own) and x.shape[1] == held.shape[1]:
                skill, answers = reference.answers_across(task, x, target, held, wanted)
                found.append((name, task, own, skill, answers, wanted))
        return found

    @cached_property
    def held_possible(self) -> float:
        """What a reference reaches within the validation examples; NaN where there are none."""
        problems = [] if self.held is None else self.problems(self.held)
        found = [reference.possible(task, x, target) for _, task, x, target in problems]
        return float(np.mean(found)) if found else float("nan")

    # --- shapes and targets

    @cached_property
    def _output_shapes(self) -> dict[str, tuple[int, ...]]:
        return self._shapes(self.batch)

    def _shapes(self, batch: Batch) -> dict[str, tuple[int, ...]]:
        # Of these examples, not of those trained on: sequences may be padded to another length.
        shapes = self.network.shapes(in_shapes(batch.x))
        return {key: shapes[node] for key, node in self.network.outputs}

    def _weights(self, name: str, batch: Batch) -> np.ndarray:
        """1 for each valid position of an output and 0 for padding, (P,)."""
        if not batch.lengths:  # the network need not be run, nor compiled, to know that
            return np.ones(batch.size * math.prod(self._shapes(batch)[name][:-1]))
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


def part(batch: Batch, most: int) -> Batch:
    """Some examples of the batch, drawn at random, always the same ones."""
    return batch if batch.size <= most else batch.take(_chosen(batch.size, most))


def _chosen(size: int, most: int) -> np.ndarray:
    return np.arange(size) if size <= most else np.sort(np.random.default_rng(0).permutation(size)[:most])
