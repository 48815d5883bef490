"""From the columns of a table to the numbers that a network computes with.

What an encoder learns from the training table is plain JSON (`to_config`, `from_config`), so that it is kept
in the model's file and applied again, unchanged, to every later table.
"""

from __future__ import annotations

import dataclasses
import difflib
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.checks import as_examples
from netgrad.data.column import Column
from netgrad.data.deciding import Decision, but_for_ranks, by_the_others, decide_column
from netgrad.data.frames import as_pandas
from netgrad.data.kinds import Category, Date, Number
from netgrad.data.scaling import LIMIT, SCALINGS, is_number, scale_of, too_coarse
from netgrad.data.values import MISSING, Rows, holds, missing_in, plain, refuse_missing, text_of
from netgrad.errors import DataError, FileError, NetgradError, unknown_name, warn

if TYPE_CHECKING:
    import pandas as pd


REMEMBERED = 1000  # values of a column whose features are kept by `transform_records`
LONGEST_REMEMBERED = 100  # characters of such a value


class TableEncoder:
    """Turns a table into a network's inputs: numbers scaled, categories one-hot, dates as their parts.

    What each column holds is decided once, from the training table (`netgrad.data.kinds`): numbers in their spellings,
    booleans, dates, times of day, categories. Left out are columns that only name the rows, free text, and columns
    without values. What was decided otherwise than one might think is one warning.

    - scaling: "standardise" (mean 0, standard deviation 1), "range" (to [0, 1]), "robust" (median 0, quartiles 1 apart,
      smoothly kept within -3 and 3) or "none", for numbers, dates and times; booleans become 0 and 1; the sine and
      cosine of a date's place in year, week and day stay.
    - missing: "impute": the training table's mean for numbers and dates, its most frequent value for the others, and a
      feature that says where a column had none in training; or "error".
    - unknown: a category that the training table did not hold becomes "zeros" with a warning, or an "error".
    - categorical, numeric: names of columns that are so whatever they look like (a postcode, say).
    - max_categories: of a column of more texts all but so many are taken for one, unless `categorical` names it.
    - missing_values: the words, or numbers as words, that mean missing; None: `netgrad.data.MISSING`.

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
        missing: str = "impute",
        unknown: str = "zeros",
        categorical: Iterable[str] = (),
        numeric: Iterable[str] = (),
        max_categories: int = 100,
        missing_values: Iterable[str] | None = None,
    ):
        _one_of("scaling", scaling, SCALINGS)
        _one_of("treatment of missing values", missing, ("error", "impute"))
        _one_of("treatment of unknown categories", unknown, ("zeros", "error"))
        self.scaling = scaling
        self.missing = missing
        self.unknown = unknown
        self.categorical = tuple(categorical)
        self.numeric = tuple(numeric)
        self.max_categories = max_categories
        self.missing_values = None if missing_values is None else tuple(missing_values)
        self.columns: tuple[Column, ...] = ()
        self.left_out: dict[str, str] = {}
        self._words = frozenset(MISSING if self.missing_values is None else self.missing_values)
        self._missing_numbers = {x for word in self.missing_values or () if (x := _as_float(word)) is not None}
        self._said: list[weakref.ref[Any]] = []
        self._remembered: dict[str, dict[tuple[type, Any], list[float]]] = {}

    def fit(self, table: pd.DataFrame, kinds_of: TableEncoder | None = None) -> TableEncoder:
        """Learn kinds, scales and categories from the training table, and return self.

        kinds_of: an encoder fitted to a larger table, of which this is a part: its kinds are taken over, unsaid.
        """
        self._said, self._remembered = [], {}
        table = _with_text_names(table)
        if not len(table) or not table.shape[1]:
            raise DataError(f"the table has {len(table)} rows and {table.shape[1]} columns: at least one of each")
        _check_names(table, (*self.categorical, *self.numeric))
        decimal = table.attrs.get("decimal", ".")
        values, rows = {name: self._values(name, table[name]) for name in table.columns}, Rows(table)
        if self.missing_values and "decimal" not in table.attrs:  # a text file's reader knows which were in quotes
            values = {name: _but_for(words_of, self.missing_values) for name, words_of in values.items()}
        of_texts = {name for name in table.columns if str(getattr(table[name], "dtype", "")) == "category"}
        if kinds_of is not None:
            self.left_out = dict(kinds_of.left_out)
            self.columns = tuple(self._like(c, values[c.name], rows) for c in kinds_of.columns)
            return self
        decided = {name: self._decide(name, v, name in of_texts, decimal, rows) for name, v in values.items()}
        decided = but_for_ranks(by_the_others(decided, values), values)
        if all(decision.kind is None for decision in decided.values()):
            decided = {n: self._decide(n, v, n in of_texts, decimal, rows, keep=True) for n, v in values.items()}
        notes = [decision.note for decision in decided.values() if decision.note]
        self.left_out = {name: decision.note for name, decision in decided.items() if decision.kind is None}
        if len(self.left_out) == len(decided):
            raise DataError(f"the table has no column to learn from: {'; '.join(notes)[:300]}")
        self.columns = tuple(
            self._learn(name, decision, values[name], notes, rows)
            for name, decision in decided.items()
            if decision.kind is not None
        )
        if imputed := [column.name for column in self.columns if column.indicator]:
            shown = ", ".join(map(repr, imputed[:10])) + (f" and {len(imputed) - 10} more" if len(imputed) > 10 else "")
            notes.append(
                f"missing values in {shown}: filled with the mean or the most frequent value, and marked in a feature "
                "of their own"
            )
        if notes:
            warn("; ".join(notes[:30]) + (f"; and {len(notes) - 30} more such columns" if len(notes) > 30 else ""))
        return self

    def transform(self, table: pd.DataFrame) -> np.ndarray:
        """The features (N, d) in float32, in the order of `feature_names`; further columns are ignored."""
        self._check_fitted()
        named = _with_text_names(table)
        _check_names(named, [column.name for column in self.columns])
        said: list[str] = []
        encoded = [self._encode(column, named[column.name], said) for column in self.columns]
        self._said = [met for met in self._said if met() is not None]
        if said and not any(met() is table for met in self._said):  # whoever looks at the same rows has them encoded
            self._said.append(weakref.ref(table))
            warn("; ".join(said))
        return as_examples(np.concatenate(encoded, axis=1), "the encoded table")

    def transform_records(self, records: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """`transform` of records with plain values, numbers, texts, truth values or None, at little cost for few.

        Each must have all columns. Values are remembered with their features, but for numbers and what is to be said
        anew each time.

        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1, 2, 3], "colour": ["red", "blue", "red"]})
        >>> TableEncoder(scaling="range").fit(table).transform_records([{"colour": "blue", "size": "2"}])
        array([[0.5, 1. , 0. ]], dtype=float32)
        """
        self._check_fitted()
        rows: list[list[float]] = [[] for _ in records]
        said: list[str] = []
        for column in self.columns:
            values = [record[column.name] for record in records]
            for row, features in zip(rows, self._remembering(column, values, said), strict=True):
                row += features
        if said:
            warn("; ".join(said))
        return as_examples(np.array(rows, np.float64), "the encoded table")

    def _remembering(self, column: Column, values: list[Any], said: list[str]) -> list[list[float]]:
        """What `_encode` makes of a column of these values."""
        if column.kind == "number" and not (column.indicator or column.limit) and all(map(self._is_plain, values)):
            return [[(value - column.offset) * column.factor] for value in values]
        known = self._remembered.setdefault(column.name, {})
        keys = [(type(value), value) for value in values]
        if all(key in known for key in keys):
            return [known[key] for key in keys]
        before = len(said)
        features = self._encode(column, values, said).tolist()
        for key, found in zip(keys, features, strict=True):
            if len(said) == before and len(known) < REMEMBERED and len(str(key[1])) <= LONGEST_REMEMBERED:
                known[key] = found
        return features

    def _encode(self, column: Column, given: Any, said: list[str]) -> np.ndarray:
        """The features (N, k) of one column in float64; what is to be said of it is added to ``said``."""
        values, rows = self._values(column.name, given), Rows(given)
        x = column.numbers(values, self._words, rows)
        absent = np.isnan(x)
        if absent.any() and column.fill is None:
            advice = "fill them or remove the rows (the model has not learnt to impute)"
            refuse_missing(column.name, _without(values, absent), advice, rows)
        if absent.any() and not column.indicator:
            what = missing_in(absent, rows)
            said.append(f"column {column.name!r} has {what}, and was trained on none: filled with {column.fill!r}")
        if isinstance(column.how, Category) and (unknown := x < 0).any():
            said.append(self._unknown(column, values, unknown, rows))
        return column.features(x)

    def numbers(self, table: pd.DataFrame, name: str) -> np.ndarray:
        """One column's values (N,) as its kind reads them: numbers, days, hours, 0 and 1, or the numbers of categories
        (-1 for unknown ones); NaN where they are missing.

        >>> import pandas as pd
        >>> prices = pd.DataFrame({"price": ["$1,500", "$900", None]})
        >>> TableEncoder().fit(prices).numbers(prices, "price")
        array([1500.,  900.,   nan])
        """
        self._check_fitted()
        named = _with_text_names(table)
        _check_names(named, [name])
        column = next(column for column in self.columns if column.name == name)
        return column.numbers(self._values(name, named[name]), self._words, Rows(named))

    def fit_transform(self, table: pd.DataFrame) -> np.ndarray:
        """`fit` and `transform` of the same table."""
        return self.fit(table).transform(table)

    @property
    def feature_names(self) -> list[str]:
        """The names of the d features: the column's name, or `column=category`, and so on."""
        return [name for column in self.columns for name in column.feature_names]

    def to_config(self) -> dict[str, Any]:
        """Everything that was learnt, as plain JSON values."""
        return {
            "scaling": self.scaling,
            "missing": self.missing,
            "unknown": self.unknown,
            "categorical": list(self.categorical),
            "numeric": list(self.numeric),
            "max_categories": self.max_categories,
            "missing_values": None if self.missing_values is None else list(self.missing_values),
            "columns": [column.to_json() for column in self.columns],
            "left_out": self.left_out,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TableEncoder:
        """The encoder that `to_config` described; raises `FileError` if the description is not one."""
        try:
            options = dict(config)
            columns, left_out = options.pop("columns"), options.pop("left_out", {})
            encoder = cls(**options)
            encoder.left_out = {str(name): str(why) for name, why in left_out.items()}
            encoder.columns = tuple(_column(description) for description in columns)
            words = (*encoder.categorical, *encoder.numeric, *(encoder.missing_values or ()))
            if not all(isinstance(word, str) for word in words) or not is_number(encoder.max_categories):
                raise DataError("categorical, numeric and missing_values must be texts, max_categories a number")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileError(f"this is not the description of a TableEncoder: {error}") from error
        return encoder

    def _decide(
        self, name: str, values: np.ndarray, of_texts: bool, decimal: str, rows: Rows, keep: bool = False
    ) -> Decision:
        return decide_column(
            name,
            values,
            as_category=name in self.categorical,
            as_number=name in self.numeric,
            of_texts=of_texts,
            keep=keep,
            max_categories=self.max_categories,
            decimal=decimal,
            words=self._words,
            rows=rows,
        )

    def _learn(self, name: str, decision: Decision, values: np.ndarray, notes: list[str], rows: Rows) -> Column:
        """The column of a kind that was decided, with what its values teach."""
        how = decision.kind
        assert how is not None
        form = how.to_json()
        plainly = Column(name, how.name, categories=getattr(how, "levels", ()), form=form, missing=decision.missing)
        x = plainly.numbers(values, frozenset(), rows)
        absent = np.isnan(x)
        if self.missing == "error" and absent.any():
            advice = "fill them, remove the rows, or have them imputed (missing='impute')"
            refuse_missing(name, _without(values, absent), advice, rows)
        if isinstance(how, Date):
            form = how.with_parts(x).to_json()
        if isinstance(how, Number) and (coarse := too_coarse(values[~absent], x[~absent], name)):
            notes.append(coarse)
        return self._scaled(dataclasses.replace(plainly, form=form, indicator=bool(absent.any())), values, x)

    def _like(self, column: Column, values: np.ndarray, rows: Rows) -> Column:
        """The same kind of column, with the levels and the scale of other values."""
        x = column.numbers(values, frozenset(), rows)
        if np.isnan(x).all():
            return column
        if isinstance(column.how, Category) and column.name not in self.categorical:
            met = {column.categories[int(i)] for i in np.unique(x[~np.isnan(x)]) if i < len(column.categories)}
            column = dataclasses.replace(
                column, categories=tuple(c for c in column.categories if c in met) or column.categories, fill=None
            )
            x = column.numbers(values, frozenset(), rows)
        return self._scaled(column, values, x)

    def _scaled(self, column: Column, values: np.ndarray, x: np.ndarray) -> Column:
        """With the scale and the filling of these numbers."""
        present = x[~np.isnan(x)]
        fill: float | str | None = None
        if isinstance(column.how, Category):
            if self.missing == "impute":
                known = [text_of(v) for v, code in zip(values.tolist(), x, strict=True) if code == code]
                among = Counter(text for text in known if text in set(column.categories)) or Counter(column.categories)
                fill = min(among, key=lambda text: (-among[text], text))
            return dataclasses.replace(column, fill=fill)
        boolean = column.kind == "boolean"
        offset, factor = scale_of(present[:, None], "none" if boolean else self.scaling, column.name)
        if self.missing == "impute":
            fill = float(present.mean().round()) if boolean else float(present.min() + (present - present.min()).mean())
        limit = LIMIT if self.scaling == "robust" and not boolean else 0.0
        return dataclasses.replace(column, offset=float(offset[0]), factor=float(factor[0]), fill=fill, limit=limit)

    def _unknown(self, column: Column, values: np.ndarray, unknown: np.ndarray, rows: Rows) -> str:
        row, count = int(np.argmax(unknown)), int(unknown.sum())
        what = f"{holds(column.name, values, row, rows)}, a category that the training table did not hold"
        if self.unknown == "error":
            raise DataError(f"{what}: known are {', '.join(column.categories[:10])}")
        return f"{what}: encoded as zeros ({count} such row{'s'[: count > 1]})"

    def _is_plain(self, value: Any) -> bool:
        """Whether a value is a number that every way to read it reads the same."""
        exact = (type(value) is int and -(2**53) <= value <= 2**53) or (type(value) is float and isfinite(value))
        return exact and value not in self._missing_numbers

    def _values(self, name: str, column: Any) -> np.ndarray:
        """The values of a column; numbers that were named as words that mean missing are."""
        try:
            values = plain(column)
        except DataError as error:
            raise DataError(f"column {name!r} {error}") from error
        if not self._missing_numbers:
            return values
        if values.dtype != object:
            x = values.astype(np.float64)
            return np.where(np.isin(x, list(self._missing_numbers)), np.nan, x)
        known = [None if _as_float(value) in self._missing_numbers else value for value in values.tolist()]
        found = np.empty(len(known), object)
        found[:] = known
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_said": []}  # references to tables are of this process

    def _check_fitted(self) -> None:
        if not self.columns:
            raise NetgradError("this TableEncoder has learnt no columns: call fit(table) first")


def _column(description: dict[str, Any]) -> Column:
    tuples = {name: tuple(description.get(name, ())) for name in ("categories", "missing")}
    return Column(**{**description, **tuples})


def _as_float(value: Any) -> float | None:
    """A number, or a text that is one; None for anything else."""
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _but_for(values: np.ndarray, words: Iterable[str]) -> np.ndarray:
    """The values with None for each text that is one of these words."""
    if values.dtype != object:
        return values
    return _without(values, np.fromiter((isinstance(v, str) and v in words for v in values), bool, len(values)))


def _without(values: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """The values with None where a word means that there is none."""
    known = values.astype(object)
    known[absent] = None
    return known


def _check_names(table: pd.DataFrame, needed: Iterable[str]) -> None:
    known = set(table.columns)
    for name in needed:
        if name not in known:
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


def _with_text_names(table: pd.DataFrame) -> pd.DataFrame:
    table = as_pandas(table)
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise DataError(f"the table has more than one column {twice!r}: expected different names")
    return table


def _one_of(kind: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise unknown_name(kind, name, known)
