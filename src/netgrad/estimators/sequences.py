"""X as sequences: arrays of three axes, rows of a table, or lists of arrays or of lists, of unequal length."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, column_or_1d

from netgrad.data.frames import as_pandas
from netgrad.data.sequences import pad_sequences
from netgrad.errors import DataError, NetgradError, ShapeError, warn
from netgrad.estimators import inputs
from netgrad.estimators.columns import numbers_alone
from netgrad.estimators.inputs import Examples

FORMS = "sequences are an array (N, T, features), or a list of arrays (T_i, features)"


def as_sequences(estimator: Any, X: Any, y: Any, reset: bool, n_features: int | None) -> tuple[Examples, Any]:
    """Sequences (N, T, n_features) with their lengths, and y as `netgrad.estimators.inputs.table` returns it.

    n_features: how many numbers of a row (N, T * n_features) make a time-step; None for all of them.
    """
    names = names_of(estimator, X)
    several = listed(X)
    if several is not None or axes(X) == 3:
        if y is None and reset:
            raise NetgradError(f"{type(estimator).__name__} requires y to be passed, but the target y is None")
        check_names(estimator, names, reset)
        found = _timed(estimator, np.asarray(X) if several is None else several, reset, n_features)
        return found, y if y is None else _one_each(y, found, several is None)
    if axes(X) == 1:
        raise ShapeError(f"X has one axis, {np.shape(X)}. Reshape your data: {FORMS}; X[None, :, None] is one series")
    if not reset and estimator._of_sequences:
        raise ShapeError(
            f"X has shape {np.shape(X)}, but {type(estimator).__name__} was fitted on sequences of "
            f"{estimator.n_features_in_} features: {FORMS}; X[None] is one sequence alone"
        )
    if y is not None and count(y) != count(X):
        raise ShapeError(
            f"X has shape {np.shape(X)} and y has {count(y)} targets: Found input variables with inconsistent numbers "
            f"of samples. Each row of X is a sequence here; {FORMS}; X[None] is one sequence alone"
        )
    numbers_alone(estimator, X)
    found, y = inputs.table(estimator, X, y, reset)
    if reset:
        estimator._of_sequences = False
    width = found.shape[0] if n_features is None else n_features
    if found.shape[0] % width:
        raise ShapeError(f"rows of {found.shape[0]} numbers are no sequences of {width} features (n_features) a step")
    return Examples(found.x.reshape(len(found), -1, width)), y


def names_of(estimator: Any, X: Any) -> list[str] | None:
    """The columns of a list of data frames, one a sequence; None for anything else. Refuses frames that differ, or that
    hold anything but numbers."""
    if not isinstance(X, list | tuple) or not any(hasattr(x, "columns") for x in X):
        return None
    known = None
    for i, x in enumerate(X):
        names = [str(name) for name in as_pandas(x).columns]
        numbers_alone(estimator, x)
        known = known or names
        if names != known:
            raise DataError(f"sequence {i} has the columns {', '.join(names)}: expected {', '.join(known)}, as before")
    return known


def check_names(estimator: Any, names: list[str] | None, reset: bool) -> None:
    """Remember the columns of the first sequences, or refuse others."""
    if reset:
        if names is not None:
            estimator.feature_names_in_ = np.array(names, object)
        elif hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    known = getattr(estimator, "feature_names_in_", None)
    if names is not None and known is not None and names != known.tolist():
        raise DataError(
            f"the sequences have the columns {', '.join(names)}: The feature names should match those that were passed "
            f"during fit, {', '.join(known)}"
        )


def listed(X: Any) -> list[np.ndarray] | None:
    """X as a list of arrays, one a sequence; None where it is an array or a table, or lists that make one.

    >>> [x.shape for x in listed([[1, 2, 3], [4, 5]])]
    [(3,), (2,)]
    >>> listed([[1, 2], [3, 4]]) is None
    True
    """
    several = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1)
    if not several or len(X) == 0 or any(isinstance(x, str | bytes) or not hasattr(x, "__len__") for x in X):
        return None
    arrays = []
    for i, x in enumerate(X):
        try:
            arrays.append(np.asarray(x))
        except ValueError:
            raise ShapeError(f"the time-steps of sequence {i} have different numbers of features") from None
    if all(isinstance(x, list | tuple) for x in X) and len({a.shape for a in arrays}) == 1:
        return None
    return arrays


def axes(X: Any) -> int:
    """How many axes X has: whatever is neither an array nor a list is a table."""
    return np.ndim(X) if isinstance(X, list | tuple | np.ndarray) else getattr(X, "ndim", 2)


def count(values: Any) -> int:
    """How many rows or targets these are; a single value is one.

    >>> count(np.zeros((3, 2))), count(["a", "b"]), count("ab")
    (3, 2, 1)
    """
    shape = getattr(values, "shape", None)
    if shape is None and hasattr(values, "__array__"):
        shape = np.asarray(values).shape
    if shape is None:
        return len(values) if hasattr(values, "__len__") and not isinstance(values, str) else 1
    return shape[0] if shape else 1


def _timed(estimator: Any, X: Any, reset: bool, n_features: int | None) -> Examples:
    lengths = None
    if isinstance(X, list):
        for i, x in enumerate(X):
            inputs.refuse_times(x, f"sequence {i}")
        X, lengths = pad_sequences([x[:, None] if x.ndim == 1 else x for x in X])
    inputs.refuse_times(X, "X")
    x = check_array(X, dtype=[np.float64, np.float32], allow_nd=True, ensure_2d=False)
    if x.ndim != 3:
        raise ShapeError(f"sequences have shape {x.shape}: {FORMS}")
    if reset:
        if x.shape[1] == 1 < x.shape[2] and isinstance(X, np.ndarray) and lengths is None:
            warn(
                f"X has sequences of one time-step with {x.shape[2]} features each: expected (N, T, features); X of "
                "aeon or sktime, (N, channels, T), is X.swapaxes(1, 2) here"
            )
        estimator.n_features_in_ = x.shape[2]
        estimator._of_sequences = True
    else:
        of_rows = not estimator._of_sequences and n_features is not None
        wanted = n_features if of_rows else estimator.n_features_in_
        if x.shape[2] != wanted:
            name = type(estimator).__name__
            raise ShapeError(f"X has {x.shape[2]} features, but {name} is expecting {wanted} features as input")
    return Examples(x, lengths)


def _one_each(y: Any, found: Examples, array: bool) -> Any:
    """The targets, if they are as many as the sequences."""
    n, steps = found.x.shape[:2]
    if count(y) != n:
        turned = " (time first, as in PyTorch? Examples come first here: swapaxes(0, 1))"
        hint = turned if array and count(y) == steps else ""
        raise ShapeError(f"X has {n} sequences and y has {count(y)} targets, expected one for each{hint}; {FORMS}")
    column = getattr(y, "ndim", 1) == 2 and y.shape[1] == 1 and steps > 1
    return column_or_1d(y, warn=True) if column else y
