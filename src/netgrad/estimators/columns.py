"""Data frames as scikit-learn's users have them: texts, dates and missing cells become features on the way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y, validate_data

from netgrad.data.frames import as_pandas
from netgrad.data.values import holds, plain, refuse_missing
from netgrad.errors import DataError, warn
from netgrad.estimators import inputs
from netgrad.training.frames import encoders_for, unusual
from netgrad.training.model import Model

OF_COLUMNS = ("drop", "only", "categorical", "numeric", "missing", "missing_values")
NONE = "no_validation"  # scikit-learn's word for a y that is not asked for


@dataclass(eq=False, repr=False, kw_only=True)
class OfColumns:
    """What estimators for tables make of a data frame.

    Numbers and booleans without a missing cell are taken as they are, as scikit-learn has it. Where a column holds
    anything else, or one of these is given, the frame goes through a `netgrad.data.TableEncoder`, kept in
    ``model_.encoder``: numbers standardised, categories one-hot, dates as their parts, missing cells filled and marked.

    Parameters
    ----------
    drop, only : columns of a data frame that are left out, or alone used.
    categorical, numeric : columns that are so whatever they look like.
    missing : "impute", or "error" to refuse missing cells. missing_values : texts, or numbers as texts, that mean so.
    """

    drop: Any = ()
    only: Any = None
    categorical: Any = ()
    numeric: Any = ()
    missing: str = "impute"
    missing_values: Any = None

    _more_axes = False  # whether examples may have more than one axis

    def _examples(self: Any, X: Any, y: Any, reset: bool) -> tuple[inputs.Examples, Any]:
        x, encoded = self._as_numbers(X, reset)
        if encoded:
            return inputs.encoded(self, x, y, reset)
        return inputs.table(self, x, y, reset, more_axes=self._more_axes)

    def _valid(self: Any, X: Any, y: Any = NONE, *, reset: bool, **settings: Any) -> Any:
        """What scikit-learn's `validate_data` makes of X, and of y where it is given; of a data frame that goes through
        an encoder, of its encoded rows (N, d)."""
        x, encoded = self._as_numbers(X, reset)
        if not encoded:
            inputs.refuse_times(x, "X")
            return validate_data(self, x, y, reset=reset, **settings)
        return check_array(x, **settings) if isinstance(y, str) and y == NONE else check_X_y(x, y, **settings)

    def _as_numbers(self: Any, X: Any, reset: bool) -> tuple[Any, bool]:
        """What stands for X, and whether it is a data frame's encoded rows (N, d), whose names have been checked."""
        frame = as_frame(X)
        if reset:
            asked = unusual(**{name: getattr(self, name) for name in OF_COLUMNS})
            self._columns = None
            if asked or (frame is not None and not takes_as_they_are(frame)):
                self._columns = encoders_for(X if frame is None else frame, None, asked)[0]
            self._means = means_of(frame) if frame is not None and self._columns is None else {}
        encoder = self._encoder()
        if encoder is None:
            filled = None if frame is None or reset else self._filled(frame)
            return X if filled is None else filled, False
        validate_data(self, X, skip_check_array=True, reset=reset)
        if frame is None:
            frame = with_names(X, getattr(self, "feature_names_in_", None))
        return encoder.transform(frame), True

    def _encoder(self: Any) -> Any:
        """Of the table that is being fitted, or of the one that was."""
        if "_columns" in self.__dict__:
            return self._columns
        return getattr(getattr(self, "model_", None), "encoder", None)

    def _remember(self: Any, *args: Any) -> None:
        super()._remember(*args)  # type: ignore[misc]
        self._keep(self.model_)

    def _keep(self: Any, model: Model) -> None:
        """Keep a model of what was fitted last, with its encoder."""
        self.model_ = replace(model, encoder=self._encoder())
        self.__dict__.pop("_columns", None)

    def _filled(self: Any, frame: Any) -> Any:
        """A later frame with the training table's means where it misses numbers, which is said; None where it does not
        miss any."""
        known = [name for name in frame.columns if name in self._means]
        missing = [name for name in known if frame[name].isna().any()]
        if not missing or self.missing == "error":
            return None
        shown = ", ".join(map(repr, missing[:10])) + (f" and {len(missing) - 10} more" if len(missing) > 10 else "")
        warn(f"missing values in {shown}, of which training had none: filled with the mean")
        return frame.assign(**{name: frame[name].astype(float).fillna(self._means[name]) for name in missing})


def as_frame(X: Any) -> Any:
    """A data frame of pandas, polars or pyarrow as one of pandas; None for anything else."""
    return as_pandas(X) if hasattr(X, "columns") else None


def takes_as_they_are(frame: Any) -> bool:
    """Whether every column holds numbers or booleans, and every cell one of them."""
    numbers = ("int", "uint", "float", "double", "bool")
    return all(str(dtype).lower().startswith(numbers) for dtype in frame.dtypes) and not frame.isna().to_numpy().any()


def numbers_alone(estimator: Any, X: Any) -> None:
    """Refuse a data frame with texts, categories, dates or missing cells, for an estimator that takes rows as they are.

    >>> import pandas as pd
    >>> numbers_alone("", pd.DataFrame({"size": [1.5], "kind": ["large"]}))
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'kind' holds 'large' in row 1 of 1, and str takes numbers alone: ...
    """
    frame = as_frame(X)
    if frame is None or takes_as_they_are(frame):
        return
    name = type(estimator).__name__
    inputs.refuse_times(frame, "X")
    for column in frame.columns:
        values = frame[column]
        if not takes_as_they_are(values.dropna().to_frame()):
            row = int(np.argmax(values.notna()))
            if not isinstance(values.iloc[row], str) and hasattr(values.iloc[row], "__len__"):
                raise DataError(
                    f"column {column!r} holds a {type(values.iloc[row]).__name__} in each row: expected numbers; "
                    "sequences are an array (N, T, features), or a list of arrays (T_i, features)"
                )
            raise DataError(
                f"{holds(column, values.to_numpy(object), row)}, and {name} takes numbers alone: "
                "netgrad.data.TableEncoder().fit_transform(table) makes numbers of a table, as MLPClassifier, "
                "MLPRegressor and Autoencoder do by themselves"
            )
    for column in frame.columns:
        refuse_missing(column, plain(frame[column]), f"fill them (sklearn.impute.SimpleImputer), {name} takes none")


def means_of(frame: Any) -> dict[Any, float]:
    """The mean of each column."""
    return {name: float(np.mean(frame[name].to_numpy(float))) for name in frame.columns if isinstance(name, str)}


def with_names(X: Any, names: Any) -> Any:
    """An array as a data frame of these columns, or of numbered ones."""
    import pandas as pd

    x = np.asarray(inputs.dense(X))
    return pd.DataFrame(x, columns=range(x.shape[1]) if names is None else names)
