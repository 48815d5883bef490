"""Examples that are all in memory, and how epochs go over them: so many at a time in one compiled program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jax
import numpy as np

from netgrad.parallel.placement import Placement
from netgrad.training.batch import Batch
from netgrad.training.divergence import divergence, first_bad
from netgrad.training.epoch import batches_of, compiled_epochs, epoch_order, step_key
from netgrad.training.placed import as_placed, on_devices
from netgrad.training.task import Carry, StepReport, Task
from netgrad.training.watched import After, watched


@dataclass
class InMemory:
    """What is trained on what: everything of a run that stays as it is from epoch to epoch."""

    task: Task
    data: Batch
    batch_size: int
    shuffle: bool
    key: jax.Array
    placement: Placement | None = None  # the devices that share each batch

    def __post_init__(self) -> None:
        self.data = on_devices(self.data, self.placement)

    @property
    def sizes(self) -> list[int]:
        """The number of examples in each batch of an epoch."""
        batch_size = min(self.batch_size, self.data.size)
        full, rest = batches_of(self.data.size, batch_size)
        return [batch_size] * full + [rest] * (rest > 0)

    def program(self, count: int, each: str | None = None) -> Any:
        """``count`` epochs as one program, see `netgrad.training.epoch.compiled_epochs`."""
        return compiled_epochs(as_placed(self.task, self.placement), self.batch_size, self.shuffle, count, each)

    def advance(
        self, carry: Carry, first: int, count: int, of: int | None = None, after: After | None = None
    ) -> tuple[Carry, StepReport]:
        """``count`` epochs, numbered from ``first``; raises `DivergenceError` where a number is not finite.

        of: use the program that can do up to so many, whatever the count; otherwise each count has its own. after: go
        step by step, and call it after each, see `netgrad.training.watched`.
        """
        if after is not None:
            steps = self._steps(first)
            each: list[StepReport] = []
            for _ in range(count):
                carry, report = watched(
                    self.task, carry, islice(steps, len(self.sizes)), after, placement=self.placement
                )
                each.append(report)
            return carry, {name: np.concatenate([report[name] for report in each]) for name in each[0]}
        limit = {} if of is None else {"limit": count}
        program, key = self.program(of or count), self.key
        if self.placement is None:
            done, reports = program(carry, self.data, key, first, **limit)
        else:
            begun, key = self.placement.put_carry(carry), self.placement.put(key)
            done, reports = program(begun, self.data, key, first, **limit)
            done = self.placement.home(done)
        reports = jax.tree.map(np.asarray, reports)
        if (bad := first_bad(reports)) is not None:
            raise divergence(self.task, carry, self._steps(first), bad, reports)
        return done, reports

    def _steps(self, first: int) -> Iterator[tuple[str, Batch, jax.Array]]:
        """The steps from epoch ``first`` on, without end: where each is, its batch and its random key."""
        data = self.data if self.placement is None else self.placement.home(self.data)
        epoch = first
        while True:
            key = jax.random.fold_in(self.key, epoch)
            order = epoch_order(key, self.data.size, self.shuffle)
            for i in range(len(self.sizes)):
                index = order[i * self.batch_size : (i + 1) * self.batch_size]
                batch = data if self.batch_size >= data.size else data.take(index)
                yield f"epoch {epoch + 1}, batch {i + 1}", batch, step_key(key, i)
            epoch += 1
