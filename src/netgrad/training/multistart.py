"""Several starts at once: K initialisations trained side by side in one compiled program, the best of them kept.

Some starts end in a poor minimum or never leave their plateau; trying several and keeping the best is the simplest
remedy (Z&M's Reber network converges from some starts and not from others).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import STARTS, Program, random_key
from netgrad.errors import DivergenceError
from netgrad.network import Network
from netgrad.training.batch import Batch
from netgrad.training.divergence import all_finite
from netgrad.training.epoch import OWN, SHARED
from netgrad.training.model import Model
from netgrad.training.objective import Objective
from netgrad.training.running import compiled_forward
from netgrad.training.task import Carry, Task, one_of

if TYPE_CHECKING:
    from netgrad.training.loop import Run
    from netgrad.training.memory import InMemory


class Starts:
    """K runs of one task from different initial parameters.

    carries: the K `Carry`s stacked along a first axis. losses (K, epochs): each start's loss in the epochs of the last
    call. best: the number of the best start, by validation loss where there is a validation set. scores: each start's
    on that set.

    All starts see the same batches in the same order. A start whose loss is no longer finite drops out; only when
    none is left has training diverged.
    """

    def __init__(self, task: Task, batch: Batch, count: int, seed: int):
        keys = _keys(random_key(seed, STARTS), count)
        self.carries: Carry = task.begin_each(keys, batch)
        self.count, self.best = count, 0
        self.losses = np.zeros((count, 0))
        self.scores: list[dict[str, float]] = []

    def carry(self, k: int) -> Carry:
        """What start ``k`` stands at."""
        own: Carry = one_of(self.carries, k)
        return own

    def advance(self, run: Run, source: InMemory, count: int, held: Batch | None) -> Any:
        """``count`` epochs of all starts; ``run.carry`` becomes that of the best, whose report is returned."""
        self.carries, reports = source.program(count, SHARED)(self.carries, source.data, source.key, run.epoch)
        reports = jax.tree.map(np.asarray, reports)
        self.losses = run.task.summary(reports, source.sizes)["loss"]
        good = all_finite(reports).all((1, 2))
        if not good.any():
            raise DivergenceError(
                f"all {self.count} starts diverged by epoch {run.epoch + self.losses.shape[1]}: {run.task.advice}"
            )
        final = self.losses[:, -1]
        if held is not None:
            self.scores = run.score_each(held, self.carries, self.count)
            final = np.array([scores["loss"] for scores in self.scores])
        self.best = int(np.argmin(np.where(good & np.isfinite(final), final, np.inf)))
        run.carry = self.carry(self.best)
        return {name: values[self.best] for name, values in reports.items()}


class Groups(Starts):
    """G problems of one shape, each with examples and parameters of its own, trained side by side in one program.

    carries: the G `Carry`s stacked along a first axis. data: a `Batch` whose arrays have the groups first (G, N, ...),
    where examples of weight 0 fill up the smaller groups. losses (G, epochs): of the last call. The run's own carry
    is that of the first group; its loss is the mean of all.
    """

    def __init__(self, carries: Carry, data: Batch):
        self.carries, self.data = jax.tree.map(jnp.asarray, (carries, data))
        self.count, self.best = data.size, 0
        self.losses = np.zeros((self.count, 0))

    def advance(self, run: Run, source: InMemory, count: int, held: Batch | None) -> Any:
        """``count`` epochs of all groups, each on its own examples."""
        self.carries, reports = source.program(count, OWN)(self.carries, self.data, source.key, run.epoch)
        reports = jax.tree.map(np.asarray, reports)
        self.losses = run.task.summary(reports, source.sizes)["loss"]
        bad = ~all_finite(reports).all((1, 2))
        if bad.any():
            raise DivergenceError(
                f"group number {bad.argmax()} and {bad.sum() - 1} others diverged by epoch "
                f"{run.epoch + self.losses.shape[1]}: try a lower learning rate, or inputs on a smaller scale"
            )
        run.carry = self.carry(0)
        return {name: values.mean(0) for name, values in reports.items()}


def predict_groups(model: Model, x: dict[str, Any]) -> dict[str, np.ndarray]:
    """What the outputs mean, by name (G, N, units), of a model whose parameters and inputs have the groups first."""
    objective = replace(model.objective, penalties=())
    outputs, _ = _predict_each(model.network, objective)(model.params, model.state, x)
    answers: dict[str, np.ndarray] = jax.tree.map(np.asarray, outputs)
    return answers


@lru_cache(maxsize=64)
def _predict_each(network: Network, objective: Objective) -> Any:
    program = compiled_forward(network, objective)
    return Program(jax.vmap(lambda params, state, x: program(params, state, x, {}, None)))


@partial(Program, optimisation=0, static_argnums=1)
def _keys(key: jax.Array, count: int) -> tuple[jax.Array, ...]:
    return tuple(jax.random.split(key, count))
