"""Data frames as scikit-learn's users have them: texts, dates and missing cells become features on the way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from netgrad.data.frames import as_pandas
from netgrad.errors import warn
from netgrad.estimators import inputs
from netgrad.training.frames import encoders_for, unusual

OF_COLUMNS = ("drop", "only", "categorical", "numeric", "missing", "missing_values")


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
            return inputs.table(self, X if filled is None else filled, y, reset, more_axes=self._more_axes)
        validate_data(self, X, skip_check_array=True, reset=reset)
        if frame is None:
            frame = with_names(X, getattr(self, "feature_names_in_", None))
        return inputs.encoded(self, encoder.transform(frame), y, reset)

    def _encoder(self: Any) -> Any:
        """Of the table that is being fitted, or of the one that was."""
        if "_columns" in self.__dict__:
            return self._columns
        return getattr(getattr(self, "model_", None), "encoder", None)

    def _remember(self: Any, *args: Any) -> None:
        super()._remember(*args)  # type: ignore[misc]
        self.model_ = replace(self.model_, encoder=self._encoder())
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


def means_of(frame: Any) -> dict[Any, float]:
    """The mean of each column."""
    return {name: float(np.mean(frame[name].to_numpy(float))) for name in frame.columns if isinstance(name, str)}


def with_names(X: Any, names: Any) -> Any:
    """An array as a data frame of these columns, or of numbered ones."""
    import pandas as pd

    x = np.asarray(inputs.dense(X))
    return pd.DataFrame(x, columns=range(x.shape[1]) if names is None else names)
