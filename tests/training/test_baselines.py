"""Plain forecasts as linear maps, what each counts for, and what a correction of them is worth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netgrad.data import series as of
from netgrad.training import baselines as plain


@pytest.mark.parametrize(("horizon", "season", "window"), [(1, 3, 3), (5, 4, 8), (7, 3, 9), (4, 12, 12)])
def test_the_seasonal_map_says_what_the_season_before_was(horizon, season, window):
    rng = np.random.default_rng(0)
    series = of.read_series(pd.DataFrame({"y": rng.normal(size=60)}), "y")
    at = np.arange(20, 50)
    past = series.filled[at[:, None] + np.arange(1 - window, 1)] - series.filled[at][:, None]
    ((name, (still,)), (_, (naive,)), (_, smoothed)) = plain.plain_maps(window, horizon, season)
    assert name == plain.PERSISTENCE
    assert not still.any()
    said = past @ naive + series.filled[at][:, None]
    np.testing.assert_allclose(said, of.naive(series, at, season, horizon))
    for W in smoothed:
        np.testing.assert_allclose(W.sum(0), 1)
    assert [name for name, _ in plain.plain_maps(window, horizon, window + 1)] == [plain.PERSISTENCE, plain.SMOOTHED]


def test_the_best_is_told_and_the_mean_is_one_linear_map():
    """A season that repeats itself: what says so counts for all, and all maps say what their mean says."""
    t = np.arange(200)
    x = np.tile([0.0, 3, 1, 7], 60)
    past = x[t[:, None] + np.arange(8)]
    y = x[t[:, None] + 8 + np.arange(4)] - past[:, -1:]
    flat = past - past[:, -1:]
    flat = np.concatenate([flat, np.random.default_rng(0).normal(size=(200, 2))], 1)
    first = t < 150
    own = np.arange(10) < 8
    noisy = y + np.random.default_rng(1).normal(0, 0.1, y.shape)
    found = plain.baselines(flat, noisy, noisy, [(first, ~first)], own, 4)
    assert [one.name for one in found] == ["persistence", "seasonal naive", "smoothing", "ridge"]
    share = plain.weights(found, [noisy[~first]])
    assert share.sum() == pytest.approx(1)
    assert share[1] + share[3] > 0.999
    mean = plain.blended(found, share)
    np.testing.assert_allclose(mean.early.predict(flat[~first]), mean.said[0], atol=1e-9)
    assert np.abs(mean.map.predict(flat) - y).mean() < 0.1


def test_where_a_window_is_too_large_nothing_is_learned_of_all_of_it(monkeypatch):
    rng = np.random.default_rng(0)
    flat, y = rng.normal(size=(60, 12)), rng.normal(size=(60, 1))
    first, own = np.arange(60) < 40, np.arange(12) % 2 == 0
    monkeypatch.setattr(plain, "MOST_LINEAR", 6)
    ridge = plain.baselines(flat, flat[:, 1:2], flat[:, 1:2], [(first, ~first)], own, 1)[-1]
    assert not ridge.map.W[~own].any()
    monkeypatch.setattr(plain, "MOST_LINEAR", 5)
    assert [one.name for one in plain.baselines(flat, y, y, [(first, ~first)], own, 1)] == ["persistence", "smoothing"]


def test_weights_go_by_how_much_there_is_to_tell_them_by():
    two = [plain.Baseline(str(miss), None, None, [np.full((400, 4), miss)]) for miss in (1.0, 1.1)]
    few = [plain.Baseline(one.name, None, None, [one.said[0][:8]]) for one in two]
    much, little = (plain.weights(found, [0 * found[0].said[0]]) for found in (two, few))
    assert much[0] > 0.999 > 0.6 > little[0] > 0.5
    still = [plain.Baseline(name, None, None, [np.zeros((4, 2))]) for name in "ab"]
    assert plain.weights(still, [np.zeros((4, 2))]).tolist() == [0.5, 0.5]
    right = [still[0], plain.Baseline("c", None, None, [np.ones((4, 2))])]
    assert plain.weights(right, [np.zeros((4, 2))])[0] > 0.999


def test_no_time_outvotes_the_others_and_what_learns_nothing_begins_ahead():
    calm, wild = np.ones((10, 1)), 100 * np.ones((10, 1))
    steady = plain.Baseline("a", None, None, [calm, calm, 1.1 * wild])
    lucky = plain.Baseline("b", None, None, [1.5 * calm, 1.5 * calm, wild])
    truth = [0 * calm] * 3
    assert plain.weights([steady, lucky], truth)[0] > 0.99
    equal = [plain.Baseline(name, None, None, [calm]) for name in (plain.SEASONAL, plain.RIDGE)]
    assert plain.weights(equal, truth[:1]).round(3).tolist() == [0.667, 0.333]
    still = plain.Baseline("c", None, None, [0 * calm, calm])
    assert plain.weights([still, still], [0 * calm, 2 * calm]).tolist() == [0.5, 0.5]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 40), st.floats(0, 2))
def test_a_correction_is_worth_a_share(seed, horizon, n, strength):
    rng = np.random.default_rng(seed)
    more = rng.normal(size=(n, horizon))
    wanted = strength * more + rng.normal(size=more.shape)
    wanted[rng.uniform(size=wanted.shape) < 0.2] = np.nan
    share = plain.worth(wanted, more)
    assert 0 <= share <= 1
    assert plain.worth(-more, more) == 0
    assert plain.worth(wanted, 0 * more) == 0
    if n > 2 * horizon:
        assert plain.worth(more, more) == pytest.approx(1)
