"""What a kind of column is: it reads one value at a time, text or not, and makes features of numbers."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np


class Kind(ABC):
    """One kind of column. `decide` says whether texts are of it, `convert` turns values into numbers.

    features: the endings of the names of the features that `spread` makes of each number; the first is scaled.
    """

    name: ClassVar[str]
    expected: ClassVar[str]  # in an error, after "expected"
    example: Any  # a value, for people who are about to write one

    @classmethod
    @abstractmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        """The kind of which all the different texts are, or None. decimal: the mark where texts leave it open."""

    @abstractmethod
    def number(self, value: Any) -> float:
        """One value that is not missing as a number; raises ValueError or TypeError for what is none."""

    def convert(self, values: np.ndarray) -> np.ndarray:
        """The values (N,) of `values.plain` as float64 (N,), missing ones as NaN; raises `UnreadableError`."""
        if values.dtype.kind in "iuf" and self.takes_numbers:
            x = values.astype(np.float64)
            if np.isinf(x).any():
                raise UnreadableError(int(np.argmax(np.isinf(x))))
            return x
        met: dict[Any, float] = {None: np.nan}
        out = np.empty(len(values))
        for i, value in enumerate(values.tolist()):
            key = value if value.__class__ is str else (value.__class__, value) if value is not None else None
            if key not in met:
                try:
                    met[key] = np.nan if value != value else self.number(value)
                except (ValueError, TypeError, OverflowError):
                    raise UnreadableError(i) from None
                if np.isinf(met[key]):
                    raise UnreadableError(i)
            out[i] = met[key]
        return out

    takes_numbers: ClassVar[bool] = False  # whether numbers stand for themselves

    @property
    def features(self) -> tuple[str, ...]:
        """The endings of the names of the features."""
        return ("",)

    def spread(self, x: np.ndarray) -> np.ndarray:
        """The features (N, k) of the numbers (N,)."""
        return x[:, None]

    def to_json(self) -> dict[str, Any]:
        """The kind's fields, those that are not as usual."""
        usual = {f.name: f.default for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items() if v != usual[name]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Kind:
        """The kind with these fields; raises TypeError or ValueError where no column has led to them."""
        kind = cls(**{name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()})
        kind.check()
        return kind

    @abstractmethod
    def check(self) -> None:
        """Refuse fields that no column leads to, with a ValueError: descriptions come from strangers."""


class UnreadableError(ValueError):
    """A value, by its row from 0, is not of the kind."""

    def __init__(self, row: int):
        super().__init__(row)
        self.row = row


KINDS: dict[str, type[Kind]] = {}


def register(cls: type[Kind]) -> type[Kind]:
    """Make a kind known by its name, as model files have it."""
    KINDS[cls.name] = cls
    return cls
