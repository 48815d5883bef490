"""Batches too small for normalisation or drowned in noise, and batches so large that there are hardly any updates.

Sources: Kelleher 8.4 (batch normalisation; batch, mini-batch and stochastic gradient descent); Pattipati "Backprop
practicalities".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.words import count_of, digits, layers_of
from netgrad.layers.normalisation import BatchNorm
from netgrad.registry import register


@register("finding", "batch_too_small")
@dataclass(frozen=True)
class BatchTooSmall(Check):
    """Batch statistics of a handful of examples are noise; and so is the gradient of one or two examples.

    Measure: batches of at most ``examples`` with batch normalisation; or batches of at most ``examples`` where 32
    examples a step, at the same rate and epochs, reach a loss lower by more than ``gain`` of that of a constant answer.
    """

    rank: ClassVar[int] = 160
    remedy: ClassVar[str] = (
        "take 16 to 64 examples a step; without a larger batch, layer instead of batch normalisation"
    )
    examples: int = 4
    gain: float = 0.25

    def look(self, e):
        size = e.settings.get("batch_size")
        if size is None or size > self.examples or size >= e.batch.size:
            return
        normalised = [node.name for node in e.network.nodes if isinstance(node.layer, BatchNorm)]
        if normalised:
            takes = "takes" if len(normalised) == 1 else "take"
            message = f"{', '.join(normalised)} {takes} mean and spread from batches of {size}"
            yield self.found(e.severity, layers_of(normalised), message, batch_size=size)
        elif (
            e.failing and e.rates and e.smaller_batches and e.rates[1.0] - e.smaller_batches[1.0] > self.gain * e.chance
        ):
            own = e.rates[1.0]
            message = (
                f"with 32 examples a step the loss reaches {digits(e.smaller_batches[1.0])} in the same epochs, with "
            )
            message += (
                f"{size} a step {f'it reaches {digits(own)}' if np.isfinite(own) else 'training diverges'}: each "
            )
            message += "step follows the noise of its few examples"
            advice = "take 16 to 64 examples a step"
            yield self.found("fault", "the run", message, batch_size=size, loss=e.rates[1.0]).trying(advice)

    def repair(self, recipe, e):
        return recipe.changed("batch_size=32", batch_size=32)


@register("finding", "batch_too_large")
@dataclass(frozen=True)
class BatchTooLarge(Check):
    """So many examples a step that the run had only a handful of updates.

    Measure: fewer than ``updates`` in all, with batches of at least ``share`` of the examples, where 32 examples a
    step reach a loss in the same epochs that is lower by more than ``gain`` of that of a constant answer.
    """

    rank: ClassVar[int] = 440
    remedy: ClassVar[str] = "take 16 to 64 examples a step, or many more epochs"
    updates: int = 200
    share: float = 0.1
    gain: float = 0.25

    def look(self, e):
        size = e.settings.get("batch_size", 0) or e.batch.size
        epochs = len(e.model.history)
        count = epochs * int(np.ceil(e.batch.size / size))
        if not e.failing or size < max(64, self.share * e.batch.size) or count >= self.updates or not e.smaller_batches:
            return
        own, other = e.rates[1.0], e.smaller_batches[1.0]
        if not own - other <= self.gain * e.chance:
            updates, run = count_of(count, "update"), count_of(epochs, "epoch")
            message = (
                f"{min(size, e.batch.size)} examples a step made {updates} in {run}; with 32 a step the loss reaches "
            )
            yield self.found(
                "fault", "the run", f"{message}{digits(other)} instead of {digits(own)}", updates=count, loss=own
            )

    def repair(self, recipe, e):
        return recipe.changed("batch_size=32", batch_size=32)
