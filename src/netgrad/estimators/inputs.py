"""X and y as scikit-learn's users have them, as checked arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

import jax
import numpy as np
from sklearn.base import is_regressor
from sklearn.utils.validation import check_array, check_X_y, column_or_1d, validate_data

from netgrad.data.frames import as_pandas
from netgrad.errors import DataError, ShapeError, unknown_name

SMALL = 10_000  # numbers in x up to which double precision costs nothing that anyone would notice
TIMES = (date, time, timedelta, np.datetime64, np.timedelta64)
PRECISIONS = ("auto", "float32", "float64")


@dataclass(frozen=True)
class Examples:
    """x (N, ...) and, for sequences of unequal length, how many of their time-steps are valid (N,)."""

    x: np.ndarray
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.x.shape[1:]

    def take(self, index: np.ndarray) -> Examples:
        """These examples only."""
        return Examples(self.x[index], None if self.lengths is None else self.lengths[index])


def table(estimator: Any, X: Any, y: Any, reset: bool, *, more_axes: bool = False) -> tuple[Examples, Any]:
    """Arrays, sparse matrices (made dense) and tables by scikit-learn's own check; y is None in prediction.

    more_axes: whether examples may have more than one axis.
    """
    settings: dict[str, Any] = {
        "accept_sparse": ["csr", "csc"],
        "dtype": [np.float64, np.float32],
        "reset": reset,
        "allow_nd": more_axes,
    }
    refuse_times(X, "X")
    if y is not None and is_regressor(estimator):
        refuse_times(y, "y")
    predicting = y is None and not reset
    if predicting:
        X = validate_data(estimator, X, **settings)
    else:
        X, y = validate_data(estimator, X, y, multi_output=True, y_numeric=is_regressor(estimator), **settings)
    return Examples(dense(X)), _single(y)


def encoded(estimator: Any, x: np.ndarray, y: Any, reset: bool) -> tuple[Examples, Any]:
    """The encoded rows (N, d) of a data frame and their targets, checked as `table` checks them."""
    if y is None and not reset:
        return Examples(check_array(x, dtype=[np.float64, np.float32])), None
    if is_regressor(estimator):
        refuse_times(y, "y")
    x, y = check_X_y(x, y, multi_output=True, y_numeric=is_regressor(estimator), dtype=[np.float64, np.float32])
    return Examples(x), _single(y)


def _single(y: Any) -> Any:
    """A column of targets (N, 1) as a vector, which is said; anything else as it is."""
    return column_or_1d(y, warn=True) if y is not None and y.ndim == 2 and y.shape[1] == 1 else y


def dense(values: Any) -> Any:
    """A sparse matrix as an array; anything else as it is."""
    return values.toarray() if hasattr(values, "toarray") else values


def refuse_times(X: Any, name: str) -> None:
    """Refuse dates, times and durations: as nanoseconds since 1970 they would be numbers that nothing learns from.

    X: an array, a table or a column of one; anything else passes.
    """
    if hasattr(X, "columns"):
        X = as_pandas(X)
        for column in X.columns:
            if _holds_times(X[column]):
                raise _no_times(f"column {column!r}")
    elif _holds_times(X):
        raise _no_times(name)


def _holds_times(values: Any) -> bool:
    if isinstance(values, list | tuple) and len(values):
        nested = isinstance(values[0], list | tuple)
        return _holds_times(values[0]) if nested else any(isinstance(v, TIMES) for v in values)
    kind = str(getattr(values, "dtype", "")).lower()
    if kind == "object" and getattr(values, "ndim", 1) == 2:
        return any(_holds_times(column) for column in values.T)
    if kind == "object":
        flat = np.ravel(values)
        values = next((v for v in flat[:SMALL] if v is not None and (hasattr(v, "__len__") or v == v)), None)
        return isinstance(values, TIMES)
    return kind.startswith(("date", "time", "period", "duration"))


def _no_times(what: str) -> DataError:
    return DataError(
        f"{what} holds dates or times: give numbers instead, such as year, month, weekday and hour, or seconds since a "
        "beginning (`netgrad fit` does so by itself)"
    )


def double(x: np.ndarray, dtype: str) -> bool:
    """Whether to compute on x in double precision: as asked for, or, on "auto", where x is, and is small."""
    if dtype not in PRECISIONS:
        raise unknown_name("dtype", dtype, PRECISIONS)
    if dtype == "auto":
        return bool(jax.config.jax_enable_x64) or (x.dtype == np.float64 and x.size <= SMALL)  # type: ignore[attr-defined]
    return dtype == "float64"


def filled_up(examples: Examples, n: int) -> Examples:
    """The examples and their last one again, until they are ``n``: other numbers of them then share one program."""
    index = np.minimum(np.arange(n), len(examples) - 1)
    return examples if n == len(examples) else examples.take(index)


def weights(sample_weight: Any, n: int) -> np.ndarray | None:
    """The weights of the examples (N,), or None where all count alike."""
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight, np.float64)
    if given.ndim == 0:
        given = np.full(n, given)
    if given.ndim != 1:
        raise ShapeError(f"sample_weight has shape {given.shape}: Sample weights must be 1D array or scalar, ({n},)")
    if given.shape != (n,):
        raise ShapeError(f"sample_weight.shape == {given.shape}, expected ({n},)!")
    if not np.isfinite(given).all() or (given < 0).any():
        raise DataError("sample_weight must be finite and not negative")
    if not given.any():
        raise DataError("sample_weight is 0 for all: Sample weights must contain at least one non-zero number.")
    return given
