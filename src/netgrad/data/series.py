"""Series from a table with one row for each time-step: on regular steps, without holes, and in windows to forecast
from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.encodings import missing_column
from netgrad.data.kinds import Date, Number, UnreadableError, decide
from netgrad.data.steps import EMPTIEST, OFF, Steps
from netgrad.data.values import holds, plain, refuse_missing
from netgrad.errors import DataError, warn

if TYPE_CHECKING:
    import pandas as pd

MOST_TWICE = 0.01  # share of rows that may stand at a time that another row of the series has
MOST_STEPS = 20_000_000  # of all series together, holes among them
FAR = 2**60  # steps, before or after all others
MOST_NUMBERS = 50_000_000  # in the windows of a run: more of them are thinned


@dataclasses.dataclass(frozen=True)
class Series:
    """Series one after the other, on regular steps, each from its first value of the target on.

    - names: of the series; code (M,): which of them a step belongs to; step (M,): its number, counted by ``steps``.
    - y (M,): the target, float64, NaN where there is none; filled (M,): the same with the last known value going on.
    - table: the other columns, M rows; a hole is filled with the last known value of its series.
    - begin, end (names,): where each series begins, and where it ends, one after its last value of the target.
    - time: the times of the steps (M,), float64, or None where rows are counted.
    """

    names: list[Any]
    steps: Steps
    code: np.ndarray
    step: np.ndarray
    y: np.ndarray
    filled: np.ndarray
    table: pd.DataFrame
    begin: np.ndarray
    end: np.ndarray
    time: np.ndarray | None

    def last(self, where: np.ndarray) -> np.ndarray:
        """The last row (M,) of the series of each of these rows, rows after its last target among them."""
        return np.searchsorted(self.code, self.code[where], side="right") - 1


def read_series(
    table: pd.DataFrame,
    target: str,
    *,
    time: str | None = None,
    id: str | None = None,
    steps: Steps | None = None,
    missing: str = "impute",
) -> Series:
    """The series in a table with one row for each time-step.

    time: the column that orders the rows, numbers or dates; None: they stand in order. id: the column that tells which
    series a row belongs to; None: there is one. steps: those found in training; None: they are found here. missing:
    "impute" fills holes with the last known value, "error" refuses them. Steps without a row, times off the steps and
    rows that share a step are said in one warning.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"day": ["2024-01-01", "2024-01-02", "2024-01-04"], "sold": [3, 4, 6]})
    >>> series = read_series(table, "sold", time="day", missing="impute")
    >>> series.y, series.filled, series.steps.words
    (array([ 3.,  4., nan,  6.]), array([3., 4., 4., 6.]), '1 day')
    """
    for name in (target, *(n for n in (time, id) if n is not None)):
        if name not in table.columns:
            raise missing_column(name, table.columns)
    codes, names = np.zeros(len(table), int), [target]
    if id is not None:
        refuse_missing(id, plain(table[id]), "each row must name its series")
        codes, found = table[id].factorize()
        names = list(found)
    values = _numbers(table[target], target)
    said: list[str] = []
    if time is None:
        at = np.zeros(len(table), np.int64)
        for k in range(len(names)):
            at[codes == k] = np.arange(np.count_nonzero(codes == k))
        steps = Steps()
    else:
        at, steps = _on_steps(table[time], time, codes, steps, said, id)
    rows = np.arange(len(table))
    order = np.lexsort((rows, at, codes))
    codes, at, rows = codes[order], at[order], rows[order]
    twice = np.append((np.diff(codes) == 0) & (np.diff(at) == 0), False)
    if twice.any():
        said.append(f"{_counted(int(twice.sum()), 'row')} of a step that a later one has, too: left out")
        codes, at, rows = codes[~twice], at[~twice], rows[~twice]
    inputs = table.drop(columns=[n for n in (id, time, target) if n])
    if of := [name for name in inputs.columns if inputs[name].isna().any()]:
        if missing == "error":
            refuse_missing(
                of[0], plain(inputs[of[0]]), "fill them, or let the last known value go on (missing='impute')"
            )
        shown = ", ".join(map(repr, of[:10])) + (f" and {len(of) - 10} more" if len(of) > 10 else "")
        said.append(f"missing values in {shown}: the last known value goes on there")
    series = _filled(names, steps, codes, at, rows, values, inputs)
    said += _holes(series, missing, target)
    if said:
        warn("; ".join(said))
    return series


def _on_steps(
    column: pd.Series, name: str, codes: np.ndarray, steps: Steps | None, said: list[str], id: str | None
) -> tuple[np.ndarray, Steps]:
    """The number of each row's step, and the steps; what is irregular about them is added to ``said``."""
    values = plain(column)
    refuse_missing(name, values, "each row must have its time")
    kind = decide(values) or Number()
    try:
        times = kind.convert(values)
    except UnreadableError as error:
        raise DataError(f"{holds(name, values, error.row)}: expected {kind.expected}") from None
    order = np.lexsort((times, codes))
    ordered, of = times[order], codes[order]
    again = (np.diff(of) == 0) & (np.diff(ordered) == 0)
    if again.sum() > MOST_TWICE * len(times):
        row = int(order[1:][again][0])
        more = "" if id else ", or the column that names the series with id= if there are several"
        raise DataError(
            f"{int(again.sum()):,} rows of {len(times):,} stand at a time of {name!r} that another row has, the first "
            f"at {column.iloc[row]}: expected one row for each time-step{more}"
        )
    if steps is None:
        parts = [np.unique(part) for part in np.split(ordered, np.flatnonzero(np.diff(of)) + 1)]
        steps = Steps.of(parts, isinstance(kind, Date), values[:100].tolist())
    numbers = steps.numbers(times)
    at = np.rint(numbers).astype(np.int64)
    off = np.abs(numbers - at) > OFF
    ordered = at[order]
    spans = [int(part[-1] - part[0]) + 1 for part in np.split(ordered, np.flatnonzero(np.diff(of)) + 1)]
    if sum(spans) > MOST_STEPS or sum(spans) * (1 - EMPTIEST) > len(times) + len(spans):
        raise DataError(
            f"the rows come at no regular times of {name!r}: at their usual distance of {steps.words}, "
            f"{1 - len(times) / sum(spans):.0%} of the steps would be empty (sum them up at regular times first)"
        )
    if off.any():
        row = int(np.argmax(off))
        said.append(
            f"{int(off.sum()):,} of {len(times):,} times of {name!r} lie between the steps of {steps.words}, the first "
            f"is {column.iloc[row]}: each row counts for the nearest step"
        )
    return at, steps


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    """The target (N,) as float64, NaN where there is none."""
    values = plain(column)
    kind = decide(values)
    kind = kind if isinstance(kind, Number) else Number()
    try:
        y = kind.convert(values)
    except UnreadableError as error:
        raise DataError(f"{holds(name, values, error.row)}: a forecast needs numbers") from None
    if np.isnan(y).all():
        raise DataError(f"column {name!r} has no value: expected the past of what is to be forecast")
    return y


def _filled(
    names: list[Any],
    steps: Steps,
    codes: np.ndarray,
    at: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    table: pd.DataFrame,
) -> Series:
    """The series without holes; rows in the order of series and steps, each step once."""
    known = ~np.isnan(values[rows])
    begin, end, every_code, every_step, every_row = [], [], [], [], []
    kept: list[Any] = []
    place = 0
    for k in range(len(names)):
        own = slice(*np.searchsorted(codes, [k, k + 1]))
        present = np.flatnonzero(known[own])
        if not len(present):
            continue  # nothing is known of this series
        s, r = at[own][present[0] :], rows[own][present[0] :]
        row = np.full(int(s[-1] - s[0]) + 1, -1)
        row[s - s[0]] = r
        begin.append(place)
        end.append(place + int(at[own][present[-1]] - s[0]) + 1)
        every_row.append(row)
        every_step.append(s[0] + np.arange(len(row)))
        every_code.append(np.full(len(row), len(kept)))
        kept.append(names[k])
        place += len(row)
    row, code = np.concatenate(every_row), np.concatenate(every_code)
    step = np.concatenate(every_step)
    y = np.where(row >= 0, values[row], np.nan)
    whole = table.iloc[np.maximum(row, 0)].reset_index(drop=True)
    if whole.shape[1]:
        absent = row < 0
        whole = whole.mask(np.broadcast_to(absent[:, None], whole.shape)) if absent.any() else whole
        whole = _going_on(whole, code)
    time = None if steps.unit == "row" else np.array([steps.time(int(s)) for s in step])
    return Series(kept, steps, code, step, y, _carried(y), whole, np.array(begin), np.array(end), time)


def _going_on(table: pd.DataFrame, code: np.ndarray) -> pd.DataFrame:
    """The table with the last known value of its series in each hole; before the first one that first one."""
    if not table.isna().to_numpy().any():
        return table
    return table.groupby(code).ffill().groupby(code).bfill()


def _carried(y: np.ndarray) -> np.ndarray:
    """The last known value going on. The first of each series is known."""
    last = np.maximum.accumulate(np.where(np.isnan(y), 0, np.arange(len(y))))
    return y[last]


def _holes(series: Series, missing: str, target: str) -> list[str]:
    """What is to be said of steps without a row, and of values that are missing within a series."""
    inside = np.arange(len(series.y)) < series.end[series.code]
    absent = int(np.count_nonzero(np.isnan(series.y) & inside))
    if not absent:
        return []
    place = int(np.flatnonzero(np.isnan(series.y) & inside)[0])
    when = f"step {series.step[place] + 1}" if series.time is None else series.steps.written(int(series.step[place]))
    count = f"{absent:,} of {int(inside.sum()):,} time-steps of {series.steps.words} have no value of {target!r}"
    told = f"{count}, the first at {when}"
    if missing == "error":
        raise DataError(f"{told}: fill them, or let the last known value go on (missing='impute')")
    return [f"{told}: the last known value goes on there"]


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'s'[: count != 1]}"


# --- what comes of a series


@dataclasses.dataclass(frozen=True)
class Windows:
    """Examples to forecast from and what followed. ends (N,): the rows of a `Series` at which windows end.

    x (N, T, d): float32; last (N,): the last known value of the target, in the terms that are learned; y (N, H): what
    followed, in the same terms, NaN where nothing is known. naive (N, H): the value of the season before.
    """

    ends: np.ndarray
    x: np.ndarray
    last: np.ndarray
    y: np.ndarray
    naive: np.ndarray

    def __len__(self) -> int:
        return len(self.ends)


def ends(series: Series, window: int, horizon: int, first: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """The rows at which windows end that have the whole window before them in their series, and all of the horizon in
    steps from ``first`` (names,) on, before ``stop`` (names,), and before the last value of the target."""
    at = np.arange(len(series.y))
    ahead = at + horizon
    good = (at - window + 1 >= series.begin[series.code]) & (ahead < series.end[series.code])
    step = series.step
    good &= (step + 1 >= first[series.code]) & (step + horizon < stop[series.code])
    return np.flatnonzero(good)


def season_of(series: Series, horizon: int, stop: np.ndarray) -> int:
    """After how many steps the series repeat themselves, by the steps before ``stop`` (names,); 1 where they do not.

    Tried are a day, a week and a year of such steps and the peak of the autocorrelation; it is the one whose values,
    taken as forecasts, miss by the least, or the shortest of those that hardly miss by more, where that is less than
    the last value misses by.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"y": [1.0, 5.0, 3.0] * 20})
    >>> season_of(read_series(table, "y"), 3, np.array([60]))
    3
    """
    known = (series.step < stop[series.code]) & ~np.isnan(series.y)
    longest = int(np.bincount(series.code[known]).max())
    tried = [m for m in series.steps.seasons if 3 * m <= longest] + _peaks(series, stop, longest)
    errors, count = {}, 0
    for m in dict.fromkeys([1, *tried]):
        at = ends(series, m, horizon, np.full(len(series.names), -FAR), stop)
        if len(at):
            count = len(at)
            at = at[:: max(1, len(at) // 5000)]
            difference = series.y[at[:, None] + np.arange(1, horizon + 1)] - naive(series, at, m, horizon)
            if np.isfinite(difference).any():
                errors[m] = float(np.nanmean(difference**2))
    least = min((errors[m] for m in errors if m > 1), default=np.inf)
    more = max(1.1, 1 + (horizon / max(count, 1)) ** 0.5)  # neighbouring windows miss alike
    best = min((m for m in errors if m > 1 and errors[m] <= more * least), default=1)  # a day before a week
    return best if best > 1 and errors[best] < 0.95 * errors.get(1, np.inf) else 1


def _peaks(series: Series, stop: np.ndarray, longest: int) -> list[int]:
    """The lag of the highest peak of the autocorrelation of the longest series, without its trend, where one stands out
    of what noise has."""
    known = (series.step < stop[series.code]) & (np.arange(len(series.y)) < series.end[series.code])
    k = int(np.bincount(series.code[known]).argmax())
    y = series.filled[known & (series.code == k)][-4096:]
    at = np.arange(len(y))
    if len(y) < 12 or not np.ptp(y):
        return []
    y = y - np.polyval(np.polyfit(at, y, 1), at)
    spectrum = np.fft.rfft(y, 2 * len(y))
    r = np.fft.irfft(spectrum * spectrum.conj())[: len(y) // 3]
    r = r / r[0] if r[0] else r
    least = max(0.2, 2 / len(y) ** 0.5)
    inner = np.flatnonzero((r[1:-1] > r[:-2]) & (r[1:-1] >= r[2:]) & (r[1:-1] > least)) + 1
    inner = inner[inner >= 2]
    return [int(inner[np.argmax(r[inner])])] if len(inner) else []


def naive(series: Series, at: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """The values (N, H) of the last season before these rows, repeated: with a season of 1 the last value."""
    h = np.arange(1, horizon + 1)
    back = h - season * -(-h // season)
    place = np.maximum(at[:, None] + back, series.begin[series.code[at]][:, None])
    return series.filled[place]


def windows(
    series: Series,
    at: np.ndarray,
    features: np.ndarray,
    ahead: Sequence[int],
    *,
    window: int,
    horizon: int,
    season: int,
    log: bool,
    level: tuple[float, float] | None,
    scale: float,
) -> Windows:
    """The windows that end at these rows.

    features (M, d): of every step; ahead: those of them that are known in advance, which stand in the window once more,
    ``horizon`` steps early. log: the target's logarithm is learned. level: (mean, spread), to tell the network the
    last value, or None. scale: what 1 is, of a change since the last value.
    """
    learned = np.log(series.filled) if log else series.filled
    back = at[:, None] + np.arange(1 - window, 1)
    last = learned[at]
    parts = [((learned[back] - last[:, None]) / scale)[..., None], features[back]]
    if level is not None:
        told = (last - level[0]) / level[1]
        parts.append(np.broadcast_to(told[:, None, None], (*back.shape, 1)))
    if len(ahead):
        parts.append(features[:, list(ahead)][np.minimum(back + horizon, len(series.y) - 1)])
    forward = np.minimum(at[:, None] + np.arange(1, horizon + 1), len(series.y) - 1)
    y = np.log(series.y[forward]) if log else series.y[forward]
    repeated = naive(series, at, season, horizon)
    repeated = np.log(repeated) if log else repeated
    return Windows(at, np.concatenate(parts, axis=-1).astype(np.float32), last, y, repeated)


def calendar_features(series: Series, parts: Iterable[str]) -> np.ndarray:
    """Sine and cosine (M, 2 p) of the place of each step in these parts of the calendar."""
    parts = tuple(parts)
    if series.time is None or not parts:
        return np.zeros((len(series.y), 0))
    return Date(parts=parts).spread(series.time)[:, 1:]


def calendar_parts(series: Series, stop: np.ndarray) -> tuple[str, ...]:
    """The parts of the calendar that the steps before ``stop`` have gone through at least twice."""
    if series.time is None or not series.steps.dated:
        return ()
    time = series.time[series.step < stop[series.code]]
    span = float(np.ptp(time)) if len(time) else 0.0
    named = Date().with_parts(time).parts if len(time) else ()
    least = {"year": 730.0, "week": 14.0, "day": 2.0}
    return tuple(part for part in named if span >= least[part])
