"""What a model says of examples, as the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad.cli.posteriors import spread
from netgrad.errors import NetgradError


def columns(model: Any, x: Any, proba: bool, lengths: Any = None) -> dict[str, Any]:
    """The column of predictions, (N,), or (N, T) at every time-step, and with ``proba`` one for each class.

    What is not finite is no prediction: None. Of a model with a posterior classes and probabilities are those that know
    of their doubt, and the columns of spreads follow: ``spread`` of a quantity, with ``proba`` one for each class.
    """
    ((name, linked),) = model.linked(x, lengths).items()
    doubt = None
    if model.posterior is not None:
        p, doubt = spread(model, x, lengths)
        linked = linked if p is None else p
    predicted = np.asarray(model.decide({name: linked})[name])
    finite = np.isfinite(linked)
    finite = finite if finite.ndim == predicted.ndim else finite.all(-1)
    if predicted.dtype.kind == "f":  # in the target's own units, which may be large
        finite = finite & np.isfinite(predicted)
    if not finite.all():
        predicted = predicted.astype(object)
        predicted[~finite] = None
    said = {"prediction": predicted} | (probabilities(model, linked) if proba else {})
    if doubt is None:
        return said
    if doubt.shape == predicted.shape:
        return said | {"spread": doubt}
    if not proba:
        return said
    doubt = np.repeat(doubt, 2, axis=-1) if doubt.shape[-1] == 1 else doubt
    return said | {f"spread({c})": doubt[..., k] for k, c in enumerate(classes(model, doubt.shape[-1]))}


def probabilities(model: Any, p: Any) -> dict[str, Any]:
    """The columns of --proba by their names, of outputs (N, ..., classes) or (N, ..., 1)."""
    if model.objective.terms[0][1].task == "regression":
        raise NetgradError("--proba is for classes, and this model predicts a quantity: leave --proba out")
    p = np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p
    return {f"p({name})": p[..., k] for k, name in enumerate(classes(model, p.shape[-1]))}


def classes(model: Any, count: int) -> Any:
    """The names of the model's classes, or their numbers where they have none."""
    return model.target_encoder.classes if model.target_encoder else range(count)
