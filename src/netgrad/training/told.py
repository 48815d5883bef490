"""What a run's history says of its settings, in numbers and texts that a file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netgrad.training.batch import Batch


def steps_an_epoch(data: Batch, batch_size: int | None, truncate: int | None) -> int:
    """How many updates an epoch in memory has."""
    batches = -(-data.size // (batch_size or data.size))
    return batches if truncate is None else batches * -(-next(iter(data.x.values())).shape[1] // truncate)


def told_weights(spec: Any) -> Any:
    """Class weights as plain JSON: a name, or a number for each label written as text; "given" for several outputs."""
    if not isinstance(spec, Mapping):
        return spec
    return {str(label): float(w) for label, w in spec.items() if isinstance(w, int | float)} or "given"


def course(rate: Any, steps: int) -> list[float] | None:
    """A schedule's learning rate at the first step, after a tenth, a quarter and half of the steps, and at the last.

    >>> course(lambda step: 1 / (1 + step), 101)
    [1.0, 0.09090909090909091, 0.038461538461538464, 0.0196078431372549, 0.009900990099009901]
    """
    if not callable(rate):
        return None
    return [float(rate(int(share * max(steps - 1, 0)))) for share in (0, 0.1, 0.25, 0.5, 1)]


def plain(value: Any) -> Any:
    """A single number of NumPy's or JAX's as one of Python's, which can be stored in a file; all else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value
