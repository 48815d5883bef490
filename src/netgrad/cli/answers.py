"""What a model says of examples, as the columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad.errors import NetgradError


def columns(model: Any, x: Any, proba: bool, lengths: Any = None) -> dict[str, Any]:
    """The column of predictions, (N,), or (N, T) at every time-step, and with ``proba`` one for each class.

    What is not finite is no prediction: None.
    """
    ((name, linked),) = model.linked(x, lengths).items()
    predicted = np.asarray(model.decide({name: linked})[name])
    finite = np.isfinite(linked)
    finite = finite if finite.ndim == predicted.ndim else finite.all(-1)
    if predicted.dtype.kind == "f":  # in the target's own units, which may be large
        finite = finite & np.isfinite(predicted)
    if not finite.all():
        predicted = predicted.astype(object)
        predicted[~finite] = None
    return {"prediction": predicted} | (probabilities(model, linked) if proba else {})


def probabilities(model: Any, p: Any) -> dict[str, Any]:
    """The columns of --proba by their names, of outputs (N, ..., classes) or (N, ..., 1)."""
    if model.objective.terms[0][1].task == "regression":
        raise NetgradError("--proba is for classes, and this model predicts a quantity: leave --proba out")
    p = np.concatenate([1 - p, p], axis=-1) if p.shape[-1] == 1 else p
    classes = model.target_encoder.classes if model.target_encoder else range(p.shape[-1])
    return {f"p({name})": p[..., k] for k, name in enumerate(classes)}
