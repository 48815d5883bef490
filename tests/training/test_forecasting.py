"""Forecasts: the recipe, what its files keep, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.data.series import read_series
from netgrad.errors import DataError, FileError, NetgradWarning
from netgrad.report.forecasts import made_of
from netgrad.training.forecaster import Plan
from netgrad.training.forecasting import folds, usual_window
from netgrad.training.ridge import Ridge, strength


def sales(n=240, seed=0):
    """Daily sales with a week, a trend, and promotions known in advance that double them."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    promo = (rng.uniform(size=n) < 0.2).astype(int)
    sold = (20 + 0.02 * t + 4 * np.sin(2 * np.pi * t / 7)) * (1 + promo) + rng.normal(0, 0.5, n)
    day = pd.date_range("2023-01-01", periods=n).astype(str)
    return pd.DataFrame({"day": day, "promo": np.where(promo, "yes", "no"), "sold": sold})


@pytest.fixture(scope="module")
def promoted():
    return ng.fit_forecast(sales(), "sold", time="day", horizon=7, known=["promo"], test=0.2, log_target=False, seed=0)


def test_it_beats_its_rivals_where_something_is_known_in_advance(promoted):
    scores = promoted.score()
    assert promoted.plan.season == 7
    assert scores["rmse"] < 0.5 * min(scores[name] for name in ("ridge", "persistence", "seasonal_naive"))
    assert 0.6 < scores["in_band"] <= 1


def test_a_file_keeps_how_forecasts_are_made(promoted, tmp_path):
    table = sales(247)
    table.loc[table.index[-7:], "sold"] = None
    again = ng.Forecaster.of(ng.load(promoted.save(tmp_path / "m.safetensors")))
    assert again.plan == promoted.plan
    said = promoted.predict(table)
    pd.testing.assert_frame_equal(again.predict(table), said)
    assert said["day"].tolist() == table["day"][-7:].tolist()
    assert ((said["low"] < said["prediction"]) & (said["prediction"] < said["high"])).all()
    truth = sales(247)["sold"][-7:].to_numpy()
    assert np.abs(said["prediction"] - truth).mean() < 4
    with pytest.raises(DataError, match=r"promo must be known for the 7 time-steps after .* 'sold' has 0: add rows"):
        promoted.predict(sales())
    with pytest.raises(DataError, match="longest series has 5 time-steps: a forecast is made from 14"):
        promoted.predict(table[:5])
    with pytest.raises(DataError, match="no column 'promo'"):
        promoted.predict(table.drop(columns="promo"))
    assert {"rmse", "persistence", "in_band"} <= set(again.score(sales(seed=3)))
    with pytest.raises(DataError, match="no series has 21 time-steps"):
        again.score(sales(20))
    loaded = ng.Forecaster.of(ng.load(tmp_path / "m.safetensors"))
    with pytest.raises(ng.NetgradError, match="nothing was kept for testing"):
        loaded.score()
    loaded.recalibrate()
    assert loaded.plan == promoted.plan


def test_nothing_of_the_future_is_seen(promoted):
    """Whatever stands in the test part, and in the future of a window: the model, its scales and forecasts stay."""
    table = sales()
    table.loc[table.index[200:], "sold"] = 7.0
    other = ng.fit_forecast(table, "sold", time="day", horizon=7, known=["promo"], test=0.2, log_target=False, seed=0)
    assert other.plan == promoted.plan
    np.testing.assert_array_equal(other.model.params["linear"]["W"], promoted.model.params["linear"]["W"])
    series, at = promoted.series, promoted.learned.ends[:3]
    seen = replace(series, filled=series.filled.copy(), y=series.y.copy())
    seen.filled[at[2] + 1 :], seen.y[at[2] + 1 :] = 1e6, 1e6
    np.testing.assert_array_equal(promoted.windows(seen, at).x, promoted.windows(series, at).x)


def test_bands_after_testing_know_the_errors_of_the_test(promoted):
    before = promoted.plan
    forecaster = ng.Forecaster(replace(promoted.model, card={**promoted.model.card}), before, held=promoted.held)
    forecaster.missed = np.zeros_like(promoted.missed)
    forecaster.recalibrate()
    assert forecaster.plan.bands != before.bands
    assert ng.Forecaster.of(forecaster.model).plan == forecaster.plan


def test_several_series_of_unequal_length_by_a_recurrent_network():
    rng = np.random.default_rng(0)
    parts = []
    for k, n in enumerate((60, 50, 4)):
        y = 10 * k + np.sin(np.arange(n) * 2 * np.pi / 6) + rng.normal(0, 0.05, n)
        parts.append(pd.DataFrame({"t": np.arange(n), "name": f"s{k}", "y": y}))
    table = pd.concat(parts)
    forecaster = ng.fit_forecast(
        table, "y", time="t", id="name", horizon=3, layers=[ng.GRU(8, returns="last")], epochs=2, test=0.2
    )
    assert np.isfinite(forecaster.score()["rmse"])
    with pytest.warns(NetgradWarning, match="1 of 3 series have less than the 12 time-steps .*: 's2' left out"):
        said = forecaster.predict(table)
    assert said["name"].tolist() == ["s0"] * 3 + ["s1"] * 3
    assert said["t"].tolist() == [60, 61, 62, 50, 51, 52]


def test_what_is_plain_is_forecast_plainly_and_said():
    """A random walk: nothing is better than its last value, the network counts for nothing, and nothing is claimed."""
    walk = np.random.default_rng(0).normal(size=300).cumsum()
    table = pd.DataFrame({"y": walk})
    with pytest.warns(NetgradWarning, match="the network does not help on the part held out: the forecasts are the pl"):
        forecaster = ng.fit_forecast(table, "y", horizon=4, epochs=2, layers=[ng.Flatten()], test=0.2)
    plan, scores = forecaster.plan, forecaster.score()
    assert plan.parts["network"] == 0
    assert sum(plan.parts.values()) == pytest.approx(1, abs=1e-3)
    assert scores["rmse"] < 1.05 * scores["persistence"]
    assert 0.75 < scores["in_band"] <= 1
    assert made_of(plan).endswith("the network did not help on the part held out.")
    assert list(forecaster.model.params) == ["linear"]


def test_a_network_corrects_what_is_not_linear():
    """A logistic map, which no linear forecast follows."""
    y = [0.3]
    for _ in range(699):
        y.append(3.8 * y[-1] * (1 - y[-1]))
    forecaster = ng.fit_forecast(pd.DataFrame({"y": y}), "y", test=0.2, log_target=False)
    scores, parts = forecaster.score(), forecaster.plan.parts
    assert parts["network"] > 0.5
    assert scores["rmse"] < 0.8 * min(scores["ridge"], scores["persistence"])
    text = made_of(forecaster.plan)
    assert f"{100 * parts['network']:.0f} % of what the network corrects" in text


def test_models_without_what_is_newer_are_read():
    card = Plan("y", 2, 4, bands=(1.0, 2.0)).to_json()
    old = {name: value for name, value in card.items() if name not in ("parts", "restless")}
    plan = Plan.from_json(old)
    assert (plan.parts, plan.restless, made_of(plan)) == ({}, 0.0, "")


def test_a_logarithm_is_learned_where_it_pays():
    t = np.arange(200)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"y": np.exp(0.02 * t + 0.3 * np.sin(t * 2 * np.pi / 12) + rng.normal(0, 0.02, 200))})
    with pytest.warns(NetgradWarning, match="the logarithm of 'y' forecasts better: it is learned"):
        forecaster = ng.fit_forecast(table, "y", horizon=6, epochs=2, test=0.2)
    assert forecaster.plan.log
    assert forecaster.score()["rmse"] < forecaster.score()["persistence"]
    assert list(forecaster.predict(table)) == ["step", "prediction", "low", "high"]
    with pytest.raises(DataError, match="'y' holds -1: the model has learned its logarithm"):
        forecaster.predict(pd.DataFrame({"y": [*table["y"], -1.0]}))
    with pytest.raises(DataError, match="'y' holds -1: expected numbers above 0 for log_target"):
        ng.fit_forecast(pd.DataFrame({"y": [*table["y"], -1.0]}), "y", log_target=True)


def test_wrong_settings_are_one_line():
    table = sales(60)
    for settings, said in [
        ({"horizon": 0}, "horizon must be a whole number of time-steps"),
        ({"window": 2.5}, "window must be a whole number"),
        ({"coverage": 1.0}, "coverage must be a share between 0 and 1"),
        ({"validation": 0.0}, "validation must be a share"),
        ({"test": 1.0}, "test must be a share of the time"),
        ({"known": ["promos"]}, "no column 'promos': did you mean 'promo'"),
        ({"known": ["sold"]}, "'sold' cannot be one of those known in advance"),
        ({"known": ["promo"], "window": 2, "horizon": 3}, "window is 2: with columns known in advance expected at"),
        ({"horizon": 30, "test": 0.2}, "the longest series has 60 time-steps: too few for training, test"),
        ({"only": ["pro"]}, "no column 'pro'"),
    ]:
        with pytest.raises(DataError, match=said):
            ng.fit_forecast(table, "sold", **({"time": "day"} | settings))
    with pytest.raises(ng.NetgradError, match="this is no model of forecasts"):
        ng.Forecaster.of(ng.untrained(ng.Sequential([ng.Dense(1)]), np.eye(3), np.zeros(3)))


def test_a_card_of_a_stranger():
    plan = Plan("y", 2, 4, bands=(1.0, 2.0), level=(0.0, 1.0)).to_json()
    assert Plan.from_json(json.loads(json.dumps(plan))) == Plan.from_json(plan)
    for name, wrong in [
        ("horizon", 0), ("window", "4"), ("scale", 0.0), ("steps", {"unit": "weeks"}), ("level", [0.0, -1.0]),
        ("bands", [1.0]), ("calendar", ["century"]), ("missing", "?"), ("target", 3), ("known", 3), ("more", 1),
        ("restless", -1.0), ("parts", {"ridge": "much"}),
    ]:  # fmt: skip
        with pytest.raises(FileError, match="does not say how its forecasts are made"):
            Plan.from_json(plan | {name: wrong})


def test_the_window_goes_by_horizon_season_and_length():
    assert usual_window(1, 52, 1000) == 104
    assert usual_window(1, 168, 1000) == 169
    assert usual_window(300, 24, 5000) == 300
    assert usual_window(5, 1, 8) == 1


def test_ridge_is_the_solution_of_its_equations():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    fitted = Ridge.of(x, y, 0.5)
    centred, unit = x - x.mean(0), np.trace((x - x.mean(0)).T @ (x - x.mean(0))) / 4
    np.testing.assert_allclose(
        (centred.T @ centred + 0.5 * unit * np.eye(4)) @ fitted.W, centred.T @ (y - y.mean(0)), rtol=1e-9
    )
    truth = x @ np.ones((4, 1))
    some = np.where(rng.uniform(size=truth.shape) < 0.5, np.nan, truth)
    first = np.arange(50) < 30
    alpha, (said,), _ = strength(x, truth, some, [(first, ~first)])
    np.testing.assert_allclose(said, truth[30:], atol=1e-3)
    assert strength(x, rng.normal(size=(50, 1)), rng.normal(size=(50, 1)), [(first, ~first)])[0] > alpha


def test_folds_never_look_at_what_they_learn_from():
    series = read_series(pd.DataFrame({"y": np.arange(200.0)}), "y")
    at, held = np.arange(10, 190), np.array([150])
    found = folds(series, at, 5, held)
    assert len(found) > 2
    for learned, seen in found:
        assert series.step[at[learned]].max() + 5 < series.step[at[seen]].min() + 1
        assert not (learned & seen).any()
