"""`netgrad fit --posterior`, and what `netgrad predict` says of a model that has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad.errors import NetgradError


def check(model: Any) -> None:
    """Refuse, before anything is trained, a model that can have none."""
    from netgrad.uncertainty.posterior import one_term

    try:
        one_term(model)
    except NetgradError as error:
        raise NetgradError(f"--posterior: {error}; leave it out, or --loss") from None


def spread(model: Any, x: Any, lengths: Any) -> tuple[np.ndarray | None, np.ndarray]:
    """Of a classifier its probabilities, which know of their doubt, and this; of a regression None, and how far off
    its predictions may be, in the target's own terms. Outputs first: (N, classes), (N, 1) of two, or (N,)."""
    if model.objective.terms[0][1].task == "regression":
        return None, np.asarray(model.predict(x, lengths=lengths, spread=True)[1])
    p, doubt = model.predict_proba(x, lengths=lengths, spread=True)
    return np.asarray(p), np.asarray(doubt)
