"""From the columns of a table to the numbers that a network computes with, and back.

What an encoder learns from the training table is plain JSON (`to_config`, `from_config`), so that it is kept
in the model's file and applied again, unchanged, to every later table.
Normalisation of inputs and target: Kelleher, chapter 8, "Data preparation".
"""

from __future__ import annotations

import dataclasses
import difflib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from sys import float_info
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from netgrad.data.checks import as_examples
from netgrad.data.columns import Kind, as_numbers, as_texts, holds, kind_of, refuse_missing
from netgrad.errors import DataError, FileError, NetgradError, unknown_name, warn

if TYPE_CHECKING:
    import pandas as pd

SCALINGS = ("standardise", "range", "none")
ROUNDING = 8  # units in the last place that a constant's values may differ by, computed in different ways
COARSE = 1000  # units in the last place that a column must spread over
MOST_WHOLE = 2**53  # whole numbers up to here are exact as float64
REMEMBERED = 1000  # values of a column whose features are kept by `transform_records`
LONGEST_REMEMBERED = 100  # characters of such a value


def scale_of(x: np.ndarray, scaling: str) -> tuple[np.ndarray, np.ndarray]:
    """The offset and the factor of each column of `x` (N, d) with which (x - offset) * factor is scaled.

    "standardise" gives mean 0 and standard deviation 1, "range" the interval [0, 1], "none" changes nothing.
    A constant column's factor is 0: it says nothing in training, so it may say nothing later.

    >>> scale_of(np.array([[1.0, 5.0], [3.0, 5.0]]), "range")
    (array([1., 5.]), array([0.5, 0. ]))
    """
    if scaling not in SCALINGS:
        raise unknown_name("scaling", scaling, SCALINGS)
    if scaling == "none":
        return np.zeros(x.shape[1]), np.ones(x.shape[1])
    largest = np.abs(x).max()
    if largest > 1e150:  # its square would be infinite
        raise DataError(f"numbers as large as {largest:g} cannot be scaled: expected less than 1e150")
    x = np.asarray(x, np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    constant = high - low <= np.maximum(ROUNDING * np.spacing(np.abs(x).max(axis=0)), 1e-100)
    above = x - low  # moments of what is left without the offset: those of x itself would be rounded as coarsely as x
    offset = low if scaling == "range" else low + above.mean(axis=0)
    spread = high - low if scaling == "range" else above.std(axis=0)
    return np.where(constant, low, offset), np.where(constant, 0, 1 / np.where(constant, 1, spread))


def warn_if_coarse(values: Any, x: np.ndarray, name: str) -> None:
    """A warning where float64 cannot tell a column's values apart finely enough to learn from them.

    values: as they were given, of whole numbers perhaps; x: the same as float64 (N,), without missing ones.
    """
    step, spread = np.spacing(np.abs(x).max()), float(np.ptp(x))
    if spread >= COARSE * step:
        return
    beyond = np.abs(x).max() >= 2**53  # whole numbers that float64 rounds to one
    if spread <= ROUNDING * step and not (beyond and len(set(map(str, values))) > 1):
        return  # a constant
    warn(
        f"column {name!r} holds numbers near {x[0]:.6g} that differ by less than {COARSE:,} roundings of a float "
        f"({step:.2g}): subtract a constant from them before they are read, or name the column as categorical"
    )


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number.

    >>> is_number(1), is_number(1.5), is_number(True), is_number(float("nan")), is_number("1"), is_number(10**400)
    (True, True, False, False, False, False)
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -float_info.max <= value <= float_info.max


@dataclasses.dataclass(frozen=True)
class Column:
    """How one column of the table becomes features: (x - offset) * factor, or one feature a category."""

    name: str
    kind: Kind
    offset: float = 0.0
    factor: float = 1.0
    categories: tuple[str, ...] = ()
    fill: float | str | None = None  # what stands in for a missing value; None: a missing value is an error

    def __post_init__(self):
        """Refuse what no table leads to: descriptions come from files, and files from strangers."""
        of_text = self.kind == "category"
        right = isinstance(self.name, str) and self.kind in get_args(Kind)
        right = right and all(isinstance(category, str) for category in self.categories)
        right = right and all(is_number(value) for value in (self.offset, self.factor))
        if not right or not (self.fill is None or (isinstance(self.fill, str) if of_text else is_number(self.fill))):
            raise DataError(f"no column is encoded as {str(self)[:100]}")

    @property
    def feature_names(self) -> list[str]:
        """The names of the column's features: its own, or `name=category` for each category."""
        if self.kind == "category":
            return [f"{self.name}={category}" for category in self.categories]
        return [self.name]


class TableEncoder:
    """Turns a table into a network's inputs: numbers scaled, categories one-hot, the rest as numbers.

    - scaling: "standardise" (mean 0, standard deviation 1), "range" (to [0, 1]) or "none", for numbers and
      dates; booleans become 0 and 1.
    - missing: "error", or "impute": the training table's mean for numbers and dates, its most frequent value
      for the others, also for values that are missing only later.
    - unknown: a category that the training table did not hold becomes "zeros" with a warning, or an "error".
    - categorical: names of columns that are categories whatever they look like (a postcode, say).
    - max_categories: a text column with more different values is an error, unless `categorical` names it.

    Raises `DataError`, with the column, the first such row (counted from 1) and the value, for anything that
    cannot be encoded.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1, 2, 3], "colour": ["red", "blue", "red"]})
    >>> table["sold"] = [True, False, True]
    >>> encoder = TableEncoder(scaling="range").fit(table)
    >>> encoder.feature_names
    ['size', 'colour=blue', 'colour=red', 'sold']
    >>> encoder.transform(table)
    array([[0. , 0. , 1. , 1. ],
           [0.5, 1. , 0. , 0. ],
           [1. , 0. , 1. , 1. ]], dtype=float32)
    >>> again = TableEncoder.from_config(encoder.to_config())
    >>> bool((again.transform(table) == encoder.transform(table)).all())
    True
    >>> encoder.transform(pd.DataFrame({"size": ["big"], "colour": ["red"], "sold": [True]}))
    Traceback (most recent call last):
    netgrad.errors.DataError: column 'size' holds 'big' in row 1 of 1: expected a number
    """

    def __init__(
        self,
        scaling: str = "standardise",
        *,
        missing: str = "error",
        unknown: str = "zeros",
        categorical: Iterable[str] = (),
        max_categories: int = 100,
    ):
        _one_of("scaling", scaling, SCALINGS)
        _one_of("treatment of missing values", missing, ("error", "impute"))
        _one_of("treatment of unknown categories", unknown, ("zeros", "error"))
        self.scaling = scaling
        self.missing = missing
        self.unknown = unknown
        self.categorical = tuple(categorical)
        self.max_categories = max_categories
        self.columns: tuple[Column, ...] = ()
        self._remembered: dict[str, dict[tuple[type, Any], list[float]]] = {}

    def fit(self, table: pd.DataFrame) -> TableEncoder:
        """Learn scales and categories from the training table, and return self."""
        if table.empty:
            raise DataError(f"the table has {len(table)} rows and {table.shape[1]} columns: at least one of each")
        table = _with_text_names(table)
        self._check_names(table, self.categorical)
        self.columns = tuple(self._fit_column(table[name]) for name in table.columns)
        self._remembered = {}
        return self

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """The features (N, d) in float32, in the order of `feature_names`; further columns are ignored."""
        if not self.columns:
            raise NetgradError("this TableEncoder has learnt no columns: call fit(table) first")
        table = _with_text_names(table)
        self._check_names(table, [column.name for column in self.columns])
        encoded = [self._encode(column, table[column.name]) for column in self.columns]
        return as_examples(np.concatenate(encoded, axis=1), "the encoded table")

    def transform_records(self, records: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """`transform` of records with plain values, numbers, texts, truth values or None, at little cost for few.

        Each must have all columns. Values other than numbers are remembered with their features; what is met for the
        first time, is missing or wrong, goes the way of a table.

        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1, 2, 3], "colour": ["red", "blue", "red"]})
        >>> TableEncoder(scaling="range").fit(table).transform_records([{"colour": "blue", "size": 2}])
        array([[0.5, 1. , 0. ]], dtype=float32)
        """
        rows: list[list[float]] = [[] for _ in records]
        for column in self.columns:
            values = [record[column.name] for record in records]
            for row, features in zip(rows, self._features_of(column, values), strict=True):
                row += features
        return as_examples(np.array(rows, np.float64), "the encoded table")

    def _features_of(self, column: Column, values: list[Any]) -> list[list[float]]:
        """What `_encode` makes of a column of these values."""
        if column.kind == "number" and all(_is_plain(value) for value in values):
            return [[_scaled(column, value)] for value in values]
        known = self._remembered.setdefault(column.name, {})
        keys = [(type(value), value) for value in values]
        if all(key in known for key in keys):
            return [known[key] for key in keys]
        import pandas as pd

        # Objects, so that each value is encoded as it was sent, whatever stands beside it.
        features = self._encode(column, pd.Series(values, dtype=object, name=column.name)).tolist()
        for key, found in zip(keys, features, strict=True):
            unknown = column.kind == "category" and not any(found)  # which is to be said again every time
            if len(known) < REMEMBERED and not unknown and len(str(key[1])) <= LONGEST_REMEMBERED:
                known[key] = found
        return features

    def fit_transform(self, table: pd.DataFrame) -> np.ndarray:
        """`fit` and `transform` of the same table."""
        return self.fit(table).transform(table)

    @property
    def feature_names(self) -> list[str]:
        """The names of the d features: the column's name, or `column=category`."""
        return [name for column in self.columns for name in column.feature_names]

    def to_config(self) -> dict[str, Any]:
        """Everything that was learnt, as plain JSON values."""
        return {
            "scaling": self.scaling,
            "missing": self.missing,
            "unknown": self.unknown,
            "categorical": list(self.categorical),
            "max_categories": self.max_categories,
            "columns": [
                {**dataclasses.asdict(column), "categories": list(column.categories)} for column in self.columns
            ],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TableEncoder:
        """The encoder that `to_config` described; raises `FileError` if the description is not one."""
        try:
            options = dict(config)
            columns = options.pop("columns")
            encoder = cls(**options)
            encoder.columns = tuple(Column(**{**c, "categories": tuple(c["categories"])}) for c in columns)
            if not all(isinstance(name, str) for name in encoder.categorical) or not is_number(encoder.max_categories):
                raise DataError("categorical must be names, max_categories a number")
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"this is not the description of a TableEncoder: {error}") from error
        return encoder

    def _fit_column(self, series: pd.Series) -> Column:
        name = str(series.name)
        kind: Kind = "category" if name in self.categorical else kind_of(series)
        present = series.dropna()
        if present.empty:
            raise DataError(f"column {name!r} has no values at all: leave it out")
        if self.missing == "error":
            refuse_missing(series, "fill them, remove the rows, or have them imputed (missing='impute')")
        fill: float | str | None = None
        if kind == "category":
            texts = as_texts(present)
            categories = tuple(sorted(texts.unique()))
            if len(categories) > self.max_categories and name not in self.categorical:
                raise DataError(
                    f"column {name!r} holds {len(categories)} different texts, the first {texts.iloc[0]!r}: "
                    f"expected numbers or at most {self.max_categories} categories "
                    "(leave it out, or name it as categorical)"
                )
            fill = texts.mode().iloc[0] if self.missing == "impute" else None
            return Column(name, kind, categories=categories, fill=fill)
        x = as_numbers(present, kind)
        if kind == "number":
            warn_if_coarse(present, x, name)
        if self.missing == "impute":
            fill = float(x.mean().round()) if kind == "boolean" else float(x.mean())
        offset, factor = scale_of(x[:, None], "none" if kind == "boolean" else self.scaling)
        return Column(name, kind, float(offset[0]), float(factor[0]), fill=fill)

    def _encode(self, column: Column, series: pd.Series) -> np.ndarray:
        if column.fill is None:
            refuse_missing(series, "fill them or remove the rows (the model has not learnt to impute)")
        if column.kind == "category":
            texts = as_texts(series).fillna(column.fill) if column.fill is not None else as_texts(series)
            one_hot = texts.to_numpy()[:, None] == np.array(column.categories, dtype=object)
            self._report_unknown(column, series, ~one_hot.any(axis=1))
            return one_hot.astype(np.float64)
        x = as_numbers(series, column.kind)
        if column.fill is not None:
            x = np.where(np.isnan(x), column.fill, x)
        return _scaled(column, x)[:, None]

    def _report_unknown(self, column: Column, series: pd.Series, unknown: np.ndarray) -> None:
        if not unknown.any():
            return
        row = int(np.argmax(unknown))
        count = int(unknown.sum())
        what = f"{holds(series, row)}, a category that the training table did not hold"
        if self.unknown == "error":
            raise DataError(f"{what}: known are {', '.join(column.categories[:10])}")
        warnings.warn(f"{what}: encoded as zeros ({count} such rows)", stacklevel=4)

    @staticmethod
    def _check_names(table: pd.DataFrame, needed: Iterable[str]) -> None:
        for name in needed:
            if name not in table.columns:
                raise missing_column(name, table.columns)


def missing_column(name: str, known: Iterable[str]) -> DataError:
    """The error for a column that the table lacks, with the nearest name suggested.

    >>> missing_column("pirce", ["price", "size"])
    DataError("the table has no column 'pirce': did you mean 'price'? (it has: price, size)")
    """
    names = [str(n) for n in known]
    near = difflib.get_close_matches(name, names, n=1)
    hint = f": did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return DataError(f"the table has no column {name!r}{hint} (it has: {shown})")


def _scaled(column: Column, x: Any) -> Any:
    """A number, or an array of them, in float64."""
    return (x - column.offset) * column.factor


def _is_plain(value: Any) -> bool:
    """Whether a value is a number that every way to read it reads the same."""
    if type(value) is int:
        return -MOST_WHOLE <= value <= MOST_WHOLE
    return type(value) is float and isfinite(value)


def _with_text_names(table: pd.DataFrame) -> pd.DataFrame:
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise DataError(f"the table has more than one column {twice!r}: expected different names")
    return table


def _one_of(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise unknown_name(kind, name, known)
