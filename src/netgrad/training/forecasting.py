"""Forecasts: the one recipe by which a series is continued, several steps at once, with bands.

A forecast is the last known value and a change from there: that of plain forecasts (persistence, seasonal naive,
smoothing, ridge regression), weighed by what they are worth on later parts of the past, and a correction by a network,
which counts as far as it helps on the part held out: what they leave over, or, where there is much to learn from, the
whole change, so that two ways to forecast are averaged. The numbers were chosen on one half of the series of `python -m
benchmarks.forecasts`; docs/series.md has what they reach on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data import series as of
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.frames import name_of_column, time_of, with_times
from netgrad.data.series import FAR, Series, Windows
from netgrad.data.tables import chosen
from netgrad.errors import DataError, NetgradError, warn
from netgrad.layers import Add, Dense, Dropout, FeatureScale, Flatten, Layer
from netgrad.network import Ensemble, Input, Network, Sequential
from netgrad.training.baselines import NETWORK, baselines, blended, weights, worth
from netgrad.training.fit import fit
from netgrad.training.forecast_bands import reaches, restlessness, widths
from netgrad.training.forecaster import Forecaster, Plan, encoded, outputs, shaped
from netgrad.training.model import Model
from netgrad.training.ridge import Fold, Ridge, strength
from netgrad.training.untrained import untrained

if TYPE_CHECKING:
    import pandas as pd

LONGEST_WINDOW = 256  # that is chosen without being asked for
FEWEST = 8  # windows to train on
MANY = 500  # windows held out that are enough to decide by
BEGINNINGS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the past, whose ends are looked at where there are fewer
FEWEST_SEEN = 3  # windows to look at after such a beginning
LOOKED_AT = 6000  # windows by which it is decided what is learned
LARGE = 4000  # windows to train on, from which the network learns all of the change and not what is left over
STEPS = 1500  # updates of a run, where that is not too few or too many epochs
EPOCHS = (8, 100)
LOGARITHM, LEVEL = 0.95, 0.95  # of the error without it, below which each is taken up


def fit_forecast(
    table: pd.DataFrame,
    target: str,
    *,
    horizon: int = 1,
    time: str | None = None,
    id: str | None = None,
    window: int | None = None,
    known: Sequence[str] = (),
    layers: Sequence[Layer] | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    log_target: bool | None = None,
    missing: str = "impute",
    missing_values: Sequence[str] | None = None,
    coverage: float = 0.9,
    validation: float = 0.15,
    test: float = 0.0,
    seed: int = 0,
    **settings: Any,
) -> Forecaster:
    """Learn to forecast a column of a table with one row for each time-step, and return the `Forecaster`.

    target: the column; horizon: how many steps ahead, all at once. time: the column of numbers or dates that orders the
    rows, or the index; None: the only column of dates, if these differ. id: the one that tells several series apart.
    window: how many steps a forecast is made from; None: by horizon, season and length. known: columns known in
    advance. All other columns, the target's past and the calendar are inputs too; drop, only: columns left out, or
    alone used. layers: from the window (N, window, d) to a vector, in place of those of the recipe: ``[netgrad.GRU(32,
    returns="last")]``. log_target: learn the logarithm; None: where that forecasts the part held out better. missing:
    "impute" lets the last known value go on, "error" refuses holes. validation, test: the shares of the time that are
    held out, the last for testing and what is before it for stopping, weights and bands. coverage: of the bands.
    settings: as for `netgrad.fit`.

    >>> import netgrad as ng, numpy as np, pandas as pd
    >>> t = np.arange(120)
    >>> table = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=120), "sold": 5 + np.sin(t * 2 * np.pi / 7)})
    >>> forecaster = ng.fit_forecast(table, "sold", time="day", horizon=3, epochs=2)
    >>> forecaster.plan.season, list(forecaster.predict(table)["day"])
    (7, ['2024-04-30', '2024-05-01', '2024-05-02'])
    """
    checked(horizon, window, coverage, validation, test)
    if "metrics" in settings:
        raise NetgradError("metrics of forecasts are measured in the target's own terms: Forecaster.score(metrics=...)")
    name_of_column(target)
    table, time = with_times(table, time, id)
    if only is not None:  # the target's own past is an input always, whether it is named or not
        only = [n for n in (time, id) if n is not None] + [name for name in only if name != target]
    table = chosen(table, target, drop, only)
    for name in known:
        if name not in table.columns:
            raise missing_column(name, table.columns)
        if name in (target, time, id):
            raise DataError(f"column {name!r} cannot be one of those known in advance: leave it out of known")
    if time is None:
        time = time_of(table, target, id)
    series = of.read_series(table, target, time=time, id=id, missing=missing)
    first_held, first_test = cuts(series, validation, test, horizon)
    never = np.full(len(series.names), FAR)
    season = of.season_of(series, horizon, first_held)
    before = (series.step < first_held[series.code]) & (np.arange(len(series.y)) < series.end[series.code])
    longest = int(np.bincount(series.code[before], minlength=1).max())
    if window is None:
        window = max(usual_window(horizon, season, longest), horizon if known else 1)
    if known and window < horizon:
        raise DataError(f"window is {window}: with columns known in advance expected at least the horizon, {horizon}")
    calendar = of.calendar_parts(series, first_held)
    encoder = None
    if series.table.shape[1]:
        # Kinds are decided by the rows as the file has them, so that an error names them; holes are filled already.
        rows = table[list(series.table.columns)].ffill().bfill()
        decided = TableEncoder("robust", missing_values=missing_values).fit(rows)
        encoder = TableEncoder("robust", missing_values=missing_values).fit(series.table[before], decided)
    plan = Plan(target, horizon, window, time, id, tuple(known), season, series.steps, calendar, coverage=coverage)
    plan = replace(plan, missing=missing)
    train = of.ends(series, window, horizon, -never, first_held)
    held = of.ends(series, window, horizon, first_held, first_test)
    tested = of.ends(series, window, horizon, first_test, never)
    enough(series, plan, len(train), len(held), len(tested), validation, test)
    features, ahead = encoded(series, encoder, calendar, tuple(known))
    train, held, tested = (thinned(at, window * (features.shape[1] + len(ahead) + 2)) for at in (train, held, tested))
    plan = with_terms(plan, series, train, held, first_held, features, ahead, log_target)
    parts = [shaped(plan, series, at, features, ahead) for at in (train, held, tested)]
    split = folds(series, np.concatenate([train, held]), horizon, first_held)
    model, missed, plan = trained(plan, parts[0], parts[1], split, layers, settings | {"seed": seed})
    plan = replace(plan, bands=reaches(missed, coverage))
    model = replace(model, encoder=encoder)
    model.card = {"task": "forecast", "target": target, "forecast": plan.to_json()}
    forecaster = Forecaster(model, plan, series, parts[0], missed=missed)
    if len(tested):
        forecaster.held, forecaster.rivals = parts[2], {"ridge": lag_ridge(plan, series, first_held, parts)}
    return forecaster


# --- what is decided before training


def checked(horizon: int, window: int | None, coverage: float, validation: float, test: float) -> None:
    """Refuse settings that no forecast can be made with."""
    for name, value in (("horizon", horizon), ("window", 1 if window is None else window)):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 100_000:
            raise DataError(f"{name} must be a whole number of time-steps from 1 to 99,999, found {value!r}")
    for name, share, least in (("coverage", coverage, 0.0), ("validation", validation, 0.0)):
        if not least < share < 1:
            raise DataError(f"{name} must be a share between 0 and 1, found {share!r}")
    if not 0 <= test < 1:
        raise DataError(f"test must be a share of the time, 0 or more and below 1, found {test!r}")


def usual_window(horizon: int, season: int, longest: int) -> int:
    """How many steps a forecast is made from where nobody says: two horizons or seasons, as far as there are steps, and
    fewer where else too few windows were left to learn from.

    >>> usual_window(24, 24, 5000), usual_window(1, 1, 5000), usual_window(12, 12, 40), usual_window(3, 1, 13)
    (48, 10, 14, 3)
    """
    seasons = 2 * season if 2 * season <= LONGEST_WINDOW // 2 else season + 1
    wanted = min(max(2 * horizon, seasons, 10), max(LONGEST_WINDOW, horizon))
    return max(1, min(wanted, (longest - horizon) // 2, longest - horizon - FEWEST + 1))


def cuts(series: Series, validation: float, test: float, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """The steps (names,) from which on the past is held out, a horizon at least, and from which on it is for testing.

    With times they are the same moments for all series, so that none learns from another's future; where rows are
    counted they are shares of each series.
    """
    inside = np.arange(len(series.y)) < series.end[series.code]
    if series.steps.unit != "row":
        steps = np.sort(series.step[inside])
        first_test = steps[-1] + 1 if not test else steps[min(len(steps) - 1, round(len(steps) * (1 - test)))]
        steps = steps[steps < first_test]
        first_held = steps[min(len(steps) - 1, round(len(steps) * (1 - validation)))] if len(steps) else first_test
        n = len(series.names)
        return np.full(n, min(first_held, first_test - horizon)), np.full(n, first_test)
    first, length = series.step[series.begin], series.end - series.begin
    first_test = first + np.rint(length * (1 - test)).astype(int)
    first_held = first + np.rint((first_test - first) * (1 - validation)).astype(int)
    return np.minimum(first_held, first_test - horizon), first_test


def enough(series: Series, plan: Plan, train: int, held: int, tested: int, validation: float, test: float) -> None:
    """Refuse series that are too short to be parted."""
    few = {"training": train < FEWEST, "validation": not held, "test": bool(test) and not tested}
    if any(few.values()):
        longest = int((series.end - series.begin).max())
        which = ", ".join(name for name, short in few.items() if short)
        raise DataError(
            f"the longest series has {longest:,} time-steps: too few for {which} with a window of {plan.window} and a "
            f"horizon of {plan.horizon} (validation is {validation:g} of the time, test {test:g}): give more rows, "
            "a smaller window or horizon, or other shares"
        )


def thinned(at: np.ndarray, numbers: int) -> np.ndarray:
    """Windows at regular distances, as many as there is room for."""
    every = -(-len(at) * numbers // of.MOST_NUMBERS)
    return at[::every] if every > 1 else at


def with_terms(
    plan: Plan,
    series: Series,
    train: np.ndarray,
    held: np.ndarray,
    first_held: np.ndarray,
    features: np.ndarray,
    ahead: Sequence[int],
    log_target: bool | None,
) -> Plan:
    """The plan with what is learned, told by the errors of plain forecasts on what comes after what they saw: the
    logarithm or not, and from the last value or without it. What is simpler stays where the other is hardly better."""
    positive = bool((series.filled > 0).all())
    if log_target and not positive:
        raise DataError(f"{plan.target!r} holds {series.filled.min():g}: expected numbers above 0 for log_target")
    some = np.concatenate([at[:: max(1, len(at) // LOOKED_AT)] for at in (train, held)])
    parts = folds(series, some, plan.horizon, first_held)
    best, least = plan, np.inf
    for log in (False, True) if log_target is None and positive else (bool(log_target),):
        learned = np.log(series.filled) if log else series.filled
        moments = float(learned[train].mean()), float(learned[train].std())
        change = np.nan_to_num(learned[train[:, None] + np.arange(1, plan.horizon + 1)] - learned[train][:, None])
        scale = float(np.sqrt((change**2).mean())) or 1.0
        for level in (None, moments) if moments[1] > 0 else (None,):
            wanted = (LOGARITHM if log != best.log else 1.0) * (
                LEVEL if level is not None and best.level is None else 1.0
            )
            tried = replace(plan, log=log, level=level, scale=scale)
            seen = shaped(tried, series, some, features, ahead)
            # The target's own window, and of everything else the last step, tell it as well as all of it would.
            own = np.concatenate([seen.x[:, :, 0], seen.x[:, -1, 1:]], axis=1)
            past, truth = np.arange(own.shape[1]) < plan.window, outputs(tried, seen)
            found = baselines(own, np.nan_to_num(truth), truth, parts, past, plan.season)
            share = weights(found, [truth[look] for _, look in parts])
            error = errors_of(tried, seen, parts, blended(found, share).said)
            if error < least * wanted or not np.isfinite(least):
                best, least = tried, error
    if best.log and log_target is None:
        warn(f"the logarithm of {plan.target!r} forecasts better: it is learned (log_target decides otherwise)")
    return best


def folds(series: Series, at: np.ndarray, horizon: int, first_held: np.ndarray) -> list[Fold]:
    """Which of the windows that end at these rows to learn from and which to look at: those held out, and where these
    are few also later ones for each of several beginnings of the past. Nothing is learned from what it looks at."""
    step, held = series.step[at], first_held[series.code[at]]
    found = [(step + horizon < held, step + 1 >= held)]
    if np.count_nonzero(found[0][1]) < MANY:
        cuts = [*np.unique(np.quantile(step[found[0][0]], BEGINNINGS).astype(int)), FAR]
        for cut, stop in pairwise(cuts):
            before = (step + horizon < cut) & found[0][0]
            after = (step + 1 >= cut) & (step + 1 < stop) & found[0][0]
            if before.sum() >= FEWEST and after.sum() >= FEWEST_SEEN:
                found.append((before, after))
    return found


def errors_of(plan: Plan, seen: Windows, parts: Sequence[Fold], said: Sequence[np.ndarray]) -> float:
    """The root mean squared error of what was said of the windows that each fold looks at, in the target's terms."""
    told = np.concatenate(said)
    last, truth = (np.concatenate([part[look] for _, look in parts]) for part in (seen.last, seen.y))
    with np.errstate(over="ignore"):
        learned = last[:, None] + plan.scale * told
        learned, truth = (np.exp(learned), np.exp(truth)) if plan.log else (learned, truth)
        return float(np.sqrt(np.nanmean((learned - truth) ** 2)))


def lag_ridge(plan: Plan, series: Series, first_held: np.ndarray, parts: Sequence[Windows]) -> np.ndarray:
    """What ridge regression on the target's own window forecasts for the last of these parts, learned from those
    before: the rival of every report."""
    own = np.concatenate([part.x[:, :, 0] for part in parts[:2]])
    truth = np.concatenate([outputs(plan, part) for part in parts[:2]])
    at = np.concatenate([part.ends for part in parts[:2]])
    alpha, _, _ = strength(own, np.nan_to_num(truth), truth, folds(series, at, plan.horizon, first_held))
    told = Ridge.of(own, np.nan_to_num(truth), alpha).predict(parts[2].x[:, :, 0])
    learned = parts[2].last[:, None] + plan.scale * told
    return np.exp(learned) if plan.log else learned


# --- training


def network(layers: Sequence[Layer] | None, horizon: int) -> Network:
    """The network that corrects: these layers and a last one, or by the recipe four small networks whose answers are
    averaged."""
    if layers is not None:
        return Sequential(*layers, Dense(horizon), name="network")
    hidden = [layer for _ in range(2) for layer in (Dense(64, activation="relu"), Dropout(0.3))]
    return Sequential(Flatten(), Ensemble([*hidden, Dense(horizon)], 4), name="network")


def trained(
    plan: Plan,
    train: Windows,
    held: Windows,
    split: Sequence[Fold],
    layers: Sequence[Layer] | None,
    settings: dict[str, Any],
) -> tuple[Model, np.ndarray, Plan]:
    """The model; by how much its outputs are off (N, horizon), beside the width of bands, on windows held out and,
    where these are few, on those that plain forecasts learned from earlier ones look at; and the plan with what each
    part of the forecast counts for."""
    flat, y, truth = (
        np.concatenate(of)
        for of in (
            [part.x.reshape(len(part), -1) for part in (train, held)],
            [outputs(plan, part, filled=True) for part in (train, held)],
            [outputs(plan, part) for part in (train, held)],
        )
    )
    looked = [truth[look] for _, look in split]
    own = np.arange(flat.shape[1]) % train.x.shape[-1] == 0
    found = baselines(flat, y, truth, split, own, plan.season)
    share = weights(found, looked)
    plain = blended(found, share)
    left = truth - plain.early.predict(flat)  # by the plain forecasts that know the part alone that training sees
    alone = len(train) >= LARGE
    wanted = truth if alone else left
    scale = float(np.sqrt(np.nanmean(wanted[: len(train)] ** 2))) or 1.0
    learned = corrected(plan.horizon, train, held, wanted / scale, layers, settings)
    more = scale * np.asarray(learned.predict_proba(held.x), np.float64) - alone * plain.said[0]
    counts = worth(left[len(train) :], more)
    missed = [part - said for part, said in zip(looked, plain.said, strict=True)]
    missed[0] = missed[0] - counts * more
    usual = float(np.sqrt((restlessness(train.x) ** 2).mean()))
    wide = [widths(of, usual) for of in (np.concatenate([train.x, held.x])[look] for _, look in split)]
    parts = {one.name: round(float(part), 4) for one, part in zip(found, share, strict=True)}
    plan = replace(plan, parts={**parts, NETWORK: round(counts, 4)}, restless=usual)
    off = np.concatenate([each / by[:, None] for each, by in zip(missed, wide, strict=True)])
    return joined(learned, plain.map.times(1 - alone * counts), scale * counts, train.x[:2], y[:2]), off, plan


def corrected(
    horizon: int,
    train: Windows,
    held: Windows,
    wanted: np.ndarray,
    layers: Sequence[Layer] | None,
    settings: dict[str, Any],
) -> Model:
    """A network that has learned what is wanted (N, horizon) of the windows, those to train on and those held out."""
    batch, size = (128 if len(train) >= LARGE else 64), len(train)
    how: dict[str, Any] = {
        "epochs": int(np.clip(STEPS * batch / size, *EPOCHS)),
        "batch_size": batch,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "clip_norm": 1.0,
    }
    how |= {name: value for name, value in settings.items() if value is not None}
    how.setdefault("patience", max(5, how["epochs"] // 4))
    weight = np.isfinite(wanted).mean(1)
    y = np.nan_to_num(wanted).astype(np.float32)
    keep, keep_held = weight[:size] > 0, weight[size:] > 0
    return fit(
        network(layers, horizon),
        train.x[keep],
        y[:size][keep],
        loss="squared_error",
        sample_weight=weight[:size][keep].astype(np.float32),
        validation=(held.x[keep_held], y[size:][keep_held]),
        **how,
    )


def joined(learned: Model, told: Ridge, counts: float, x: np.ndarray, y: np.ndarray) -> Model:
    """One model of the plain forecasts' map and the network, where that counts for something."""
    window = Input()
    mapped = Dense(told.W.shape[1], name="linear")(Flatten(name="window")(window))
    params = {"linear": {"W": told.W.astype(np.float32), "b": told.b.astype(np.float32)}}
    if not counts:
        warn("the network does not help on the part held out: the forecasts are the plain ones alone")
        model = untrained(Network(window, mapped), x, y.astype(np.float32), loss="squared_error")
        return replace(model, params=params, history=learned.history)
    scaled = FeatureScale(name="share")(learned.network(window))
    whole = Network(window, Add(name="forecast")(scaled, mapped))
    model = untrained(whole, x, y.astype(np.float32), loss="squared_error")
    params["share"] = {"gamma": np.full(told.W.shape[1], counts, np.float32)}
    params |= {f"network/{name}": part for name, part in learned.params.items()}
    state = {f"network/{name}": part for name, part in learned.state.items()}
    return replace(model, params=params, state=state, history=learned.history)
