"""A classifier class by class: precision, recall, the area under the curve, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netgrad.report import column_figures, figures
from netgrad.report.judgement import Judgement
from netgrad.report.section import Section

UNEQUAL = 0.25  # share of the smaller of two classes, below which another threshold may serve better
BINS = 10  # of how sure the model is


def by_class(judgement: Judgement) -> Iterator[Section]:
    """Precision, recall and area under the curve of each class, calibration, and of two unequal classes a threshold."""
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    p, classes = judgement.p, judgement.classes
    if p is None or not len(p) or not np.isfinite(p).all():
        return
    place = {value: k for k, value in enumerate(classes)}
    truth = np.array([place[t] for t in judgement.truth])
    said = np.array([place[t] for t in judgement.predicted])
    labels = range(len(classes))
    precision, recall, _, count = precision_recall_fscore_support(truth, said, labels=labels, zero_division=np.nan)
    rows = []
    for k, name in enumerate(classes):
        area = roc_auc_score(truth == k, p[:, k]) if 0 < count[k] < len(truth) else np.nan
        rows.append([str(name), f"{count[k]:,}", _share(precision[k]), _share(recall[k]), _number(area)])
    sure, right = p.max(1), said == truth
    text = "Precision: of those taken for the class, how many are of it; recall: of those of the class, how many were "
    text += "found; AUC: how often one of the class gets a higher probability for it than one that is not."
    if len(classes) == 2 and 0 < count.min() < UNEQUAL * len(truth):
        rare = int(np.argmin(count))
        cut, found, caught = threshold(p[:, rare], truth == rare)
        text += f" The classes are unequal: taken for {classes[rare]} from a probability of {cut:.2f} on, precision "
        text += f"would be {found:.0%} and recall {caught:.0%} here, the best mean of both (F1)."
    yield Section("Class by class", text, header=["class", "examples", "precision", "recall", "AUC"], rows=rows)
    yield calibrated(sure, right)


def calibrated(sure: np.ndarray, right: np.ndarray) -> Section:
    """How sure a classifier is (N,) beside whether it is right (N,)."""
    group = np.minimum((sure * BINS).astype(int), BINS - 1)
    groups = np.unique(group)
    means = np.array([[part[group == k].mean() for part in (sure, right)] + [(group == k).sum()] for k in groups])
    text = f"On average the model is {sure.mean():.0%} sure and right in {right.mean():.0%}; in groups of equal "
    text += f"certainty the two lie {calibration_error(sure, right):.0%} apart. Below the dotted line it is surer than "
    text += "it may be. Few examples make a group's place uncertain."
    alt = "; ".join(f"{s:.0%} sure, {r:.0%} right, {n:.0f} examples" for s, r, n in means)
    figure = figures.svg(column_figures.calibration(*means.T), f"How sure beside how often right. {alt}", "calibration")
    return Section("How sure the model is", text, figure)


def calibration_error(sure: np.ndarray, right: np.ndarray) -> float:
    """The mean distance of certainty and accuracy in groups of equal certainty (expected calibration error).

    >>> calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False]))
    0.15000000000000002
    """
    group = np.minimum((sure * BINS).astype(int), BINS - 1)
    off = [abs(sure[group == k].mean() - right[group == k].mean()) * (group == k).sum() for k in np.unique(group)]
    return float(sum(off) / len(sure))


def threshold(p: np.ndarray, positive: np.ndarray) -> tuple[float, float, float]:
    """The probability from which on to say yes for the best F1, and precision and recall with it.

    >>> threshold(np.array([0.1, 0.2, 0.3, 0.4]), np.array([False, False, True, True]))
    (0.3, 1.0, 1.0)
    """
    from sklearn.metrics import precision_recall_curve

    precision, recall, cuts = precision_recall_curve(positive, p)
    both = precision[:-1] + recall[:-1]
    f1 = np.where(both > 0, 2 * precision[:-1] * recall[:-1] / np.where(both > 0, both, 1), 0)
    best = int(np.argmax(f1))
    return float(cuts[best]), float(precision[best]), float(recall[best])


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.1%}"


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"
