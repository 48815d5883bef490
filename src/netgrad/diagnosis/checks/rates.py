"""The learning rate: too high, so that the loss jumps about or diverges; too low, so that it hardly moves.

Sources: Kelleher 8.2 (learning rate and convergence, Fig. of too high and too low rates); Pattipati "Backprop
practicalities". The judgement rests on a trial: the same start, the same batches, other rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.trials import FACTORS
from netgrad.diagnosis.words import digits
from netgrad.optimizers.names import OPTIMIZERS
from netgrad.registry import register

LOWER, HIGHER = [f for f in FACTORS if f < 1], [f for f in FACTORS if f > 1]


@register("finding", "rate_too_high")
@dataclass(frozen=True)
class RateTooHigh(Check):
    """A lower learning rate would train better: the loss oscillates, stays high or diverges.

    Measure: a few epochs from the start with the rate times each of `FACTORS` below 1. gain: the loss is lower by more
    than this share of the loss of a constant answer. Of an optimiser given as an object no trial can be made: there,
    whether the weights moved by more than ``far`` times their size, and the loss ended above that of a constant answer.
    """

    rank: ClassVar[int] = 220
    remedy: ClassVar[str] = "lower the learning rate as far as the trial says"
    gain: float = 0.25
    far: float = 1.0

    def look(self, e):
        if not e.failing:
            return
        if not (rates := e.rates):
            yield from self.far_away(e)
        elif lower_helps(e, self.gain):
            own, factor = rates[1.0], min(LOWER, key=rates.__getitem__)
            message = f"with {digits(factor)} times the learning rate the loss reaches {digits(rates[factor])} in "
            message += f"the same epochs, with this one {digits(own) if np.isfinite(own) else 'training diverges'}"
            measured = {"loss": own, "loss_at_lower_rate": rates[factor], "rises": rises(e.model.history)}
            yield self.found("fault", "the run", message, **measured).trying(times_the_rate(e, factor))

    def far_away(self, e):
        """The finding of a run whose rates cannot be tried."""
        losses = e.model.history["loss"] if "loss" in e.model.history else np.zeros(0)
        if e.settings.get("optimizer") != "given" or not e.moved or not len(losses):
            return
        moved = float(np.median(list(e.moved.values())))
        if moved > self.far and losses[-1] > e.chance:
            message = f"the weights moved by {digits(moved)} times their size, and the loss ended at "
            message += f"{digits(losses[-1])}, above that of a constant answer: the steps are too large"
            advice = "a lower learning rate, or less momentum"
            yield self.found("fault", "the run", message, moved=moved, loss=float(losses[-1])).trying(advice)

    def repair(self, recipe, e):
        if not e.rates and e.settings.get("optimizer") == "given":
            return recipe.with_adam()
        rates = e.rates
        factor = min(LOWER, key=rates.__getitem__) if rates else 0.1
        # The slower rate needs its epochs: the trial compares the first few only.
        return recipe.with_rate(factor)


@register("finding", "rate_too_low")
@dataclass(frozen=True)
class RateTooLow(Check):
    """A higher learning rate would train better: the loss falls slowly, and was still falling at the end.

    Measure: a few epochs from the start with the rate times each of `FACTORS` above 1. gain: as for a rate that is too
    high.
    """

    rank: ClassVar[int] = 460
    remedy: ClassVar[str] = "raise the learning rate as far as the trial says"
    gain: float = 0.25

    def look(self, e):
        if not e.failing or not (rates := e.rates):
            return
        own, factor = rates[1.0], min(HIGHER, key=rates.__getitem__)
        if np.isfinite(own) and own - rates[factor] > self.gain * e.chance:
            message = f"with {digits(factor)} times the learning rate the loss reaches {digits(rates[factor])} in "
            message += f"the same epochs, with this one {digits(own)}"
            measured = {"loss": own, "loss_at_higher_rate": rates[factor]}
            yield self.found("fault", "the run", message, **measured).trying(times_the_rate(e, factor))

    def repair(self, recipe, e):
        rates = e.rates
        return recipe.with_rate(min(HIGHER, key=rates.__getitem__) if rates else 10.0)


def lower_helps(e, gain: float = RateTooHigh.gain) -> bool:
    """Whether, with a lower rate, the loss is lower by more than ``gain`` of the loss of a constant answer."""
    best = min((e.rates[factor] for factor in LOWER if e.rates), default=np.inf)
    return bool(np.isfinite(best) and e.rates[1.0] - best > gain * e.chance)


def times_the_rate(e, factor: float) -> str:
    """The advice to multiply the learning rate by this, with the rate itself where it is known."""
    name, rate = e.settings.get("optimizer"), e.settings.get("learning_rate")
    rate = OPTIMIZERS[name][1] if rate is None and name in OPTIMIZERS else rate
    known = (
        f"learning_rate={factor * rate:.3g}"
        if isinstance(rate, int | float)
        else f"{digits(factor)} times the learning rate"
    )
    return f"{known} (ng.find_learning_rate shows where it learns)"


def rises(history) -> float:
    """The share of epochs after which the loss was higher than before by more than 1 %."""
    losses = history["loss"] if "loss" in history else np.zeros(0)
    if len(losses) < 2:
        return 0.0
    return float((losses[1:] > 1.01 * losses[:-1]).mean())
