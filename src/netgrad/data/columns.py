"""One column of a table: what kind it is, and its values as numbers or as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from netgrad.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "boolean", "date", "category"]

_TRUTH = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def kind_of(series: pd.Series) -> Kind:
    """What a column holds: "number", "boolean", "date" or "category".

    The column's type decides. A text column holds numbers if all its values read as numbers, dates if all
    read as ISO 8601 dates, otherwise categories. Where at least half of the distinct values read as numbers
    the others are taken for mistakes, and the column is an error.

    >>> import pandas as pd
    >>> kind_of(pd.Series(["1", "2.5"])), kind_of(pd.Series(["red", "blue"]))
    ('number', 'category')
    >>> kind_of(pd.Series(["2024-01-31", "2024-02-29T12:00"])), kind_of(pd.Series([True, None]))
    ('date', 'boolean')
    >>> kind_of(pd.Series([1.5, 2.5, "?!"], name="age"))
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'age' holds '?!' in row 3 of 3: expected a number as in most other rows \
(correct it, or name the column as categorical)
    """
    import pandas as pd
    from pandas.api import types

    if types.is_bool_dtype(series.dtype):
        return "boolean"
    if types.is_complex_dtype(series.dtype):
        raise DataError(f"column {series.name!r} holds complex numbers: expected real ones")
    if types.is_numeric_dtype(series.dtype) or types.is_timedelta64_dtype(series.dtype):
        return "number"
    if types.is_datetime64_any_dtype(series.dtype):
        return "date"
    values = series.dropna()
    if isinstance(series.dtype, pd.CategoricalDtype) or values.empty:
        return "category"
    if all(isinstance(value, bool | np.bool_) for value in values):
        return "boolean"
    distinct = pd.Series(values.astype(str).unique())
    numbers = _numeric(distinct).notna()
    if numbers.all():
        return "number"
    if _dates(values).notna().all():
        return "date"
    if numbers.mean() >= 0.5:
        row = int(np.argmax(series.astype(str).isin(distinct[~numbers]) & series.notna()))
        raise DataError(
            f"{holds(series, row)}: expected a number as in most other rows "
            "(correct it, or name the column as categorical)"
        )
    return "category"


def as_numbers(series: pd.Series, kind: Kind = "number") -> np.ndarray:
    """The column's values as float64 (N,): booleans as 0 and 1, dates and durations in days, missing as NaN.

    >>> import pandas as pd
    >>> as_numbers(pd.Series(["1970-01-02T12:00", None]), "date")
    array([1.5, nan])
    >>> as_numbers(pd.Series([1, "two"], name="age"))
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'age' holds 'two' in row 2 of 2: expected a number
    """
    import pandas as pd
    from pandas.api import types

    if kind == "date":
        instants = _dates(series).dt.tz_convert(None).to_numpy("datetime64[us]")  # finer units end in the year 2262
        days = instants.astype(np.int64) / (24 * 3600 * 10**6)
        numbers = pd.Series(np.where(np.isnat(instants), np.nan, days))
    elif types.is_timedelta64_dtype(series.dtype):
        numbers = series / pd.Timedelta(days=1)
    elif kind == "boolean":
        numbers = as_texts(series).str.lower().map(_TRUTH)
    else:
        numbers = _numeric(series)
    floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~np.isfinite(floats) & series.notna().to_numpy()
    if wrong.any():
        row = int(np.argmax(wrong))
        expected = {"number": "a number", "boolean": "true or false", "date": "a date such as 2024-01-31"}[kind]
        raise DataError(f"{holds(series, row)}: expected {expected}")
    return floats


def as_texts(series: pd.Series) -> pd.Series:
    """The column's values as texts, missing ones as NaN; a whole number reads the same as int or float.

    >>> import pandas as pd
    >>> as_texts(pd.Series([1.0, 2.0, None])).tolist()
    ['1', '2', nan]
    """

    def text(value: Any) -> str:
        whole = isinstance(value, float | np.floating) and value.is_integer()
        return str(int(value)) if whole else str(value)

    return series.astype(object).map(text, na_action="ignore").where(series.notna(), np.nan)


def holds(series: pd.Series, row: int) -> str:
    """The beginning of an error about one value; `row` counts from 0, the message from 1.

    >>> import pandas as pd
    >>> holds(pd.Series([1.0, 2.5], name="age"), 1)
    "column 'age' holds 2.5 in row 2 of 2"
    """
    value = series.iloc[row]
    value = value.item() if isinstance(value, np.generic) else value
    shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}..."
    return f"column {series.name!r} holds {shown} in row {row + 1} of {len(series)}"


def refuse_missing(series: pd.Series, advice: str) -> None:
    """An error that names the column and counts the missing values, if there are any.

    >>> import pandas as pd
    >>> refuse_missing(pd.Series([1.0, None], name="age"), "remove the rows")
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'age' has 1 missing value in 2 rows, the first in row 2: remove the rows
    """
    missing = series.isna().to_numpy()
    count = int(missing.sum())
    if count:
        values = "value" if count == 1 else "values"
        raise DataError(
            f"column {series.name!r} has {count} missing {values} in {len(series)} rows, "
            f"the first in row {int(np.argmax(missing)) + 1}: {advice}"
        )


def _numeric(series: pd.Series) -> pd.Series:
    """What reads as a number; NaN for the rest, and for whole numbers beyond the range of a float."""
    import pandas as pd

    try:
        return pd.to_numeric(series, errors="coerce")
    except OverflowError:
        return pd.to_numeric(series.map(lambda v: None if isinstance(v, int) and abs(v) >= 2**1024 else v), "coerce")


def _dates(series: pd.Series) -> pd.Series:
    import pandas as pd
    from pandas.api import types

    if types.is_datetime64_any_dtype(series.dtype):
        return pd.to_datetime(series, utc=True)
    return pd.to_datetime(as_texts(series), format="ISO8601", errors="coerce", utc=True)
