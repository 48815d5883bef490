"""What a column holds: a kind is decided once, in training, from the column's values, and converts every later value.

A kind reads one value at a time, text or not, so that what a value becomes never depends on its neighbours. Kinds are
plain JSON in the model's file: their name and their fields. One file a family.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from netgrad.data.kinds.base import KINDS, Kind, UnreadableError
from netgrad.data.kinds.boolean import Boolean
from netgrad.data.kinds.category import Category, spellings
from netgrad.data.kinds.moment import COMPACT, Date, Time
from netgrad.data.kinds.number import Number
from netgrad.data.values import text_of

__all__ = [
    "COMPACT",
    "KINDS",
    "TRIED",
    "Boolean",
    "Category",
    "Date",
    "Kind",
    "Number",
    "Time",
    "UnreadableError",
    "decide",
    "decide_texts",
    "kind_of",
    "spellings",
]

TRIED: tuple[type[Kind], ...] = (Boolean, Number, Date, Time)  # what is none of these is a category


def kind_of(name: str, form: dict[str, Any]) -> Kind:
    """The kind of this name with these fields; raises TypeError or ValueError for anything else."""
    if name not in KINDS or not isinstance(form, dict):
        raise ValueError(f"there is no kind of column {name!r:.40}")
    return KINDS[name].from_json(form)


def decide(values: np.ndarray, decimal: str = ".") -> Kind | None:
    """The kind of a column's values (see `values.plain`), or None where they are no more than texts.

    >>> from netgrad.data.values import plain
    >>> decide(plain(["1,5", "2,25"])), decide(plain(["$1,500", "$20"]))
    (Number(decimal=',', unit=''), Number(decimal='.', unit='$'))
    >>> decide(plain(["31/12/2024", "01/02/2024"])), decide(plain(["red", "1"]))
    (Date(order='dmy', parts=()), None)
    """
    if values.dtype.kind in "iuf":
        return Date.compact(np.unique(values[~np.isnan(values)]).tolist()) or Number()
    distinct = list(dict.fromkeys(values.tolist()))
    types = {type(value) for value in distinct} - {type(None)}
    if not types:
        return None
    if types == {bool}:
        return Boolean()
    if types <= {int, float}:
        return Date.compact(value for value in distinct if value is not None) or Number()
    if types <= {datetime.time}:
        return Time()
    if all(issubclass(kind, datetime.date) for kind in types):
        return Date()
    texts = list(dict.fromkeys(text_of(value) for value in distinct if value is not None))
    return decide_texts(texts, decimal)


def decide_texts(texts: Sequence[str], decimal: str = ".") -> Kind | None:
    """The kind of which all these different texts are, or None."""
    if (days := Date.compact(texts)) is not None:
        return days
    return next((kind for cls in TRIED if (kind := cls.decide(texts, decimal)) is not None), None)
