"""Dates and times of day."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from netgrad.data.kinds.base import Kind, register
from netgrad.data.values import EPOCH

_CLOCK = (
    r"(?P<h>[0-9]{1,3}):(?P<min>[0-5][0-9])(?::(?P<s>[0-5][0-9])(?:[.,](?P<f>[0-9]{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_TIME = re.compile(_CLOCK).fullmatch
_DATE = re.compile(
    r"(?:[A-Za-z]{2,9}\.?,?\s+)?(?P<a>[0-9]{1,4}|[A-Za-z]{3,9}\.?)(?P<sep>\s*[-/.\s]\s*)(?P<b>[0-9]{1,2}|[A-Za-z]{3,9}\.?)"
    rf"(?:,?(?P=sep)|,\s*|\.?\s+)(?P<c>[0-9]{{1,4}})(?:(?:,?\s+|T)(?:{_CLOCK}))?\s*(?P<zone>Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}})?"
).fullmatch
# A month or a quarter, which stands for its first day: 2024-01, 01/2024, 2024M01, Jan 2024, 2024Q1, Q1 2024.
_PERIOD = re.compile(
    r"(?P<y>[12][0-9]{3})[-/.\s]?(?:[Qq](?P<q>[1-4])|[Mm]?(?P<m>(?<=[-/Mm])(?:0[1-9]|1[0-2]))|(?P<n>[A-Za-z]{3,9})\.?)"
    r"|(?:[Qq](?P<q2>[1-4])|(?P<m2>0?[1-9]|1[0-2])(?=/)|(?P<n2>[A-Za-z]{3,9})\.?)[-/.\s]+(?P<y2>[12][0-9]{3})"
).fullmatch
_DAYS = re.compile(r"(?P<sign>-)?(?P<days>[0-9]{1,6}) days?,? (?:\+)?(?=[0-9])")  # as pandas and Python write durations
_NAMES = "january february march april may june july august september october november december"
_MONTHS = {m[:n]: i for i, m in enumerate(_NAMES.split(), 1) for n in range(3, len(m) + 1)} | {"sept": 9}
ORDERS = ("ymd", "dmy", "mdy")
COMPACT = "yyyymmdd"  # 20240131, which is also a number
_DIGITS = re.compile(r"(?:19|20)[0-9]{6}").fullmatch
PARTS = ("year", "week", "day")
_PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}


@register
@dataclasses.dataclass(frozen=True)
class Date(Kind):
    """Dates, with or without a time, as days since 1970: year, month and day in the order that the column decided.

    parts: the features beside the days, each as sine and cosine: the place in the year, in the week and in the day.
    ISO 8601 is read whatever the order. With the order "yyyymmdd" also numbers are dates.
    """

    name = "date"
    expected = "a date such as 2024-01-31"
    example = "2024-01-31"
    order: str = "ymd"
    parts: tuple[str, ...] = ()

    @classmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        return next((kind for order in ORDERS if (kind := cls(order)).reads(texts)), None)

    @classmethod
    def compact(cls, values: Iterable[Any]) -> Kind | None:
        """The kind of several different whole numbers that all are days of the calendar, as 20240131; else None."""
        kind, met = cls(COMPACT), set()
        try:
            for value in values:
                met.add(kind.number(value) if kind._digits(value) else np.nan)
                if np.nan in met:
                    return None
        except ValueError:
            return None
        return kind if len(met) > 1 else None

    @staticmethod
    def _digits(value: Any) -> str:
        """The eight digits of a day written without marks; empty where it is something else."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return ""
        text = value if isinstance(value, str) else f"{value:.10g}"
        return text if _DIGITS(text) else ""

    def reads(self, texts: Sequence[str]) -> bool:
        """Whether all texts are dates in this order."""
        try:
            return all(np.isfinite(self.number(text)) for text in texts)
        except ValueError:
            return False

    @classmethod
    def open_to_both(cls, texts: Sequence[str]) -> bool:
        """Whether the texts may be read with day or month first, and not for want of reading them: 01/02/2024."""
        orders = [cls("dmy"), cls("mdy")]
        if not all(order.reads(texts) for order in orders):
            return False
        return any(orders[0].number(text) != orders[1].number(text) for text in texts)

    def number(self, value: Any) -> float:
        if self.order == COMPACT and (digits := self._digits(value)):
            return float(datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).toordinal() - EPOCH)
        if isinstance(value, str):
            return self._read(value)
        if isinstance(value, datetime.datetime):
            return _days(value)
        if isinstance(value, datetime.date):
            return float(value.toordinal() - EPOCH)
        raise TypeError

    def _read(self, text: str) -> float:
        if text[:4].isdigit() and len(text) > 4:
            if text.isdigit():  # 20240131 is a number
                raise ValueError
            with contextlib.suppress(ValueError):
                return _days(datetime.datetime.fromisoformat(text))
        if whole := _PERIOD(text):
            return _first_day(whole)
        found = _DATE(text)
        if not found:
            raise ValueError
        a, b, c = found["a"], found["b"], found["c"]
        if a[0].isalpha():  # Jan 5, 2024
            day, month, year = b, a, c
        elif b[0].isalpha():  # 5 Jan 2024, 2024-Jan-5
            day, month, year = (c, b, a) if len(a) == 4 else (a, b, c)
        else:
            order = "ymd" if len(a) == 4 or self.order == COMPACT else self.order
            if order == "ymd" and len(a) < 4:
                raise ValueError
            day, month, year = {"ymd": (c, b, a), "dmy": (a, b, c), "mdy": (b, a, c)}[order]
        if len(year) not in (2, 4) or not day.isdigit():
            raise ValueError
        full = int(year) + ((2000 if int(year) < 69 else 1900) if len(year) == 2 else 0)
        of_year = int(month) if month.isdigit() else _MONTHS.get(month.lower().rstrip("."), 0)
        days = datetime.date(full, of_year, int(day)).toordinal() - EPOCH
        hours = _hours(found) if found["h"] else 0.0
        if hours >= 24:
            raise ValueError
        zone = found["zone"] or "Z"
        ahead = 0.0 if zone[0] in "ZUG" else float(f"{zone[0]}1") * (int(zone[1:3]) + int(zone[-2:]) / 60)
        return days + (hours - ahead) / 24

    def with_parts(self, days: np.ndarray) -> Date:
        """The same with the parts in which these days differ."""
        days = days[np.isfinite(days)]
        parts = []
        if np.ptp(days) >= 60:
            parts.append("year")
        if len(np.unique(np.floor(days) % 7)) > 1:
            parts.append("week")
        if len(np.unique(np.round(days % 1, 6))) > 1:
            parts.append("day")
        return dataclasses.replace(self, parts=tuple(parts))

    @property
    def features(self) -> tuple[str, ...]:
        return ("", *(f" {wave} of {part}" for part in self.parts for wave in ("sine", "cosine")))

    def spread(self, x: np.ndarray) -> np.ndarray:
        columns = [x]
        for part in self.parts:
            angle = 2 * np.pi * (x % _PERIODS[part]) / _PERIODS[part]
            columns += [np.sin(angle), np.cos(angle)]
        return np.stack(columns, axis=1)

    def check(self) -> None:
        if (
            self.order not in (*ORDERS, COMPACT)
            or not isinstance(self.parts, tuple)
            or not set(self.parts) <= set(PARTS)
        ):
            raise ValueError(f"no dates are written in the order {self.order!r:.20} with {self.parts!s:.40}")


def _first_day(found: Any) -> float:
    """The first day of a month or quarter."""
    year, quarter = found["y"] or found["y2"], found["q"] or found["q2"]
    month, name = found["m"] or found["m2"], found["n"] or found["n2"]
    number = 3 * int(quarter) - 2 if quarter else int(month) if month else _MONTHS.get(name.lower(), 0)
    return float(datetime.date(int(year), number, 1).toordinal() - EPOCH)


def _days(when: datetime.datetime) -> float:
    """Days since 1970; a time without zone is taken for UTC."""
    offset = when.utcoffset()
    seconds = when.hour * 3600 + when.minute * 60 + when.second + when.microsecond / 1e6
    seconds -= offset.total_seconds() if offset is not None else 0.0
    return when.toordinal() - EPOCH + seconds / 86400


def _hours(found: Any) -> float:
    hours, half = int(found["h"]), (found["half"] or "").lower()[:1]
    if half and not 1 <= hours <= 12:
        raise ValueError
    if half:
        hours = hours % 12 + (12 if half == "p" else 0)
    seconds = int(found["s"] or 0) + float(f"0.{found['f'] or 0}")
    return hours + int(found["min"]) / 60 + seconds / 3600


@register
@dataclasses.dataclass(frozen=True)
class Time(Kind):
    """Times of day, and durations as hours:minutes or as 2 days 03:00:00, in hours."""

    name = "time"
    expected = "a time such as 14:30"
    example = "14:30"

    @classmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        try:
            return cls() if all(np.isfinite(cls().number(text)) for text in texts) else None
        except ValueError:
            return None

    def number(self, value: Any) -> float:
        if isinstance(value, datetime.time):
            return value.hour + value.minute / 60 + (value.second + value.microsecond / 1e6) / 3600
        if not isinstance(value, str):
            raise ValueError
        whole = _DAYS.match(value)
        found = _TIME(value[whole.end() :] if whole else value)
        if not found:
            raise ValueError
        days = int(whole["days"]) * (-1 if whole["sign"] else 1) if whole else 0
        return 24 * days + _hours(found)

    def check(self) -> None:
        """There is nothing to check."""
