"""Forecasts: the one recipe by which a series is continued, several steps at once, with bands.

A forecast is the last known value and a change from there: the mean of what a linear map of the window (ridge
regression) says and of what a network says, weighed by what each is worth on the part of the past that is held out.
The numbers were chosen on one half of the series of `python -m benchmarks.forecasts`; docs/series.md has what they
reach on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data import series as of
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.frames import name_of_column, with_times
from netgrad.data.series import FAR, Series, Windows
from netgrad.data.tables import chosen
from netgrad.errors import DataError, NetgradError, warn
from netgrad.layers import Add, Dense, Dropout, FeatureScale, Flatten, Layer
from netgrad.network import Ensemble, Input, Network, Sequential
from netgrad.training.fit import fit, untrained
from netgrad.training.forecaster import Forecaster, Plan, conformal, encoded, outputs, shaped
from netgrad.training.model import Model
from netgrad.training.ridge import Fold, Ridge, strength

if TYPE_CHECKING:
    import pandas as pd

LONGEST_WINDOW = 256  # that is chosen without being asked for
FEWEST = 8  # windows to train on
MANY = 500  # windows held out that are enough to decide by
BEGINNINGS = (0.4, 0.6, 0.8)  # of the past, whose ends are looked at where there are fewer
LOOKED_AT = 6000  # windows by which it is decided what is learned
MOST_LINEAR = 4000  # numbers in a window of which a linear map is made, too
STEPS = 1500  # updates of a run, where that is not too few or too many epochs
EPOCHS = (8, 100)
DOUBT = 0.1  # weight of one half beside what the part held out says of the network's weight
FEW = 2  # how much more that weighs where one horizon alone is held out
LOGARITHM, LEVEL = 0.95, 0.95  # of the error without it, below which each is taken up
ALL_OF_IT = 0.98  # of the squared error of a map of the target's past, below which all of the window is mapped


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

    target: the column; horizon: how many steps ahead, all at once. time: the column of numbers or dates that orders
    the rows, or the index; id: the one that tells several series apart. window: how many steps a forecast is made
    from; None: by horizon, season and length. known: columns known in advance. All other columns, the target's past
    and the calendar are inputs too; drop, only: columns left out, or alone used. layers: from the window (N, window,
    d) to a vector, in place of those of the recipe: ``[netgrad.GRU(32, returns="last")]``. log_target: learn the
    logarithm; None: where that forecasts the part held out better. missing: "impute" lets the last known value go on,
    "error" refuses holes. validation, test: the shares of the time that are held out, the last for testing and what
    is before it for stopping, weights and bands. coverage: of the bands. settings: as for `netgrad.fit`.

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
    series = of.read_series(table, target, time=time, id=id, missing=missing)
    first_held, first_test = cuts(series, validation, test)
    never = np.full(len(series.names), FAR)
    season = of.season_of(series, horizon, first_held)
    before = (series.step < first_held[series.code]) & (np.arange(len(series.y)) < series.end[series.code])
    longest = int(np.bincount(series.code[before], minlength=1).max())
    if window is None:
        window = usual_window(horizon, season, longest)
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
    plan = decided_by_ridge(plan, series, train, held, first_held, features, ahead, log_target)
    parts = [shaped(plan, series, at, features, ahead) for at in (train, held, tested)]
    split = folds(series, np.concatenate([train, held]), horizon, first_held)
    model, missed = trained(plan, parts[0], parts[1], split, layers, settings | {"seed": seed})
    plan = replace(plan, bands=conformal(missed, coverage))
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
    """How many steps a forecast is made from where nobody says: two horizons or seasons, as far as there are steps.

    >>> usual_window(24, 24, 5000), usual_window(1, 1, 5000), usual_window(12, 12, 40)
    (48, 10, 14)
    """
    seasons = 2 * season if 2 * season <= LONGEST_WINDOW // 2 else season + 1
    wanted = min(max(2 * horizon, seasons, 10), max(LONGEST_WINDOW, horizon))
    return max(1, min(wanted, (longest - horizon) // 2))


def cuts(series: Series, validation: float, test: float) -> tuple[np.ndarray, np.ndarray]:
    """The steps (names,) from which on the past is held out, and from which on it is for testing.

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
        return np.full(n, first_held), np.full(n, first_test)
    first, length = series.step[series.begin], series.end - series.begin
    first_test = first + np.rint(length * (1 - test)).astype(int)
    return first + np.rint((first_test - first) * (1 - validation)).astype(int), first_test


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


def decided_by_ridge(
    plan: Plan,
    series: Series,
    train: np.ndarray,
    held: np.ndarray,
    first_held: np.ndarray,
    features: np.ndarray,
    ahead: Sequence[int],
    log_target: bool | None,
) -> Plan:
    """The plan with what is learned, told by the errors of linear maps on what comes after what they learned from: the
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
            _, said, _ = strength(own, outputs(tried, seen, filled=True), outputs(tried, seen), parts)
            error = errors_of(tried, seen, parts, said)
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
        cuts = [*np.quantile(step, BEGINNINGS).astype(int), FAR]
        for cut, stop in pairwise(cuts):
            before = (step + horizon < cut) & found[0][0]
            after = (step + 1 >= cut) & (step + 1 < stop) & found[0][0]
            if min(before.sum(), after.sum()) >= FEWEST:
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
    """The network beside the linear map: these layers and a last one, or by the recipe four small networks whose
    answers are averaged."""
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
) -> tuple[Model, np.ndarray]:
    """The model, and by how much its outputs are off (N, horizon) on windows held out; where these are few, also those
    of linear maps that learned from what came before others."""
    y, y_held = outputs(plan, train, filled=True), outputs(plan, held, filled=True)
    weight, weight_held = (np.isfinite(part.y).mean(1) for part in (train, held))
    keep, keep_held = weight > 0, weight_held > 0
    inner = network(layers, plan.horizon)
    batch = 64 if len(y) < 4000 else 128
    how: dict[str, Any] = {
        "epochs": int(np.clip(STEPS * batch / len(y), *EPOCHS)),
        "batch_size": batch,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "clip_norm": 1.0,
    }
    how |= {name: value for name, value in settings.items() if value is not None}
    how.setdefault("patience", max(5, how["epochs"] // 4))
    learned = fit(
        inner,
        train.x[keep],
        y[keep].astype(np.float32),
        loss="squared_error",
        sample_weight=weight[keep].astype(np.float32),
        validation=(held.x[keep_held], y_held[keep_held].astype(np.float32)),
        **how,
    )
    said = np.asarray(learned.predict_proba(held.x), np.float64)
    flat = np.concatenate([part.x.reshape(len(part), -1) for part in (train, held)])
    if flat.shape[1] > MOST_LINEAR:
        return learned, outputs(plan, held) - said
    both, truth = np.concatenate([y, y_held]), np.concatenate([outputs(plan, train), outputs(plan, held)])
    linear, (mapped, *earlier) = mapping(flat, both, truth, split, train.x.shape[-1])
    share = worth(outputs(plan, held), mapped, said)
    missed = [truth[split[0][1]] - (1 - share) * mapped - share * said]
    missed += [truth[look] - told for (_, look), told in zip(split[1:], earlier, strict=True)]
    return joined(learned, linear, share, train.x[:2], y[:2]), np.concatenate(missed)


def mapping(
    flat: np.ndarray, y: np.ndarray, truth: np.ndarray, split: Sequence[Fold], channels: int
) -> tuple[Ridge, list[np.ndarray]]:
    """The linear map of windows (N, window * channels), and what that of each fold says of what it looks at: of the
    target's own past alone, the first channel, unless all of the window forecasts better."""
    own = np.arange(flat.shape[1]) % channels == 0
    found = [(used, *strength(flat[:, used], y, truth, split)) for used in (own, np.ones_like(own))]
    used, alpha, said, _ = found[1] if found[1][-1] < ALL_OF_IT * found[0][-1] else found[0]
    told = Ridge.of(flat[:, used], y, alpha)
    W = np.zeros((flat.shape[1], y.shape[1]))
    W[used] = told.W
    return replace(told, W=W), said


def worth(truth: np.ndarray, linear: np.ndarray, network: np.ndarray) -> float:
    """The weight of the network beside the linear map, between 0 and 1, by what each says of examples (N, horizon): by
    least squares, drawn towards one half the more, the larger the errors are beside what the two differ by, and the
    fewer horizons there are.

    >>> truth = np.ones((60, 1))
    >>> round(worth(truth, 0 * truth, truth), 2), round(worth(truth, truth, 0 * truth), 2), worth(truth, truth, truth)
    (0.95, 0.0, 0.5)
    """
    known = np.isfinite(truth)
    more, wanted = (network - linear)[known], (truth - linear)[known]
    doubt = DOUBT * (1 + FEW * truth.shape[-1] / len(truth)) * float(wanted @ wanted)
    square = float(more @ more) + doubt
    return float(np.clip((more @ wanted + 0.5 * doubt) / square, 0, 1)) if square else 0.5


def joined(learned: Model, linear: Ridge, share: float, x: np.ndarray, y: np.ndarray) -> Model:
    """One model of the network and the linear map, each with its weight."""
    window = Input()
    scaled = FeatureScale(name="share")(learned.network(window))
    mapped = Dense(linear.W.shape[1], name="linear")(Flatten(name="window")(window))
    whole = Network(window, Add(name="forecast")(scaled, mapped))
    model = untrained(whole, x, y.astype(np.float32), loss="squared_error")
    own = {
        "share": {"gamma": np.full(linear.W.shape[1], share, np.float32)},
        "linear": {"W": ((1 - share) * linear.W).astype(np.float32), "b": ((1 - share) * linear.b).astype(np.float32)},
    }
    params, state = ({f"network/{name}": v for name, v in part.items()} for part in (learned.params, learned.state))
    return replace(model, params=params | own, state=state, history=learned.history)
