"""How one column of a table becomes features: its kind, its scale, and what stands in for a missing value."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from netgrad.data.kinds import Category, Kind, UnreadableError, kind_of
from netgrad.data.scaling import clipped, is_number
from netgrad.data.values import Rows, holds
from netgrad.errors import DataError


@dataclasses.dataclass(frozen=True)
class Column:
    """How one column of the table becomes features: its kind's, the first of them (x - offset) * factor.

    limit: what that feature is smoothly kept within (`scaling.clipped`); 0 for no limit. categories: of the kind
    "category". fill: what stands in for a missing value, None where that is an error. form: the
    kind's other fields. indicator: whether a feature says where a value was missing. missing: words that mean so here.
    """

    name: str
    kind: str
    offset: float = 0.0
    factor: float = 1.0
    categories: tuple[str, ...] = ()
    fill: float | str | None = None
    form: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    indicator: bool = False
    missing: tuple[str, ...] = ()
    limit: float = 0.0

    def __post_init__(self):
        """Refuse what no table leads to: descriptions come from files, and files from strangers."""
        of_text = self.kind == "category"
        right = isinstance(self.name, str) and isinstance(self.kind, str) and isinstance(self.indicator, bool)
        right = right and all(isinstance(word, str) for word in (*self.categories, *self.missing))
        right = right and all(is_number(value) for value in (self.offset, self.factor, self.limit)) and self.limit >= 0
        if not right or not (self.fill is None or (isinstance(self.fill, str) if of_text else is_number(self.fill))):
            raise DataError(f"no column is encoded as {str(self)[:100]}")
        try:
            how = kind_of(self.kind, {**self.form, **({"levels": self.categories} if of_text else {})})
            fill = np.nan if self.fill is None else how.number(self.fill) if of_text else float(self.fill)
        except (TypeError, ValueError) as error:
            raise DataError(f"no column is encoded as {str(self)[:100]}: {error}") from error
        object.__setattr__(self, "_how", how)
        object.__setattr__(self, "_fill", fill)

    @property
    def how(self) -> Kind:
        """The kind that converts the column's values."""
        return self._how  # type: ignore[attr-defined]

    @property
    def example(self) -> Any:
        """A value that the column may hold."""
        return self.how.example

    @property
    def feature_names(self) -> list[str]:
        """The names of the column's features: its own, `name=category` for each category, and so on."""
        names = [f"{self.name}{ending}" for ending in self.how.features]
        return [*names, f"{self.name} missing"] if self.indicator else names

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return {**dataclasses.asdict(self), "categories": list(self.categories), "missing": list(self.missing)}

    def numbers(self, values: np.ndarray, words: frozenset[str], rows: Rows | None = None) -> np.ndarray:
        """The values (N,) of `values.plain` as numbers (N,), missing ones as NaN.

        words: what means missing where it is neither of the column's kind nor one of its categories. rows: how an
        error names a row.
        """
        words = words | set(self.missing)
        try:
            x = self.how.convert(values)
        except UnreadableError:
            known = np.array([None if isinstance(v, str) and v in words else v for v in values.tolist()], object)
            try:
                x = self.how.convert(known)
            except UnreadableError as unreadable:
                told = holds(self.name, values, unreadable.row, rows)
                raise DataError(f"{told}: expected {self.how.expected}") from None
        if isinstance(self.how, Category):
            unknown = np.flatnonzero((x < 0) | (x >= len(self.categories)))
            x[[i for i in unknown if isinstance(values[i], str) and values[i] in words]] = np.nan
        return x

    def features(self, x: np.ndarray) -> np.ndarray:
        """The features (N, k) in float64 of the numbers (N,)."""
        absent = np.isnan(x)
        filled = np.where(absent, self._fill, x)  # type: ignore[attr-defined]
        spread = self.how.spread(filled)
        if spread.shape[1]:
            spread[:, 0] = (spread[:, 0] - self.offset) * self.factor
            if self.limit:
                spread[:, 0] = clipped(spread[:, 0], self.limit)
        return np.concatenate([spread, absent[:, None]], axis=1) if self.indicator else spread
