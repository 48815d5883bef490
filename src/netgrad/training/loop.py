"""The loop of training: compiled epochs of a task, and between them history, scores and callbacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.errors import NetgradError, warn
from netgrad.training.batch import Batch
from netgrad.training.callbacks import Callback
from netgrad.training.history import History
from netgrad.training.memory import InMemory
from netgrad.training.multistart import Starts
from netgrad.training.stream import Streaming
from netgrad.training.task import Carry, StepReport, Task
from netgrad.training.watched import After

if TYPE_CHECKING:
    from netgrad.network import Network


@dataclass
class Run:
    """A run in progress, as callbacks see it: read what you like, call `stop` to end it."""

    task: Task
    carry: Carry
    epochs: int
    history: History = field(default_factory=History)
    epoch: int = 0
    callbacks: Sequence[Callback] = ()
    settings: dict[str, Any] = field(default_factory=dict)  # what decides the numbers, as JSON; with checkpoints, all
    lost: set[int] = field(default_factory=set)  # the callbacks that only look and failed, by their id
    batch: int = 0  # the number of the last step in its epoch, and what it reported, for `Callback.on_batch`
    report: dict[str, float] = field(default_factory=dict)
    starts: Starts | None = None  # where several initialisations are trained at once; carry is then the best one's
    examples: Batch | None = None  # what is trained on; of a stream, its first chunk
    held: Batch | None = None  # what is validated on, if anything is

    @property
    def network(self) -> Network:
        """The network being trained, of a task that has one."""
        if not hasattr(self.task, "network"):
            raise NetgradError(f"{self.task.title} has no one network: read run.task and run.carry")
        network: Network = self.task.network
        return network

    def model(self, carry: Carry | None = None) -> Any:
        """The result as it stands now, a `Model` for `netgrad.fit`, or with the numbers of another ``carry``."""
        return self.task.result(carry or self.carry, self.history)

    def score(self, held: Batch, carry: Carry | None = None) -> dict[str, float]:
        """The task's scores on these examples."""
        return self._numbers(self.task.score(carry or self.carry, held))

    def score_each(self, held: Batch, carries: Carry, count: int) -> list[dict[str, float]]:
        """The scores of so many carries, stacked along a first axis."""
        return [self._numbers(scores) for scores in self.task.score_each(carries, count, held)]

    def _numbers(self, scores: Any) -> dict[str, float]:
        if not isinstance(scores, Mapping) or "loss" not in scores:
            found = ", ".join(map(str, scores)) if isinstance(scores, Mapping) else type(scores).__name__
            raise NetgradError(
                f"score of {self.task.title} must return a dict of numbers with 'loss' among them, found {found}"
            )
        if strange := [name for name, value in scores.items() if np.shape(value) != ()]:
            shape = np.shape(scores[strange[0]])
            raise NetgradError(f"score of {self.task.title} must be single numbers: {strange[0]!r} has shape {shape}")
        return {name: float(value) for name, value in scores.items()}

    def stop(self, reason: str) -> None:
        """End training after this epoch."""
        self.history.stopped = reason


def run_to_end(run: Run, source: InMemory | Streaming, held: Batch | None, epochs_per_call: int = 1) -> None:
    """Compiled epochs, history and callbacks, until the last epoch or until a callback stops the run."""
    each = bool(run.callbacks) and all(c.only_history for c in run.callbacks)
    after = after_step(run)
    each = each and epochs_per_call > 1 and held is None and run.starts is None and after is None
    begun: list[Callback] = []
    try:
        for callback in run.callbacks:
            callback.on_start(run)
            begun.append(callback)
        while run.epoch < run.epochs and not run.history.stopped:
            count = min(epochs_per_call, run.epochs - run.epoch)
            if each and isinstance(source, InMemory):
                _epochs_looked_at(run, source, count, epochs_per_call)
                continue
            if run.starts is not None and isinstance(source, InMemory):
                reports = run.starts.advance(run, source, count, held)
            else:
                run.carry, reports = source.advance(run.carry, run.epoch, count, after=after)
            for i in range(count):
                run.epoch += 1
                run.history.append(_row(run, reports, i, source.sizes))
            if held is not None:
                scores = run.score(held) if run.starts is None else run.starts.scores[run.starts.best]
                run.history.rows[-1] |= {f"val_{name}": value for name, value in scores.items()}
            after_epoch(run)
    finally:
        with ExitStack() as ends:  # each is called, whatever becomes of the others
            for callback in reversed(begun):
                ends.callback(told, callback, "on_end", run)


def _epochs_looked_at(run: Run, source: InMemory, count: int, of: int) -> None:
    """Some epochs as one program, after which the callbacks look at one row of the history after the other.

    Where they stop the run before the last, the epochs up to there are done again from where all began.
    """
    begun, first = run.carry, run.epoch
    run.carry, reports = source.advance(begun, first, count, of)
    for i in range(count):
        run.epoch += 1
        run.history.append(_row(run, reports, i, source.sizes))
        after_epoch(run)
        if run.history.stopped:
            if i + 1 < count:
                run.carry, _ = source.advance(begun, first, i + 1, of)
            return


def after_step(run: Run) -> After | None:
    """What the callbacks that look at each step do after one; None where there are none."""
    watchers = [callback for callback in run.callbacks if type(callback).on_batch is not Callback.on_batch]
    if not watchers:
        return None
    if run.starts is not None:
        raise NetgradError(
            f"on_batch of {type(watchers[0]).__name__} looks at one run, and there are {run.starts.count} starts: "
            "leave starts out"
        )

    def after(carry: Carry, report: StepReport, number: int) -> Carry:
        run.carry, run.batch = carry, number
        run.report = {name: float(value) for name, value in report.items()}
        for callback in watchers:
            if id(callback) not in run.lost:
                told(callback, "on_batch", run)
        return run.carry

    return after


def after_epoch(run: Run) -> None:
    """The callbacks look at the last row of the history; one that only looks is not asked again after it failed."""
    for callback in run.callbacks:
        if id(callback) not in run.lost:
            told(callback, "on_epoch", run)


def told(callback: Callback, moment: str, run: Run) -> None:
    """Call one method of a callback; one that only looks may fail, as what was trained is not to be lost by that."""
    try:
        getattr(callback, moment)(run)
    except Exception as error:
        if not callback.only_looks:
            raise
        if id(callback) not in run.lost:
            run.lost.add(id(callback))
            reason = " ".join(str(error).split())[:200]
            warn(f"{type(callback).__name__} failed ({type(error).__name__}: {reason}): training goes on without it")


def _row(run: Run, reports: Mapping[str, np.ndarray], i: int, sizes: Sequence[int]) -> dict[str, float]:
    """Epoch i of a call as a row of the history."""
    of_epoch = run.task.summary({name: values[i] for name, values in reports.items()}, sizes)
    row = {"epoch": run.epoch} | {name: float(value) for name, value in of_epoch.items()}
    if run.starts is not None:
        row |= {f"loss_{k + 1}": float(loss) for k, loss in enumerate(run.starts.losses[:, i])}
    return row
