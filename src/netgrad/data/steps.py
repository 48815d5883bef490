"""Time-steps: what times a series has rows at, as whole numbers counted on, and those that follow."""

from __future__ import annotations

import calendar
import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import numpy as np

from netgrad.data.scaling import is_number
from netgrad.data.values import EPOCH
from netgrad.errors import DataError

UNITS = ("row", "even", "months", "weekdays")
# Days between rows that lie so many months apart.
MONTHS = ((27.9, 31.1, 1), (88.9, 92.1, 3), (180.9, 184.1, 6), (364.9, 366.1, 12))
EMPTIEST = 0.6  # share of the steps that may have no row: beyond, rows come at no regular steps
OFF = 0.02  # of a step, by which a time may miss it unsaid
LENGTHS = ((365.0, "year"), (7.0, "week"), (1.0, "day"), (1 / 24, "hour"), (1 / 1440, "minute"), (1 / 86400, "second"))


@dataclasses.dataclass(frozen=True)
class Steps:
    """The regular steps that times lie on.

    unit: "even" (``size`` days apart, or whatever the numbers count), "months" (``size`` of them), "weekdays" (Monday
    to Friday), or "row" where there are no times and each row is a step. first: the time of step 0. dated: whether
    times are dates, in days since 1970. month_end: whether rows stand at the last days of their months. clock, mark,
    zone: how dates are written: with a time of day, what parts the two, and whether a zone stands behind.
    """

    unit: str = "row"
    size: float = 1.0
    first: float = 0.0
    dated: bool = False
    month_end: bool = False
    clock: bool = False
    mark: str = " "
    zone: bool = False

    def __post_init__(self) -> None:
        """Refuse what no times lead to: descriptions come from files, and files from strangers."""
        right = self.unit in UNITS and is_number(self.size) and self.size > 0 and is_number(self.first)
        if not right or abs(self.first) > 1e15 or self.mark not in (" ", "T"):
            raise DataError(f"no steps are {str(self)[:120]}")

    @classmethod
    def of(cls, times: Sequence[np.ndarray], dated: bool, values: Sequence[Any] = ()) -> Steps:
        """The steps of these times, increasing within each series. values: some of them as they are written.

        >>> Steps.of([np.array([0.0, 2.0, 4.0, 8.0])], dated=False).size
        2.0
        """
        every = np.concatenate(times)
        gaps = np.concatenate([np.diff(t) for t in times])
        if not len(gaps):
            raise DataError("no series has more than one row: expected several time-steps in each")
        usual, first = float(np.sort(gaps)[(len(gaps) - 1) // 2]), float(every.min())
        usual = max(round(usual * 86400, 3), 1e-3) / 86400 if dated else usual  # dates are no more exact
        if not dated:
            return cls("even", usual, first)
        texts = [value for value in values if isinstance(value, str)]
        written: dict[str, Any] = {
            "dated": True,
            "clock": bool((np.abs(every - np.rint(every)) > 1e-9).any()) or any(":" in text for text in texts),
            "mark": "T" if any("T" in text[8:12] for text in texts) else " ",
            "zone": any(text.endswith("Z") or "+" in text[10:] or "-" in text[10:] for text in texts),
        }
        for least, most, months in MONTHS:
            if least <= usual <= most:
                days = [_date(t) for t in np.unique(every)]
                ends = all(day.day == calendar.monthrange(day.year, day.month)[1] for day in days)
                return cls("months", float(months), first, month_end=ends, **written)
        whole = np.unique(np.floor(every)) if usual == 1.0 else np.zeros(0)
        if len(whole) >= 10 and not np.isin((whole + 3) % 7, (5, 6)).any() and (whole == np.unique(every)).all():
            return cls("weekdays", 1.0, first, **written)
        return cls("even", usual, first, **written)

    def numbers(self, times: np.ndarray) -> np.ndarray:
        """How many steps (N,) after the first each time lies, as float64: whole numbers where it lies on one."""
        if self.unit == "months":
            dates = [_date(t) for t in times]
            first = _date(self.first)
            months = np.array([12 * (d.year - first.year) + d.month - first.month for d in dates], float)
            return np.floor(months / self.size) if self.size > 1 else months
        if self.unit == "weekdays":
            begin = np.array([_date(self.first)], "datetime64[D]")
            days = np.array([_date(t) for t in times], "datetime64[D]")
            return np.busday_count(begin, days).astype(float)
        return (np.asarray(times, float) - self.first) / self.size

    def time(self, step: int) -> float:
        """The time of a step."""
        if self.unit == "months":
            first = _date(self.first)
            months = 12 * first.year + first.month - 1 + int(self.size) * step
            year, month = months // 12, months % 12 + 1
            if not 1 <= year <= 9999:
                raise DataError(f"step {step} lies in the year {year}: expected 1 to 9999")
            last = calendar.monthrange(year, month)[1]
            day = last if self.month_end else min(first.day, last)
            return datetime.date(year, month, day).toordinal() - EPOCH + self.first % 1
        if self.unit == "weekdays":
            begin = np.datetime64(_date(self.first), "D")
            return float((np.busday_offset(begin, step, roll="forward") - np.datetime64("1970-01-01", "D")).astype(int))
        return self.first + self.size * step

    def written(self, step: int) -> Any:
        """The time of a step as it stands in a table: a date as ISO 8601 has it, or a number.

        >>> Steps("months", 1.0, 0.0, dated=True).written(13), Steps("even", 0.5, 3.0).written(2)
        ('1971-02-01', 4)
        """
        time = self.time(step)
        if not self.dated:
            return int(time) if float(time).is_integer() else round(time, 9)
        try:
            moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=round(time * 86400))
        except OverflowError:
            raise DataError(f"step {step} lies beyond the calendar") from None
        day = moment.date().isoformat()
        return f"{day}{self.mark}{moment:%H:%M:%S}{'+00:00' if self.zone else ''}" if self.clock else day

    @property
    def words(self) -> str:
        """The step in words.

        >>> Steps("even", 1 / 24, dated=True).words, Steps("months", 3.0, dated=True).words, Steps().words
        ('1 hour', '3 months', '1 row')
        """
        if self.unit == "months":
            return _counted(self.size, "month")
        if self.unit == "weekdays":
            return "1 weekday"
        if not self.dated:
            return "1 row" if self.unit == "row" else f"{self.size:g}"
        length, name = next((pair for pair in LENGTHS if self.size >= pair[0] * 0.999), LENGTHS[-1])
        return _counted(self.size / length, name)

    @property
    def seasons(self) -> list[int]:
        """The steps after which such series often repeat themselves: a day, a week, a year; of numbers such as 1949.25
        what they count in parts.

        >>> Steps("even", 1 / 24, dated=True).seasons, Steps("months", 3.0, dated=True).seasons
        ([24, 168], [4])
        >>> Steps("even", 1 / 12, 1949.0).seasons, Steps("even", 1.0).seasons
        ([12], [])
        """
        if self.unit == "weekdays":
            return [5]
        if self.unit == "row":
            return []
        if not self.dated:
            parts = 1 / self.size
            return [round(parts)] if 1.5 < parts < 1000.5 and abs(parts - round(parts)) < 0.01 * parts else []
        if self.unit == "months":
            periods = [12 / self.size]
        else:
            periods = [1 / self.size, 7 / self.size, 365.25 / self.size]
        return sorted({round(p) for p in periods if 2 <= round(p) <= 1000})


def _counted(count: float, name: str) -> str:
    return f"{count:.4g} {name}{'' if round(count, 3) == 1 else 's'}"


def _date(time: float) -> datetime.date:
    try:
        return datetime.date.fromordinal(int(np.floor(time)) + EPOCH)
    except (ValueError, OverflowError):
        raise DataError(f"day {time:g} since 1970 lies beyond the calendar") from None
