"""Classes of unequal size: weights that make each count as much, and examples drawn again or left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netgrad.data.checks import default_float
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError, unknown_name
from netgrad.losses import Loss
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective
from netgrad.types import Named

RESAMPLING = ("over", "under")


def weigh_classes(
    data: Batch, objective: Objective, encoder: TargetEncoder | None, spec: Any, lengths: Named | None = None
) -> Batch:
    """The examples with their weights multiplied by those of their classes.

    spec: "balanced", where each class gets examples / (classes * examples of the class), as in scikit-learn; or a
    dict from class (number or label) to weight, 1 where one is not named; by output where there are several. lengths:
    of the outputs' sequences, where some end early; what stands beyond is of no class.
    """
    losses = {name: loss for name, loss, _ in objective.terms}
    if len(losses) == 1:
        spec = {next(iter(losses)): spec}
    elif not isinstance(spec, Mapping) or not set(spec) <= set(losses):
        raise NetgradError(f"several outputs, {', '.join(losses)}: give class_weight as a dict of them")
    weights = dict(data.weights)
    for name, of_classes in spec.items():
        labels = _labels(data, name, losses[name], "class_weight")
        before = weights.get(name)
        before = np.ones(labels.shape) if before is None else np.asarray(before)
        before = np.broadcast_to(before.reshape(*before.shape, *(1,) * (labels.ndim - before.ndim)), labels.shape)
        table = _table(labels[_counted(labels, before, (lengths or {}).get(name))], encoder, of_classes)
        of_examples = before * table[np.clip(labels, 0, len(table) - 1)]
        weights[name] = of_examples.astype(default_float())
    return data._replace(weights=weights)


def resample(data: Batch, objective: Objective, how: str, seed: int) -> Batch:
    """As many examples of every class: "over" draws from the smaller ones again, "under" from the larger ones fewer.

    With "over" every example is used at least once; the classes are those of the first output that has some.
    """
    if how not in RESAMPLING:
        raise unknown_name("resampling", how, RESAMPLING)
    tasks = [(name, loss) for name, loss, _ in objective.terms if loss.task != "regression"]
    name, loss = tasks[0] if tasks else objective.terms[0][:2]
    labels = _labels(data, name, loss, "resample")
    if labels.ndim != 1:
        raise NetgradError("resample needs one class for each example, found one for each time-step: use class_weight")
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    size = (max if how == "over" else min)(len(m) for m in members)
    drawn = [
        np.concatenate([m, rng.choice(m, size - len(m))]) if len(m) < size else rng.choice(m, size, replace=False)
        for m in members
    ]
    return data.take(np.sort(np.concatenate(drawn)))


def _labels(data: Batch, name: str, loss: Loss, setting: str) -> np.ndarray:
    """The class number of every example or time-step."""
    y = np.asarray(data.y[name])
    if loss.task == "classification":
        return y if y.dtype.kind in "iu" else y.argmax(-1)
    if loss.task == "multilabel" and y.shape[-1] == 1:
        return (y[..., 0] >= 0.5).astype(int)
    raise NetgradError(f"{setting} needs classes, but output {name!r} has the loss {loss.registered_name!r}")


def _counted(labels: np.ndarray, weights: np.ndarray, lengths: Any) -> np.ndarray:
    """Which labels count: not the padding, and not examples of weight 0."""
    counted = weights > 0
    if lengths is not None and labels.ndim > 1:
        counted = counted & (np.arange(labels.shape[1]) < np.asarray(lengths)[:, None])
    return counted


def _table(labels: np.ndarray, encoder: TargetEncoder | None, spec: Any) -> np.ndarray:
    """The weight of each class number."""
    if isinstance(spec, str):
        if spec != "balanced":
            raise unknown_name("class_weight", spec, ("balanced",))
        counts = np.bincount(labels)
        return np.where(counts > 0, len(labels) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 1.0)
    if not isinstance(spec, Mapping):
        raise NetgradError(f"class_weight must be 'balanced' or a dict from class to weight, found {spec!r}")
    known = encoder.classes if encoder is not None else list(range(int(labels.max()) + 1))
    table = np.ones(len(known))
    for label, weight in spec.items():
        if label not in known:
            raise NetgradError(f"class_weight names the class {label!r}; the classes are {', '.join(map(repr, known))}")
        if not isinstance(weight, int | float) or not 0 <= weight < np.inf:
            raise NetgradError(f"the weight of class {label!r} must be a number of at least 0, found {weight!r}")
        table[known.index(label)] = weight
    return table
