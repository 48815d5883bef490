"""The values of one column, wherever it comes from: Python's own numbers, texts, dates and times.

A data frame's column, a list, or the values of a JSON record become the same values here, one by one, so that what a
value is read as never depends on what stands beside it or on the type that a file's reader guessed.
"""

from __future__ import annotations

import datetime
import decimal
import unicodedata
from typing import Any

import numpy as np

from netgrad.errors import DataError

# What stands for nothing in an unquoted cell of a text file.
MISSING = (
    *("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NaT"),
    *(
        "NULL",
        "Null",
        "null",
        "None",
        "none",
        "nil",
        "?",
        "-",
        "--",
        "–",
        "—",
        ".",
        "..",
        "n.a.",
        "1.#IND",
        "1.#QNAN",
        "-1.#IND",
    ),
    *("-1.#QNAN", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#NULL!"),
)
EPOCH = datetime.date(1970, 1, 1).toordinal()


def plain(column: Any) -> np.ndarray:
    """A column's values (N,): numbers as they are, with NaN for missing ones; anything else as objects, with None.

    Texts lose blanks at their ends, one without any letter is missing. Durations become days, periods their beginning.

    >>> plain([" red", "", None, 3]).tolist()
    ['red', None, None, 3]
    >>> plain(np.array([1.5, np.nan]))
    array([1.5, nan])
    """
    if hasattr(column, "to_pandas"):  # of polars or pyarrow
        column = column.to_pandas()
    dtype = getattr(column, "dtype", None)
    if isinstance(dtype, np.dtype):
        if dtype.kind in "iuf":
            return np.asarray(column)
        if dtype.kind == "m":
            return _days_long(np.asarray(column))
        values = np.asarray(column).tolist() if dtype.kind in "bUS" else list(column)
    elif dtype is not None and hasattr(column, "to_numpy"):  # a type of pandas' own
        values = column.to_numpy(object).tolist()
    else:
        values = list(column)
    found = np.empty(len(values), object)
    found[:] = [(v.strip() or None) if v.__class__ is str else None if v is None else _value(v) for v in values]
    return found


def _value(value: Any) -> Any:
    """One value as one of Python's own: str, bool, int, float, date, datetime or time; None where it is missing."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, np.generic):
        value = value.item() if not isinstance(value, np.datetime64) else value.astype("datetime64[us]").item()
    if isinstance(value, decimal.Decimal):
        value = float(value)
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        return None if value != value else value
    if isinstance(value, datetime.timedelta):
        return value / datetime.timedelta(days=1)
    if type(value).__name__ == "Interval":  # pandas.cut's, a category
        return str(value)
    if type(value).__name__ == "Period":
        value = value.start_time.to_pydatetime()
    if value is None or isinstance(value, bool | int | datetime.date | datetime.time):
        return value
    what = "complex numbers" if isinstance(value, complex) else f"values of the type {type(value).__name__}"
    raise DataError(f"holds {what}: expected one number, text, date or time in each row")


def _days_long(durations: np.ndarray) -> np.ndarray:
    days = durations / np.timedelta64(1, "D")
    return np.where(np.isnat(durations), np.nan, days)


def missing(values: np.ndarray) -> np.ndarray:
    """Which values (N,) of `plain` are missing.

    >>> missing(plain(["a", None])), missing(plain(np.array([np.nan, 1.0])))
    (array([False,  True]), array([ True, False]))
    """
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind in "iu":
        return np.zeros(len(values), bool)
    return np.fromiter((value is None for value in values), bool, len(values))


def text_of(value: Any) -> str:
    """A value as the text that names a category; a whole number reads the same as int or float.

    >>> text_of(7.0), text_of(7), text_of("07"), text_of(True), text_of(0.5)
    ('7', '7', '07', 'True', '0.5')
    """
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, float | np.floating) and value.is_integer():
        return str(int(value))
    return str(value)


class Rows:
    """How a user finds the rows of a column: by their numbers in the table that was read, or by their names there.

    Rows that were left out, or parted for a test, change neither. column: a data frame's, whose ``attrs["rows"]`` says
    for tables from files what its index holds, "numbers" or "names"; of anything else rows are counted as they stand.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 40, 50]})
    >>> Rows(table["age"])(1), Rows(table["age"][1:])(1)
    ('row 2 of 3', 'row 2 of 2 (of the index 2)')
    >>> table.attrs["rows"] = "numbers"
    >>> Rows(table["age"])(1), Rows(table["age"][1:])(1)
    ('row 2 of 3', 'row 3')
    """

    def __init__(self, column: Any):
        index = getattr(column, "index", None)
        self.count = len(column)
        self.index = index if hasattr(index, "dtype") and not counts_rows(index) else None
        self.kind = getattr(column, "attrs", {}).get("rows", "")

    def __call__(self, row: int) -> str:
        """The row, counted from 0 among these, in the user's words."""
        label = self.label(row)
        if self.index is None:
            return f"row {label} of {self.count}"
        shown = f"{label!r}" if isinstance(self.index[row], str) else label
        return f"row {shown}" if self.kind else f"row {row + 1} of {self.count} (of the index {shown})"

    def label(self, row: int) -> str:
        """The row's number, from 1, or its name."""
        if self.index is None:
            return f"{row + 1}"
        name = self.index[row]
        return f"{name + 1}" if self.kind == "numbers" else f"{name}"[:60]


def counts_rows(index: Any) -> bool:
    """Whether an index of pandas only counts its rows, from 0."""
    start, step = getattr(index, "start", None), getattr(index, "step", None)
    return start == 0 and step == 1


def holds(name: Any, values: np.ndarray, row: int, rows: Rows | None = None) -> str:
    """The beginning of an error about one value; `row` counts from 0, the message from 1, or as ``rows`` says.

    >>> holds("age", np.array([1.0, 2.5]), 1)
    "column 'age' holds 2.5 in row 2 of 2"
    """
    value = values[row]
    value = value.item() if isinstance(value, np.generic) else value
    shown = repr(value) if isinstance(value, str | int | float) else f"'{value}'"
    shown = shown if len(shown) <= 80 else f"{shown[:80]}..."
    return f"column {name!r} holds {shown} in {(rows or Rows(values))(row)}"


def refuse_missing(name: Any, values: np.ndarray, advice: str, rows: Rows | None = None) -> None:
    """An error that names the column and counts the missing values, if there are any.

    >>> refuse_missing("age", plain([1.0, None]), "remove the rows")
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'age' has 1 missing value in 2 rows, the first in row 2: remove the rows
    """
    absent = missing(values)
    if absent.any():
        raise DataError(f"column {name!r} has {missing_in(absent, rows)}: {advice}")


def missing_in(absent: np.ndarray, rows: Rows | None = None) -> str:
    """How many values (N,) are absent, and where the first is.

    >>> missing_in(np.array([False, True, True]))
    '2 missing values in 3 rows, the first in row 2'
    """
    count = int(absent.sum())
    first = (rows or Rows(absent))(int(np.argmax(absent))).removesuffix(f" of {len(absent)}")
    return f"{count} missing value{'s'[: count > 1]} in {len(absent)} rows, the first in {first}"
