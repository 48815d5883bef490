"""X as sequences: arrays of three axes, rows of a table, or lists of arrays of unequal length."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from netgrad.data.sequences import pad_sequences
from netgrad.errors import NetgradError, ShapeError
from netgrad.estimators import inputs
from netgrad.estimators.inputs import Examples


def as_sequences(estimator: Any, X: Any, y: Any, reset: bool, n_features: int | None) -> tuple[Examples, Any]:
    """Sequences (N, T, n_features) with their lengths, and y as `netgrad.estimators.inputs.table` returns it.

    n_features: how many numbers of a row (N, T * n_features) make a time-step; None for all of them.
    """
    if unequal(X) or axes(X) == 3:
        if y is None and reset:
            raise NetgradError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
        return _timed(estimator, X, reset), y
    found, y = inputs.table(estimator, X, y, reset)
    width = found.shape[0] if n_features is None else n_features
    if found.shape[0] % width:
        raise ShapeError(f"rows of {found.shape[0]} numbers are no sequences of {width} features (n_features) a step")
    return Examples(found.x.reshape(len(found), -1, width)), y


def unequal(X: Any) -> bool:
    """Whether X is a list (or an array of objects) of arrays, one a sequence."""
    several = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    return several and len(X) > 0 and all(isinstance(x, np.ndarray) and x.ndim > 0 for x in X)


def axes(X: Any) -> int:
    """How many axes X has: whatever is neither an array nor a list is a table."""
    return np.ndim(X) if isinstance(X, list | tuple | np.ndarray) else getattr(X, "ndim", 2)


def _timed(estimator: Any, X: Any, reset: bool) -> Examples:
    lengths = None
    if unequal(X):
        X, lengths = pad_sequences([x[:, None] if x.ndim == 1 else x for x in X])
    x = check_array(X, dtype=[np.float64, np.float32], allow_nd=True, ensure_2d=False)
    if x.ndim != 3:
        raise ShapeError(f"sequences have shape {x.shape}: expected (N, T, features), or arrays (T, features)")
    if reset:
        estimator.n_features_in_ = x.shape[2]
    elif x.shape[2] != estimator.n_features_in_:
        raise ShapeError(
            f"X has {x.shape[2]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    return Examples(x, lengths)
