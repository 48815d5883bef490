"""Remedies tried out: train, diagnose, change what the worst finding names, train again, keep what helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from netgrad.compiling import as_seed
from netgrad.diagnosis.diagnose import examine
from netgrad.diagnosis.evidence import Evidence
from netgrad.diagnosis.examples import table_of, unseen
from netgrad.diagnosis.finding import Check, Diagnosis, checks
from netgrad.diagnosis.recipe import Recipe
from netgrad.diagnosis.words import shown
from netgrad.errors import DivergenceError, warn
from netgrad.regularizers import L2
from netgrad.training.batch import split
from netgrad.training.frames import USUAL
from netgrad.training.history import History
from netgrad.training.model import Model
from netgrad.training.untrained import untrained

ROUNDS = 8  # remedies tried, at most
LOWER = 0.9  # of the loss: what is below is better even where few examples show no gain in skill yet
ADAPTIVE = ("adam", "adamw", "nadam", "rmsprop", "levenberg_marquardt")  # that need no Adam in their place
FALLING = 0.97  # of the loss a quarter of the run before: what is below it still falls
PATIENCE = 10  # epochs without a better validation loss, where a run is made longer
LONG = 10_000  # updates, from which on a run is not made longer by itself, so that none has more than three times these
ENOUGH, MOST_EPOCHS = 2000, 200  # updates of Adam that are enough for most small networks, within so many epochs
LAST = 0.75  # of the run: a validation loss that was lowest after that may fall further
PENALTY = 1e-3  # on the weights of a network that falls short on validation examples alone
BETTER = 0.01  # skill that a remedy must gain to be worth its change
MUCH = 0.05  # skill that outweighs a new finding


class Attempt:
    """One training run of a recipe, with what can be said of it.

    model: what was trained; where training diverged, the model as drawn. error: of a run that diverged.
    """

    def __init__(self, recipe: Recipe, x: Any, y: Any):
        self.recipe = recipe
        self.error: DivergenceError | None = None
        try:
            self.model = recipe.train(x, y)
        except DivergenceError as error:
            self.error, self.model = error, as_drawn(recipe, x, y)

    def examine(self, x: Any, y: Any, held: Any) -> None:
        """Find out what can be said of it. held: examples that training did not see; those that ``validation`` held
        out where it is a share and they are not given."""
        lengths, share = self.recipe.settings.get("lengths"), self.recipe.settings.get("validation")
        batch, kept = self.model.batch(x, y, None, lengths), unseen(self.model, held)
        if held is None and share is not None and not isinstance(share, tuple):
            batch, kept = split(batch, share, as_seed(self.recipe.settings.get("seed") or 0))
        self.evidence = Evidence(self.model, batch, kept, table_of(x))
        self.diagnosis: Diagnosis = examine(self.evidence)

    @property
    def score(self) -> float:
        """What the network is worth, see `Evidence.worth`; minus infinity for a run that diverged."""
        if self.error is not None or not np.isfinite(self.evidence.loss):
            return float("-inf")
        return self.evidence.worth

    @property
    def loss(self) -> float:
        """On held-out examples where there are any, else on the training examples."""
        return self.evidence.loss if self.evidence.held is None else self.evidence.held_loss

    @property
    def fails(self) -> bool:
        """Whether training diverged or falls short of what can be learned."""
        return self.error is not None or self.evidence.falls_short

    @property
    def by_hand(self) -> bool:
        """Whether there is a fault that only a person can mend."""
        named = (known()[f.name] for f in self.diagnosis if f.severity == "fault")
        return any(type(check).repair is Check.repair for check in named)

    def remedies(self) -> list[Check]:
        """The checks that found something above "note", in the findings' order; of a diverged run "not_finite" behind
        those that come before it."""
        by_name = known()
        found = [by_name[f.name] for f in self.diagnosis.serious]
        if self.error is not None:
            ends = by_name["not_finite"]
            found = [c for c in found if c.rank < ends.rank] + [ends] + [c for c in found if c.rank > ends.rank]
        return list(dict.fromkeys(found))


class Repair(NamedTuple):
    """What came of looking for remedies: the first attempt, the best one (the first where nothing helped), the checks
    whose remedies were kept, all changes that were tried, in words, and whether the diagnosis itself failed."""

    first: Attempt
    best: Attempt
    kept: list[str]
    tried: list[str]
    failed: bool = False


def repair(recipe: Recipe, x: Any, y: Any, held: Any = None) -> Repair:
    """Try the remedies of what is found, one after the other.

    held: (x, y) or (x, y, lengths), examples that decide what helps; those that the recipe's validation holds out where
    that is a share, else the training examples. A change that neither helps nor harms may be a step on the way, but
    what is kept ends with one that helps. Where training failed, for a known reason or none, or something was mended,
    and no fault is left that only a person can mend, what trains most networks better is tried last, see `usual`. A
    fault in the examples that decide ends the search.
    Where the diagnosis itself fails, a warning says so, and the best attempt up to there is the result.
    """
    first = best = Attempt(recipe, x, y)
    kept: list[str] = []
    way: list[str] = []
    tried: list[str] = []
    try:
        first.examine(x, y, held)
        for attempt, check in further(first, x, y, held, tried):
            way.append(check)
            if better(attempt, best):
                best, kept = attempt, list(way)
    except Exception as error:  # whatever it is: what was trained is not lost by it
        reason = " ".join(str(error).split())[:200]
        warn(
            f"remedies were looked for in vain ({type(error).__name__}: {reason}): the model is as trained up to there"
        )
        return Repair(first, best, kept, tried, failed=True)
    return Repair(first, best, kept, tried)


def further(best: Attempt, x: Any, y: Any, held: Any, told: list[str]) -> Iterator[tuple[Attempt, str]]:
    """One attempt after the other that is no worse, each with the name of the check whose remedy it is; ``told`` is
    what was tried, in words."""
    tried: set[str] = set()
    first = best
    for _ in range(ROUNDS):
        options = [check for check in best.remedies() if check.registered_name not in tried]
        name, changed = "", None
        while options and changed is None:
            check = options.pop(0)
            name, changed = check.registered_name, check.repair(best.recipe, best.evidence)
            if check.spoils and best.diagnosis[name].severity == "fault":
                return
            tried.add(name)
            changed = None if changed is best.recipe else changed
        if changed is None and (first.fails or best is not first) and not best.by_hand:
            name, changed = next((way for way in usual(best) if way[0] not in tried), ("", None))
            tried.add(name)
        if changed is None:
            return
        told.extend(changed.changes[len(best.recipe.changes) :])
        attempt = Attempt(changed, x, y)
        attempt.examine(x, y, held)
        left, before = ({f.name for f in one.diagnosis.serious} for one in (attempt, best))
        if name in known():
            helped = better(attempt, best) or (name not in left and no_worse(attempt, best))
        else:  # what nothing asked for may bring nothing new that is wrong, unless it gains far more
            helped = better(attempt, best) and (left <= before or attempt.score > best.score + MUCH)
        if helped:
            best = attempt
            tried.discard(name)  # a step in the right direction may be too short
            yield attempt, name


def usual(best: Attempt) -> Iterator[tuple[str, Recipe]]:
    """What trains most networks better, until one does as well as the reference: Adam in the place of plain steps, the
    rate that a trial prefers, more epochs while the loss still falls, on training or on validation examples; and, where
    it does worse on the latter, a penalty, and an end where their loss is lowest; at last all of it at once,
    `ENOUGH` updates of Adam on batches of 32 at its usual rate."""
    recipe, e = best.recipe, best.evidence
    if best.score >= e.expected:
        return
    if (recipe.settings.get("optimizer") or "adam") not in ADAPTIVE:
        yield "adam", recipe.with_adam()
    if e.rates and min(e.rates.values()) < LOWER * e.rates[1.0]:
        changed = recipe.with_rate(min(e.rates, key=e.rates.__getitem__))
        if changed is not recipe:
            yield "rate", changed
    validated = recipe.settings.get("validation") is not None
    early = {"patience": PATIENCE} if validated and recipe.settings.get("patience") is None else {}
    stopped = f"stopped early (patience={PATIENCE})"
    epochs = len(e.model.history)
    updates = epochs * -(-e.batch.size // (e.settings.get("batch_size") or e.batch.size))
    if falls(e.model.history) and updates < LONG:
        said = "three times the epochs"
        yield "epochs", recipe.changed(f"{said}, {stopped}" if early else said, epochs=3 * epochs, **early)
    if e.held_skill < min(e.skill, e.expected) - BETTER:
        milder = recipe if e.model.objective.penalties else recipe.with_penalty(L2(PENALTY))
        changed = milder.changed(stopped, **early) if early else milder
        if changed is not recipe:
            yield "penalty", changed
    size = min(32, e.batch.size)
    enough = min(-(-ENOUGH * size // e.batch.size), MOST_EPOCHS)
    plain = recipe.settings.get("optimizer") in (None, "adam") and recipe.settings.get("learning_rate") is None
    if not plain or recipe.settings.get("batch_size", 32) != 32 or epochs < enough:
        said = f"the optimiser adam, batches of {size} and {max(epochs, enough)} epochs"
        how = {"optimizer": "adam", "learning_rate": None, "schedule": None, "batch_size": size, **early}
        yield "as_most", recipe.changed(f"{said}, {stopped}" if early else said, epochs=max(epochs, enough), **how)


def falls(history: History) -> bool:
    """Whether a loss may fall further: that of training fell in the last quarter of the run, or that of validation was
    lowest there. Of one epoch nothing else is known; a run that was stopped early has seen its end.

    >>> rows = [{"loss": 0.5, "val_loss": loss} for loss in (9.0, 4.0, 3.0, 2.0)]
    >>> falls(History(rows)), falls(History(rows[::-1]))
    (True, False)
    """
    if "loss" not in history or history.stopped:
        return False
    if len(history) == 1:
        return True
    own, held = history["loss"], history["val_loss"] if "val_loss" in history else np.zeros(0)
    if own[-1] < FALLING * own[-max(2, len(own) // 4)]:
        return True
    return bool(np.isfinite(held).any() and int(np.nanargmin(held)) + 1 > LAST * len(held))


def known() -> dict[str, Check]:
    """Every check by its name."""
    return {check.registered_name: check for check in checks()}


def better(attempt: Attempt, best: Attempt) -> bool:
    """Whether a changed recipe helps: more skill, or a clearly lower loss, with no less skill or where training failed.

    A network that has learned nothing may have some skill by luck; its loss says sooner that it begins to learn.
    """
    if attempt.score > best.score + BETTER:
        return True
    same = attempt.model.objective.terms == best.model.objective.terms  # two kinds of loss are not compared
    lower = same and attempt.score > float("-inf") and attempt.loss < LOWER * best.loss
    return lower and (best.evidence.failing or attempt.score >= best.score)


def no_worse(attempt: Attempt, best: Attempt) -> bool:
    """Whether a changed recipe does no harm."""
    return attempt.score > float("-inf") and attempt.score >= best.score - BETTER


def fit_with_remedies(network: Any, x: Any, y: Any, **settings: Any) -> Model:
    """What `netgrad.fit` does with ``fix=True``; warns of every change that was kept, and of faults where none was.

    Without a change the model is, to the bit, what `netgrad.fit` returns without ``fix``. Raises `DivergenceError`
    where no remedy keeps training from diverging.
    """
    validation = settings.get("validation")
    found = repair(Recipe(network, settings), x, y, validation if isinstance(validation, tuple) else None)
    if found.best.error is not None:
        raise found.best.error
    told = [{"epoch": 0, "finding": "remedy", "message": what} for what in found.best.recipe.changes]
    found.best.model.history.events[:0] = told
    if told_of := outcome(found):
        warn(told_of)
    return found.best.model


def outcome(found: Repair) -> str:
    """What looking for remedies came to, in one line; empty where nothing was wrong."""
    first, best = found.first, found.best
    if changes := "; ".join(best.recipe.changes):
        how, now = "repaired", f"skill {shown(best.score)}"
        if not found.failed and best.fails:
            how, now = "improved", f"{now}, where {reach(best)}"
        if first.error is not None:
            return f"training diverged and was {how} ({now}): {changes}"
        if first.evidence.failing:
            return f"training failed (skill {shown(first.score)}) and was {how} ({now}): {changes}"
        return f"training was improved (skill {shown(best.score)} instead of {shown(first.score)}): {changes}"
    if found.failed or not (first.fails or first.diagnosis.serious):
        return ""
    if not (serious := first.diagnosis.serious):
        tried = f"no remedy helped. Tried: {'; '.join(found.tried)}" if found.tried else "there was nothing to try"
        line = f"nothing was changed: training falls short (skill {shown(first.score)}, where {reach(first)}), nothing "
        return f"{line}was found that says why, and {tried}"
    why = f"{serious[0].message} ({serious[0].where})"
    if not found.tried:
        return (
            f"nothing was changed, since what was found is nothing to try remedies on: {why}. Try: {serious[0].remedy}"
        )
    return f"nothing was changed, since no remedy helped: {why}. Tried: {'; '.join(found.tried)}"


def reach(attempt: Attempt) -> str:
    """What can be asked for, in words."""
    possible = attempt.evidence.possible
    return f"a reference reaches {shown(possible)}" if np.isfinite(possible) else "0.9 is usual"


def as_drawn(recipe: Recipe, x: Any, y: Any) -> Model:
    """The model of a recipe before its first step."""
    names = ("loss", "loss_weights", "penalty", "weight_noise", "reduction", "lengths", "seed", *USUAL)
    given = {name: recipe.settings[name] for name in names if name in recipe.settings}
    model = recipe.network if isinstance(recipe.network, Model) else untrained(recipe.network, x, y, **given)
    usual = {"optimizer": "adam", "learning_rate": None, "clip_norm": None, "batch_size": 32, "epochs": 20, "seed": 0}
    asked = {name: recipe.settings.get(name, value) for name, value in usual.items()}
    return replace(model, history=History(settings=asked))
