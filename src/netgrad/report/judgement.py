"""Predictions beside the truth, example by example, and where they went most wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.training.model import Model


@dataclass(frozen=True)
class Judgement:
    """truth, predicted (N,) in the target's own terms; classes, and certainty (N,), the probability that the model
    gave to the true class: both for classifiers only, for a regression they are empty and minus the distance. p (N, C):
    the probabilities of all classes."""

    truth: np.ndarray
    predicted: np.ndarray
    certainty: np.ndarray
    classes: list[Any]
    p: np.ndarray | None = None

    def worst(self, count: int) -> tuple[np.ndarray, bool]:
        """Where the model was wrong, worst first, at most ``count``; where it never was, the least certain."""
        order = np.argsort(self.certainty, kind="stable")
        wrong = order[self.truth[order] != self.predicted[order]]
        return (wrong[:count], True) if len(wrong) else (order[:count], False)

    def worst_of_each(self, count: int) -> tuple[np.ndarray, bool]:
        """`worst` of each true class, at most ``count`` of it, class by class."""
        worst, mistakes = self.worst(len(self.truth))
        of = [worst[self.truth[worst] == name][:count] for name in self.classes]
        return (np.concatenate(of), True) if mistakes else (worst[: count * len(of)], False)


def judge(model: Model, x: Any, y: Any, lengths: Any = None) -> Judgement | None:
    """The model's predictions for these examples; None for what is not one label or one number an example."""
    if len(model.objective.terms) > 1:
        return None
    truth, predicted = np.asarray(y), np.asarray(model.predict(x, lengths))
    truth = truth[:, 0] if truth.shape[1:] == (1,) else truth
    if truth.ndim != 1 or predicted.ndim != 1:
        return None
    if model.objective.terms[0][1].task == "regression":
        truth, predicted = truth.astype(float), predicted.astype(float)
        return Judgement(truth, predicted, -np.abs(predicted - truth), [])
    p = model.predict_proba(x, lengths)
    p = np.concatenate([1 - p, p], axis=1) if p.shape[1] == 1 else p
    labels = np.asarray(model.encode_targets(y)).astype(int).reshape(-1)
    classes = model.target_encoder.classes if model.target_encoder else list(range(p.shape[1]))
    # The encoder's own classes: whole numbers may stand as 1.0 in a column, booleans as text in the encoder.
    truth = np.array(classes)[labels]
    return Judgement(truth, predicted, p[np.arange(len(p)), labels], list(classes), p)
