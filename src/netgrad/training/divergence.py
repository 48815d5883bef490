"""Where training diverged: the failed steps again, one by one, up to the first number that is not finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import jax
import numpy as np

from netgrad.errors import DivergenceError
from netgrad.training.batch import Batch
from netgrad.training.epoch import compiled_step
from netgrad.training.task import Carry, Task


def first_bad(reports: Mapping[str, np.ndarray]) -> int | None:
    """The number of the first step that reports something not finite, or None."""
    bad = np.flatnonzero(~all_finite(reports))
    return int(bad[0]) if len(bad) else None


def all_finite(reports: Mapping[str, np.ndarray]) -> np.ndarray:
    """Of each step, whether all that it reports is finite."""
    finite: np.ndarray = np.logical_and.reduce([np.isfinite(values) for values in reports.values()])
    return finite


def divergence(
    task: Task,
    carry: Carry,
    steps: Iterable[tuple[str, Batch, jax.Array]],
    bad: int,
    reports: Mapping[str, np.ndarray],
) -> DivergenceError:
    """The error that names the place.

    carry: what the first of the ``steps`` began with; steps: where each stands, its batch and its random key, with the
    failed one at number ``bad``; reports: of all steps.
    """
    one = compiled_step(task)
    for number, (where, batch, key) in enumerate(steps):
        if number == bad:
            report = {name: float(values.ravel()[bad]) for name, values in reports.items()}
            return DivergenceError(
                f"training diverged at {where}: the first number that is not finite is in "
                f"{task.explain(carry, batch, key, report)}; {task.advice}"
            )
        carry, _ = one(carry, batch, key)
    raise AssertionError("a reported step is always replayed")
