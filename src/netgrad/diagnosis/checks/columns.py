"""The columns of the data by name: values that stand for "missing", several units in one, useless and leaking columns.

Sources: Kelleher chapter 3 (data quality report: outliers, missing values, cardinality); Pattipati "Backprop
practicalities".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from netgrad.diagnosis.checks.data import standardised
from netgrad.diagnosis.finding import Check
from netgrad.diagnosis.reference import single_column_skill
from netgrad.diagnosis.table import Named, named_columns
from netgrad.diagnosis.words import columns_of, digits
from netgrad.registry import register

STAND_INS = {-1.0, *(sign * (10**k - 1.0) for k in range(1, 8) for sign in (-1, 1)), -32768.0, 32767.0, -2147483648.0}
LARGE = 99.0  # a stand-in of this size is one even where a column has it once
DAYS = {"1900-01-01", "1899-12-30", "1970-01-01", "9999-12-31", "2099-12-31"}
FACTORS = (10.0, 100.0, 1000.0, 1e6, 60.0, 3600.0, 2.54, 25.4, 30.48, 12.0, 2.2046, 4.184, 1.609)  # between units


@register("finding", "sentinel_values")
@dataclass(frozen=True)
class SentinelValues(Check):
    """A number that stands for "missing" (-99999, 999, 1900-01-01) is learned as if it had been measured.

    Measure: the lowest or highest value of a column, often written for "missing" or in ``many`` of the rows, that lies
    away from the rest by more than ``near`` widths of the rest's middle half, ``far`` where it is no usual stand-in.
    """

    rank: ClassVar[int] = 70
    remedy: ClassVar[str] = "leave these values empty (NaN in a table, --missing-values) so that they are filled in"
    near: float = 2.0
    far: float = 10.0
    many: float = 0.01

    def look(self, e):
        severity = "fault" if e.failing or e.held_short else "warning"
        for column in named_columns(e):
            if (found := self.stand_in(column)) is not None:
                value, count, distance = found
                shown = column.shown(value)
                are = "is" if count == 1 else "are"
                message = (
                    f"{count} of {len(column.values)} values of {column.name} {are} {shown}, which seems to stand "
                )
                message += "for a missing value"
                measured = {"count": count, "distance": distance}
                yield self.found(severity, column.name, message, **measured)

    def stand_in(self, column: Named) -> tuple[float, int, float] | None:
        """The value, how often it stands there, and how many spreads it lies away from all others."""
        values = column.values
        for value in (values.min(), values.max()) if len(values) else ():
            rest = values[values != value]
            count = len(values) - len(rest)
            if len(rest) < 10 or len(np.unique(rest)) < 5:
                continue
            usual = column.shown(value) in DAYS if column.moments else bool(np.isclose(value, list(STAND_INS)).any())
            first, third = np.quantile(rest, [0.25, 0.75])
            spread = max(float(third - first), 0.5 * float(rest.std()), 1e-30)
            distance = float(np.abs(rest - value).min()) / spread
            often = count >= max(3, self.many * len(values))
            sure = usual and (count > 1 or abs(value) >= LARGE or column.moments)
            if (sure and distance > self.near) or (often and distance > self.far):
                return float(value), count, distance
        return None

    def repair(self, recipe, e):
        """By the other values' scale, so that a stand-in is one more small number; a table is for a person to mend."""
        if e.table is not None:
            return None
        return standardised(recipe, e, self.without, 4.0, "stand-ins for missing values cut off")

    def without(self, rows: np.ndarray) -> np.ndarray:
        """Rows (P, d) with the median of the others in the place of stand-ins."""
        rows = rows.copy()
        for column in rows.T:
            if (found := self.stand_in(Named("", column))) is not None:
                column[column == found[0]] = np.median(column[column != found[0]])
        return rows


@register("finding", "mixed_units")
@dataclass(frozen=True)
class MixedUnits(Check):
    """One column in several units: some of its values are a known factor (100, 1000, 2.54, ...) times the others.

    Measure: the logarithms of a positive column fall into two groups with an empty gap between them wider than
    ``gap`` times either group's spread, both with at least ``share`` of the rows, whose medians differ by a factor
    between units to within ``near``.
    """

    rank: ClassVar[int] = 90
    spoils: ClassVar[bool] = True
    remedy: ClassVar[str] = "bring all values of the column to one unit"
    gap: float = 3.0
    share: float = 0.02
    near: float = 0.15

    def look(self, e):
        for column in named_columns(e):
            values = np.sort(column.values)
            if column.moments or len(values) < 50 or values[0] <= 0 or len(np.unique(values)) < 20:
                continue
            logs = np.log(values)
            steps = np.diff(logs)
            at = int(steps.argmax()) + 1
            low, high = logs[:at], logs[at:]
            few, spread = min(len(low), len(high)), max(float(low.std()), float(high.std()))
            if few < max(3, self.share * len(logs)) or not steps.max() > self.gap * spread:
                continue
            factor = float(np.exp(np.median(high) - np.median(low)))
            known = min(FACTORS, key=lambda f: abs(np.log(factor / f)))
            if abs(np.log(factor / known)) < self.near:
                message = f"{few} of {len(values)} values of {column.name} are about {digits(known)} times "
                message += f"{'larger' if few == len(high) else 'smaller'} than the others, as in another unit"
                severity = "fault" if e.failing or e.held_short else "warning"
                yield self.found(severity, column.name, message, count=few, factor=factor)


@register("finding", "useless_columns")
@dataclass(frozen=True)
class UselessColumns(Check):
    """Columns that say nothing: always the same value, or the same as another column.

    Measure: no spread, or a correlation of 1 with an earlier column, among at most ``most`` columns of a table.
    """

    rank: ClassVar[int] = 620
    remedy: ClassVar[str] = "leave these columns out"
    most: int = 400

    def look(self, e):
        columns = [c for c in named_columns(e) if not c.picture]
        if not 1 < len(columns) <= self.most:
            return
        still = [c.name for c in columns if not np.ptp(c.values) > 0]
        if still:
            message = f"{columns_of(still)} {'has' if len(still) == 1 else 'have'} the same value in every row"
            yield self.found("note", columns_of(still), message, count=len(still))
        seen: dict[bytes, str] = {}
        for c in columns:
            if not (spread := float(c.values.std())) > 0:
                continue
            scaled = (c.values - c.values.mean()) / spread
            scaled = scaled * np.sign(scaled[np.abs(scaled).argmax()])
            key = np.round(scaled, 4).astype(np.float32).tobytes()
            if key in seen:
                message = f"{c.name} says the same as {seen[key]}"
                yield self.found("note", c.name, message, correlation=1.0)
            seen.setdefault(key, c.name)


@register("finding", "leaking_column")
@dataclass(frozen=True)
class LeakingColumn(Check):
    """A column that tells the target by itself: often the target in other words, known only afterwards.

    Measure: a decision tree that sees this column alone, on the half of the examples it was not grown on: its skill
    is above ``sure``, while a reference without the column stays below that by more than ``margin``. With fewer than
    ``examples`` nothing is said, nor of sequences, which may well be about a single moment.
    """

    rank: ClassVar[int] = 500
    remedy: ClassVar[str] = "leave the column out if it is known only after the target is"
    sure: float = 0.985
    margin: float = 0.1
    examples: int = 100
    most: int = 200

    def look(self, e):
        if e.batch.size < self.examples or e.sequential:
            return
        for name, task, x, target in e.problems(e.batch):
            if (task == "multilabel" and target.shape[1] > 1) or not 2 <= x.shape[1] <= self.most:
                continue
            skills = single_column_skill(task, x, target)
            best = int(np.argmax(skills))
            if skills[best] < self.sure:
                continue
            without = e.reference_skill(task, np.delete(x, best, 1), target)
            if skills[best] - without > self.margin:
                column = e.column_name(best)
                message = f"{column} alone tells the output {name} with a skill of {skills[best]:.3g}; without it a "
                message += f"reference reaches {without:.2f}"
                yield self.found("warning", column, message, alone=float(skills[best]), without=without)
