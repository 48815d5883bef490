"""A task whose steps are spread over several devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.parallel.placement import Placement, placed
from netgrad.training.batch import Batch
from netgrad.training.task import Carry, StepReport, Task


@dataclass(frozen=True)
class Placed(Task):
    """Any task on these devices, for the programs of a run; whatever else there is to know, its own task says.

    Supervised training works through each device's share on its own (`netgrad.training.descent`). Of any other step
    XLA finds out what can be shared: it computes what it cannot share on every device, native kernels among that.
    """

    task: Task
    placement: Placement

    def step(self, carry: Carry, batch: Batch, key: jax.Array) -> tuple[Carry, StepReport]:
        with placed(self.placement):
            after, report = self.task.step(carry, self.placement.spread(batch), key)
        return self.placement.keep(after) if isinstance(after, Carry) else after, report

    @property
    def title(self) -> str:
        return self.task.title

    def scannable(self, batch: Batch) -> bool:
        return self.task.scannable(batch)

    @property
    def numbers(self) -> Any:
        return self.task.numbers

    def at(self, numbers: Any) -> Placed:
        return Placed(self.task.at(numbers), self.placement)


def as_placed(task: Task, placement: Placement | None) -> Task:
    """The task for the programs of a run on these devices; itself where nothing is spread."""
    return task if placement is None else Placed(task, placement)


def on_devices(data: Batch, placement: Placement | None) -> Batch:
    """Examples where steps will look for them."""
    there: Batch = jax.tree.map(jnp.asarray, data) if placement is None else placement.put(data)
    return there
