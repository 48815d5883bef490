"""Epochs step by step, for callbacks that look at a run after each of its steps (`Callback.on_batch`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jax
import numpy as np

from netgrad.parallel.placement import Placement
from netgrad.training.batch import Batch
from netgrad.training.divergence import divergence, first_bad
from netgrad.training.epoch import compiled_step
from netgrad.training.placed import as_placed
from netgrad.training.task import Carry, StepReport, Task

After = Callable[[Carry, StepReport, int], Carry]


def watched(
    task: Task,
    carry: Carry,
    steps: Iterable[tuple[str, Batch, jax.Array]],
    after: After,
    begun: int = 0,
    placement: Placement | None = None,
) -> tuple[Carry, StepReport]:
    """The carry after these steps, and what they report, (1, steps): the numbers of an epoch in one program, to
    rounding.

    steps: where each stands, its batch and its random key. after: called with the carry and the report of each step and
    its number in the epoch, from ``begun`` + 1 on; what it returns is gone on with. Raises `DivergenceError` where a
    number is not finite. placement: the devices that share each batch.
    """
    one, reports = compiled_step(as_placed(task, placement)), []
    for number, (where, batch, key) in enumerate(steps, begun + 1):
        if placement is None:
            done, report = one(carry, batch, key)
        else:
            done, report = one(placement.put_carry(carry), *placement.put((batch, key)))
            done = placement.home(done)
        report = {name: np.asarray(value) for name, value in report.items()}
        if first_bad({name: value[None] for name, value in report.items()}) is not None:
            raise divergence(task, carry, [(where, batch, key)], 0, report)
        carry = after(done, report, number)
        reports.append(report)
    return carry, {name: np.stack([report[name] for report in reports])[None] for name in reports[0]}
