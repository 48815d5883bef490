"""What a model of series is: how its forecasts are made, with which bands, and how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data import series as of
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.frames import with_times
from netgrad.data.kinds.moment import PARTS
from netgrad.data.scaling import is_number
from netgrad.data.series import FAR, Series, Windows
from netgrad.data.steps import Steps
from netgrad.data.values import MISSING, plain
from netgrad.errors import DataError, FileError, NetgradError, warn
from netgrad.training.forecast_bands import reaches, widths
from netgrad.training.measures import Answers, named_measures
from netgrad.training.model import Model

if TYPE_CHECKING:
    import pandas as pd

RIVALS = ("ridge", "persistence", "seasonal_naive")


@dataclass(frozen=True)
class Plan:
    """What a model file keeps of how forecasts are made.

    target, time, id: columns. known: those known in advance. horizon: steps that are forecast. window: steps they are
    made from. season: steps after which the series repeat themselves, 1 where they do not. steps: the regular steps of
    the times. calendar: parts of it that are inputs. log: the logarithm is learned. level: (mean, spread) of the last
    value where it is an input. scale: what 1 is of the network's outputs, changes since the last value. coverage: the
    share of the future that is to lie within the bands. bands (horizon,): how far these reach, in the outputs' terms.
    restless: the usual change from step to step of a window, beside which bands are wide or narrow; 0 where they are
    not. parts: what each plain forecast counts for, and the network's correction of them, by their names.
    """

    target: str
    horizon: int
    window: int
    time: str | None = None
    id: str | None = None
    known: tuple[str, ...] = ()
    season: int = 1
    steps: Steps = field(default_factory=Steps)
    calendar: tuple[str, ...] = ()
    log: bool = False
    level: tuple[float, float] | None = None
    scale: float = 1.0
    coverage: float = 0.9
    bands: tuple[float, ...] = ()
    missing: str = "impute"
    restless: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, card: Any) -> Plan:
        """The plan in a model's card; raises `FileError` for what is none."""
        try:
            given = dict(card)
            given["steps"] = Steps(**given["steps"])
            given |= {name: tuple(given[name]) for name in ("known", "calendar", "bands")}
            given["level"] = None if given["level"] is None else tuple(given["level"])
            given["parts"] = dict(given.get("parts", {}))
            plan = cls(**given)
            plan.check()
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"the model's card does not say how its forecasts are made: {error}") from None
        return plan

    def check(self) -> None:
        """Refuse what no training leads to: cards come from files, and files from strangers."""
        names = [self.target, *(n for n in (self.time, self.id) if n is not None), *self.known]
        whole = [self.horizon, self.window, self.season]
        numbers = [self.scale, self.coverage, self.restless, *self.bands, *(self.level or ()), *self.parts.values()]
        right = all(isinstance(name, str) for name in names) and set(self.calendar) <= set(PARTS)
        right = right and all(isinstance(n, int) and not isinstance(n, bool) and 0 < n < 2**31 for n in whole)
        right = right and all(is_number(n) for n in numbers) and isinstance(self.log, bool)
        right = right and self.restless >= 0 and all(isinstance(name, str) for name in self.parts)
        right = right and self.scale > 0 and 0 < self.coverage < 1 and len(self.bands) in (0, self.horizon)
        right = right and (self.level is None or (len(self.level) == 2 and self.level[1] > 0))
        if not right or self.missing not in ("impute", "error"):
            raise ValueError(f"{str(self)[:100]} is none")


@dataclass
class Forecaster:
    """A model of series, and how its forecasts are made; what `netgrad.fit_forecast` returns.

    model: from windows (N, window, d) to changes (N, horizon); its file keeps the plan too, so that
    ``Forecaster.of(netgrad.load(path))`` forecasts the same. What follows is there after training alone. series: what
    was read; learned, held: the windows that were trained on, and those kept for testing, None where there are none;
    rivals: what others forecast from the latter (N, horizon), in the target's own terms; missed: by how much the
    outputs were off on the windows held out (N, horizon), beside the width of bands there.
    """

    model: Model
    plan: Plan
    series: Series | None = None
    learned: Windows | None = None
    held: Windows | None = None
    rivals: dict[str, np.ndarray] = field(default_factory=dict)
    missed: np.ndarray | None = None

    @classmethod
    def of(cls, model: Model) -> Forecaster:
        """The forecaster of a model from a file; raises `NetgradError` where it is a model of something else."""
        if "forecast" not in model.card:
            raise NetgradError("this is no model of forecasts: netgrad.fit_forecast makes those")
        return cls(model, Plan.from_json(model.card["forecast"]))

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """Forecasts of the steps after each series' end: columns id, time, step, prediction, low and high.

        table: the past, with the columns of training. Of columns known in advance it goes on for the horizon, in rows
        without a value of the target. Series shorter than a window are left out, and said.
        """
        import pandas as pd

        plan, series = self.plan, self._read(table)
        at = series.end - 1
        enough = at - plan.window + 1 >= series.begin
        if not enough.any():
            raise DataError(
                f"the longest series has {int((series.end - series.begin).max())} time-steps: "
                f"a forecast is made from {plan.window}"
            )
        if not enough.all():
            names = ", ".join(repr(series.names[k]) for k in np.flatnonzero(~enough)[:5])
            warn(
                f"{int((~enough).sum())} of {len(at)} series have less than the {plan.window} time-steps that a "
                f"forecast is made from: {names} left out"
            )
        at = at[enough]
        if plan.known and (short := at + plan.horizon > series.last(at)).any():
            name, rows = series.names[series.code[at[short][0]]], int((series.last(at) - at)[short][0])
            raise DataError(
                f"{', '.join(plan.known)} must be known for the {plan.horizon} time-steps after the last value of "
                f"{plan.target!r}, {name!r} has {rows}: add rows without {plan.target!r}"
            )
        middle, low, high = self.bands(self.windows(series, at))
        n, h = middle.shape
        of_series = np.repeat(series.code[at], h)
        said: dict[str, Any] = {} if plan.id is None else {plan.id: [series.names[k] for k in of_series]}
        if plan.time is not None:
            said[plan.time] = [plan.steps.written(int(series.step[e]) + k + 1) for e in at for k in range(h)]
        said["step"] = np.tile(np.arange(1, h + 1), n)
        return pd.DataFrame(said | {"prediction": middle.ravel(), "low": low.ravel(), "high": high.ravel()})

    def score(self, table: pd.DataFrame | None = None, metrics: Any = ()) -> dict[str, float]:
        """How far forecasts are off on the windows kept for testing, or on all those of a table.

        rmse and mae in the target's own terms, of all steps ahead together; rmse of the rivals: ``persistence`` (the
        last value), ``seasonal_naive`` (that of a season before), and on the windows kept ``ridge`` (a linear map of
        the target's own window); ``in_band``, the share of the values within the bands. metrics: what is measured
        besides, as for `netgrad.fit`, over all windows and steps ahead whose value is known.
        """
        if table is not None:
            self.keep(table)
        if self.held is None:
            raise NetgradError("nothing was kept for testing: give a table, or fit_forecast(..., test=0.2)")
        return scores(self, self.held, metrics)

    def keep(self, table: pd.DataFrame) -> None:
        """Keep all windows of this table for testing, in place of those that were."""
        series, plan = self._read(table), self.plan
        everything = np.full(len(series.names), FAR)
        at = of.ends(series, plan.window, plan.horizon, -everything, everything)
        if not len(at):
            raise DataError(
                f"no series has {plan.window + plan.horizon} time-steps: a test needs the {plan.window} of a window "
                f"and the {plan.horizon} that follow"
            )
        self.series, self.held, self.rivals = series, self.windows(series, at), {}

    def recalibrate(self) -> None:
        """Let the bands reach as far as the errors on the windows kept for testing ask for, too, where there are any:
        they are the latest, and nothing was learned from them. Scores are to be measured before."""
        if self.held is None or self.missed is None:
            return
        said = np.asarray(self.model.predict_proba(self.held.x), np.float64)
        late = (outputs(self.plan, self.held) - said) / widths(self.held.x, self.plan.restless)[:, None]
        self.plan = replace(self.plan, bands=reaches(np.concatenate([self.missed, late]), self.plan.coverage))
        self.model.card["forecast"] = self.plan.to_json()

    def bands(self, found: Windows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Forecasts (N, horizon), and the lower and the upper ends of their bands, in the target's own terms."""
        change = np.asarray(self.model.predict_proba(found.x), np.float64)
        reach = np.array(self.plan.bands) if self.plan.bands else np.full(self.plan.horizon, np.nan)
        reach = reach * widths(found.x, self.plan.restless)[:, None]
        return tuple(self.own(found, change + add) for add in (0.0, -reach, reach))  # type: ignore[return-value]

    def own(self, found: Windows, change: np.ndarray) -> np.ndarray:
        """Changes, as the network says them, in the target's own terms."""
        learned = found.last[:, None] + self.plan.scale * change
        return np.exp(learned) if self.plan.log else learned

    def windows(self, series: Series, at: np.ndarray) -> Windows:
        """The windows that end at these rows of a series, as the network takes them."""
        plan = self.plan
        if plan.log and (series.filled <= 0).any():
            raise DataError(f"{plan.target!r} holds {series.filled.min():g}: the model has learned its logarithm")
        features, ahead = encoded(series, self.model.encoder, plan.calendar, plan.known)
        return shaped(plan, series, at, features, ahead)

    def save(self, path: str | Path) -> Path:
        """Write the model with its plan to one file."""
        return self.model.save(path)

    def _read(self, table: pd.DataFrame) -> Series:
        plan = self.plan
        table, _ = with_times(table, plan.time, plan.id)
        columns = [c.name for c in self.model.encoder.columns] if self.model.encoder is not None else []
        wanted = dict.fromkeys([*(n for n in (plan.id, plan.time) if n is not None), plan.target, *columns])
        for name in wanted:
            if name not in table.columns:
                raise missing_column(name, table.columns)
        if self.model.encoder is not None:
            words = self.model.encoder.missing_values
            for column in self.model.encoder.columns:  # so that an error names the row as the file has it
                column.numbers(plain(table[column.name]), frozenset(MISSING if words is None else words))
        return of.read_series(
            table[list(wanted)], plan.target, time=plan.time, id=plan.id, steps=plan.steps, missing=plan.missing
        )


def encoded(
    series: Series, encoder: TableEncoder | None, calendar: tuple[str, ...], known: tuple[str, ...]
) -> tuple[np.ndarray, list[int]]:
    """The features (M, d) of every step, and which of them are known in advance beside the calendar."""
    parts, ahead = [of.calendar_features(series, calendar)], list[int]()
    if encoder is not None:
        place = parts[0].shape[1]
        for column in encoder.columns:
            width = len(column.feature_names)
            ahead += range(place, place + width) if column.name in known else ()
            place += width
        parts.append(encoder.transform(series.table))
    return np.concatenate(parts, axis=1), ahead


def shaped(plan: Plan, series: Series, at: np.ndarray, features: np.ndarray, ahead: Sequence[int]) -> Windows:
    """The windows of a plan."""
    return of.windows(
        series,
        at,
        features,
        ahead,
        window=plan.window,
        horizon=plan.horizon,
        season=plan.season,
        log=plan.log,
        level=plan.level,
        scale=plan.scale,
    )


def outputs(plan: Plan, found: Windows, filled: bool = False) -> np.ndarray:
    """What the network should say of these windows (N, horizon); filled: with 0, no change, where nothing is known."""
    change: np.ndarray = (found.y - found.last[:, None]) / plan.scale
    return np.nan_to_num(change) if filled else change


def others(forecaster: Forecaster, held: Windows) -> dict[str, np.ndarray]:
    """What the rivals forecast from these windows (N, horizon), in the target's own terms."""
    plan = forecaster.plan
    last = forecaster.own(held, np.zeros((len(held), plan.horizon)))
    said = {**forecaster.rivals, "persistence": last}
    return said | ({"seasonal_naive": np.exp(held.naive) if plan.log else held.naive} if plan.season > 1 else {})


def scores(forecaster: Forecaster, held: Windows, metrics: Any = ()) -> dict[str, float]:
    """`Forecaster.score` of these windows."""
    middle, low, high = forecaster.bands(held)
    truth = np.exp(held.y) if forecaster.plan.log else held.y
    off = middle - truth
    told = {"rmse": float(np.sqrt(np.nanmean(off**2))), "mae": float(np.nanmean(np.abs(off)))}
    rivals = others(forecaster, held)
    told |= {name: float(np.sqrt(np.nanmean((said - truth) ** 2))) for name, said in rivals.items()}
    known = np.isfinite(truth)
    told |= {"in_band": float(((low <= truth) & (truth <= high))[known].mean())}
    answers = Answers(*(2 * (truth[known], middle[known])))
    return told | {name: float(measure(answers)) for name, measure in named_measures(metrics).items()}
