"""Remedies tried out: train, diagnose, change what the worst finding names, train again, keep what helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from netgrad.diagnosis.diagnose import examine
from netgrad.diagnosis.evidence import Evidence, unseen
from netgrad.diagnosis.finding import Check, Diagnosis, checks
from netgrad.diagnosis.recipe import Recipe
from netgrad.errors import DivergenceError, NetgradError, warn
from netgrad.training.fit import untrained
from netgrad.training.history import History
from netgrad.training.model import Model

ROUNDS = 5  # remedies tried, at most
LOWER = 0.9  # of the loss: what is below is better even where few examples show no gain in skill yet
BETTER = 0.01  # skill that a remedy must gain to be worth its change


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
        """Find out what can be said of it."""
        lengths = self.recipe.settings.get("lengths")
        self.evidence = Evidence(self.model, self.model.batch(x, y, None, lengths), unseen(self.model, held))
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

    def remedies(self) -> list[Check]:
        """The checks that found something above "note", and a diverged run's first, in the findings' order."""
        known = {check.registered_name: check for check in checks()}
        names = ["not_finite"] * (self.error is not None) + [f.name for f in self.diagnosis.serious]
        return [known[name] for name in dict.fromkeys(names)]


def repair(recipe: Recipe, x: Any, y: Any, held: Any = None) -> tuple[Attempt, Attempt, list[str]]:
    """The first attempt, the best one, and the checks whose remedies were kept.

    held: (x, y) or (x, y, lengths), examples that decide what helps; the training examples where there are none.
    Where the diagnosis itself fails, a warning says so, and the best attempt up to there is the result.
    """
    first = best = Attempt(recipe, x, y)
    kept: list[str] = []
    try:
        first.examine(x, y, held)
        for attempt, check in further(first, x, y, held):
            best = attempt
            kept.append(check.registered_name)
    except Exception as error:  # whatever it is: what was trained is not lost by it
        reason = " ".join(str(error).split())[:200]
        warn(
            f"remedies were looked for in vain ({type(error).__name__}: {reason}): the model is as trained up to there"
        )
    return first, best, kept


def further(best: Attempt, x: Any, y: Any, held: Any) -> Iterator[tuple[Attempt, Check]]:
    """One better attempt after the other, each with the check whose remedy it is."""
    tried: set[str] = set()
    for _ in range(ROUNDS):
        options = [check for check in best.remedies() if check.registered_name not in tried]
        changed = None
        while options and changed is None:
            check = options.pop(0)
            tried.add(check.registered_name)
            changed = check.repair(best.recipe, best.evidence)
            changed = None if changed is best.recipe else changed
        if changed is None:
            return
        attempt = Attempt(changed, x, y)
        attempt.examine(x, y, held)
        gone = all(f.name != check.registered_name for f in attempt.diagnosis.serious)
        if helps(attempt, best, gone):
            best = attempt
            tried.discard(check.registered_name)  # a step in the right direction may be too short
            yield attempt, check


def helps(attempt: Attempt, best: Attempt, gone: bool) -> bool:
    """Whether a changed recipe is better: more skill, a clearly lower loss, or no loss of either without the fault."""
    if attempt.score == float("-inf"):
        return False
    if attempt.score > best.score + BETTER or attempt.loss < LOWER * best.loss:
        return True
    return gone and (attempt.score >= best.score - BETTER or attempt.loss < best.loss)


def fit_with_remedies(network: Any, x: Any, y: Any, **settings: Any) -> Model:
    """What `netgrad.fit` does with ``fix=True``; warns of every change that was kept.

    Raises `DivergenceError` where no remedy keeps training from diverging.
    """
    if isinstance(share := settings.get("validation"), float):
        x, y, settings = held_out(x, y, settings, share)  # what decides on remedies is the same in every round
    first, best, _ = repair(Recipe(network, settings), x, y, settings.get("validation"))
    if best.error is not None:
        raise best.error
    told = [{"epoch": 0, "finding": "remedy", "message": what} for what in best.recipe.changes]
    best.model.history.events[:0] = told
    if best.recipe.changes:
        before = "diverged" if first.error is not None else f"skill {first.score:.2f}"
        warn(f"training failed ({before}) and was repaired (skill {best.score:.2f}): {'; '.join(best.recipe.changes)}")
    return best.model


def held_out(x: Any, y: Any, settings: dict[str, Any], share: float) -> tuple[Any, Any, dict[str, Any]]:
    """x, y and the settings with this share of the examples given as validation instead."""
    count = len(next(iter(x.values())) if isinstance(x, Mapping) else x)
    if not 0 < share < 1 or not 0 < round(count * share) < count:
        raise NetgradError(
            f"validation must be a share between 0 and 1 that leaves examples to train on, found {share}"
        )
    order = np.random.default_rng(settings.get("seed") or 0).permutation(count)
    places = np.sort(order[: round(count * share)]), np.sort(order[round(count * share) :])

    def rows(value: Any, at: np.ndarray) -> Any:
        if isinstance(value, Mapping):
            return {name: rows(part, at) for name, part in value.items()}
        return value.iloc[at] if hasattr(value, "iloc") else np.asarray(value)[at]

    kept = {k: rows(settings[k], places[1]) for k in ("lengths", "sample_weight") if settings.get(k) is not None}
    unseen = [rows(value, places[0]) for value in (x, y, settings.get("lengths")) if value is not None]
    return rows(x, places[1]), rows(y, places[1]), {**settings, **kept, "validation": tuple(unseen)}


def as_drawn(recipe: Recipe, x: Any, y: Any) -> Model:
    """The model of a recipe before its first step."""
    names = ("loss", "loss_weights", "penalty", "weight_noise", "reduction", "lengths", "seed")
    given = {name: recipe.settings[name] for name in names if name in recipe.settings}
    model = recipe.network if isinstance(recipe.network, Model) else untrained(recipe.network, x, y, **given)
    usual = {"optimizer": "adam", "learning_rate": None, "clip_norm": None, "batch_size": 32, "epochs": 20, "seed": 0}
    asked = {name: recipe.settings.get(name, value) for name, value in usual.items()}
    return replace(model, history=History(settings=asked))
