"""One training that is driven by hand: a step, an epoch, many epochs; to the same numbers as `netgrad.fit`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from netgrad import optimizers
from netgrad.compiling import ORDER, random_key
from netgrad.network import Network
from netgrad.optimizers.names import takes_schedule
from netgrad.optimizers.schedules import adjustable, set_level
from netgrad.studio.examples import Examples
from netgrad.training.batch import Batch
from netgrad.training.divergence import divergence, first_bad
from netgrad.training.epoch import compiled_step, epoch_order, step_key
from netgrad.training.history import History
from netgrad.training.memory import InMemory
from netgrad.training.model import Model
from netgrad.training.supervised import Supervised, compiled_start
from netgrad.training.task import Carry
from netgrad.training.untrained import untrained

TOGETHER = 64  # epochs that one call may do
CALL = 0.04  # seconds that a call should take, so that a button is heard at once
SCORED = 500  # examples of either kind whose scores are drawn
MOST_ROWS = 4000  # of the history, which is thinned beyond
BUILDS = ("loss", "penalty", "reduction", "params", "seed")  # settings that make the model, not the steps
KNOWN = (*BUILDS, "optimizer", "learning_rate", "clip_norm", "batch_size", "epochs", "validation")


@lru_cache(maxsize=32)
def paced(optimizer: Any) -> Any:
    """The optimiser with a rate that can be changed; the same object for the same one, so that programs are found."""
    return adjustable(optimizer)


class Trainer:
    """A network that is trained on examples, from wherever it stands.

    settings: as for `netgrad.fit`, of `KNOWN`. changes: what a remedy did to them, in words. state: that the layers
    begin with, where it is not drawn.

    >>> from netgrad.studio import Design, Examples
    >>> from netgrad.studio.examples import gallery
    >>> data = gallery("xor")
    >>> design = Design.of({"layers": [{"kind": "dense", "units": 4, "activation": "tanh"}]})
    >>> trainer = Trainer(design.network(data), design.settings(data), data)
    >>> trainer.step()
    >>> trainer.epoch, trainer.batch, trainer.batches
    (0, 1, 8)
    """

    def __init__(
        self, network: Network, settings: Mapping[str, Any], examples: Examples, changes: tuple[str, ...] = (),
        state: Any = None,
    ):  # fmt: skip
        self.network, self.settings, self.examples, self.changes = network, dict(settings), examples, changes
        building = {name: value for name, value in settings.items() if name in BUILDS}
        self.start: Model = untrained(network, examples.x, examples.targets, lengths=examples.lengths, **building)
        self.start = self.start if state is None else replace(self.start, state=state)
        name, rate = settings.get("optimizer", "adam"), settings.get("learning_rate")
        chosen = optimizers.get(name, rate, settings.get("clip_norm"), self.start.network.untrained)
        self.optimizer = paced(chosen)
        usual = optimizers.OPTIMIZERS[name][1]
        self.first_rate: float | None = float(rate or usual) if takes_schedule(name) and usual else None
        self.task = Supervised.of(self.start, self.optimizer)
        data = self.start.batch(examples.x, examples.y, None, examples.lengths)
        held = examples.held
        self.held = None if held is None else self.start.batch(held[0], held[1], None, held[2])
        key = random_key(int(settings.get("seed") or 0), ORDER)
        self.source = InMemory(self.task, data, settings.get("batch_size") or data.size, True, key)
        self.took = CALL  # seconds of the last epoch
        self.compiled = False  # the first call compiles, and says nothing about the time of an epoch
        self.reset()

    def reset(self) -> None:
        """Back to before the first step."""
        params = self.start.params
        self.carry = Carry(params, self.start.state, compiled_start(self.optimizer)(params))
        self.epoch = self.batch = 0
        self.rate = self.first_rate
        self.rows: list[dict[str, float]] = []
        self.reports: list[dict[str, float]] = []  # of the steps of an epoch that has begun

    @property
    def batches(self) -> int:
        """Steps in an epoch."""
        return len(self.source.sizes)

    @property
    def at(self) -> float:
        """How many epochs are done, with the part of the one that has begun."""
        return self.epoch + self.batch / self.batches

    @property
    def loss(self) -> float | None:
        """The last that was measured: of the last epoch, or of the last step of one that has begun."""
        last = self.reports or self.rows
        return last[-1]["loss"] if last else None

    def set_rate(self, rate: float) -> None:
        """Another learning rate from here on, where the optimiser has one."""
        if self.first_rate:
            self.rate = rate
            level = rate / self.first_rate
            self.carry = self.carry._replace(opt_state=set_level(self.carry.opt_state, level))

    def next_batch(self) -> tuple[Any, Any, np.ndarray]:
        """The examples of the next step, its random key, and the numbers of those examples."""
        source, n = self.source, self.source.data.size
        key = jax.random.fold_in(source.key, self.epoch)
        whole = source.batch_size >= n
        order = np.arange(n) if whole else np.asarray(epoch_order(key, n, source.shuffle))
        index = order[self.batch * source.batch_size : (self.batch + 1) * source.batch_size]
        return source.data if whole else source.data.take(index), step_key(key, self.batch), index

    def step(self) -> None:
        """One batch; raises `DivergenceError`."""
        batch, key, _ = self.next_batch()
        after, report = compiled_step(self.task.at(self.task.numbers))(self.carry, batch, key)
        told = {name: np.asarray(value).reshape(1) for name, value in report.items()}
        if first_bad(told) is not None:
            where = f"epoch {self.epoch + 1}, batch {self.batch + 1}"
            raise divergence(self.task, self.carry, [(where, batch, key)], 0, told)
        self.carry, self.batch = after, self.batch + 1
        self.reports.append({name: float(value[0]) for name, value in told.items()})
        if self.batch == self.batches:
            gathered = {name: np.array([report[name] for report in self.reports]) for name in self.reports[0]}
            self._done({name: values[None] for name, values in gathered.items()}, 1)
            self.batch, self.reports = 0, []

    def advance(self, most: int = TOGETHER) -> int:
        """So many epochs as take about `CALL`, at least one and at most ``most``; those done.

        An epoch that has begun is finished; of one that takes long, only as many steps as take that time.
        """
        begun = time.perf_counter()
        if self.batch or self.took > 5 * CALL:
            before, steps = self.epoch, 0
            while self.epoch == before and time.perf_counter() - begun < CALL:
                self.step()
                steps += 1
            self.took = (time.perf_counter() - begun) / steps * self.batches
            return self.epoch - before
        count = int(np.clip(CALL / max(self.took, 1e-5), 1, min(most, TOGETHER)))
        self.carry, reports = self.source.advance(self.carry, self.epoch, count, TOGETHER)
        if self.compiled:
            self.took = (time.perf_counter() - begun) / count
        self.compiled = True
        self._done(reports, count)
        return count

    def _done(self, reports: Mapping[str, np.ndarray], count: int) -> None:
        for i in range(count):
            self.epoch += 1
            told = self.task.summary({name: values[i] for name, values in reports.items()}, self.source.sizes)
            self.rows.append({"epoch": self.epoch} | {name: float(value) for name, value in told.items()})
        if len(self.rows) > MOST_ROWS:
            del self.rows[1:-200:2]

    def model(self) -> Model:
        """The model as it stands, with its history."""
        told = ("optimizer", "learning_rate", "clip_norm", "batch_size", "seed")
        asked = {name: self.settings.get(name) for name in told}
        asked |= {"optimizer": self.settings.get("optimizer", "adam"), "epochs": max(1, self.epoch)}
        asked |= {"seed": int(self.settings.get("seed") or 0), "rates": None, "shuffle": True}
        asked["drawn"] = "params" not in self.settings
        model: Model = self.task.result(self.carry, History(list(self.rows), settings=asked))
        return model

    def scores(self) -> dict[str, float]:
        """Those of `scores` as it stands."""
        return scores(self.task.result(self.carry, History()), self.source.data, self.held)


def scores(model: Model, own: Batch, held: Batch | None) -> dict[str, float]:
    """Loss and, of a classifier, accuracy: on training examples and, as ``held_loss``, on some held out, if any are; of
    either the first `SCORED`, where there are more."""
    found: dict[str, float] = {}
    for before, batch in (("", own), ("held_", held)):
        if batch is not None:
            scored = model.score_batch(batch.take(slice(0, SCORED)))
            found |= {before + name: scored[name] for name in ("loss", "accuracy") if name in scored}
    return found
