"""Series on regular steps, without holes, and windows of them."""

import numpy as np
import pandas as pd
import pytest

from netgrad.data import series as of
from netgrad.data.series import read_series
from netgrad.errors import DataError, NetgradWarning


def daily(n=40, **columns):
    return pd.DataFrame({"day": pd.date_range("2024-01-01", periods=n).astype(str), **columns})


def test_rows_in_any_order_of_several_series_with_holes():
    table = daily(6, y=[1.0, 2, 3, 4, 5, 6], w=["a", "b", None, "d", "e", "f"])
    two = pd.concat([table.assign(id="p"), table.assign(id="q", y=table["y"] * 10)])
    two = two[~((two["id"] == "q") & (two["y"] == 30))].sample(frac=1, random_state=1)
    with pytest.warns(
        NetgradWarning, match="1 of 12 time-steps of 1 day have no value of 'y', the first at 2024-01-03"
    ):
        series = read_series(two, "y", time="day", id="id")
    order = np.argsort(series.names)
    for k, y in zip(order, ([1, 2, 3, 4, 5, 6], [10, 20, 20, 40, 50, 60]), strict=True):
        own = slice(series.begin[k], series.end[k])
        assert series.filled[own].tolist() == y
        assert series.table["w"][own].tolist() == ["a", "b", "b", "d", "e", "f"]
    assert np.isnan(series.y).sum() == 1


def test_what_is_irregular_is_said_or_refused():
    table = daily(20, y=np.arange(20.0))
    late = table.copy()
    late.loc[3, "day"] = "2024-01-04 09:00"
    with pytest.warns(NetgradWarning, match="1 of 20 times of 'day' lie between the steps of 1 day, the first is"):
        assert read_series(late, "y", time="day").filled.tolist() == list(range(20))
    near = pd.DataFrame({"t": np.append(np.arange(200.0), 199.1), "y": np.arange(201.0)})
    with pytest.warns(NetgradWarning, match="1 row of a step that a later one has, too: left out"):
        assert read_series(near, "y", time="t").y[-1] == 200
    twice = pd.concat([table, table])
    with pytest.raises(DataError, match=r"20 rows of 40 stand at a time of 'day' .* the series with id= if there are"):
        read_series(twice, "y", time="day")
    wild = pd.DataFrame({"t": [0.0, 1, 2, 3, 100, 101, 102], "y": np.arange(7.0)})
    with pytest.raises(DataError, match="at no regular times of 't': at their usual distance of 1, 93% of the steps"):
        read_series(wild, "y", time="t")
    with pytest.raises(DataError, match="'day' has 1 missing value"):
        read_series(table.assign(day=table["day"].where(table.index != 2)), "y", time="day")
    with pytest.raises(DataError, match="holds 'soon' in row 2 of 3: expected a number"):
        read_series(pd.DataFrame({"t": ["1", "soon", "3"], "y": [1, 2, 3]}), "y", time="t")
    with pytest.raises(DataError, match="a forecast needs numbers"):
        read_series(daily(3, y=["1", "high", "2"]), "y", time="day")
    with pytest.raises(DataError, match="'y' has no value: expected the past"):
        read_series(daily(3, y=[None, None, None]), "y", time="day")
    with pytest.raises(DataError, match="no column 'dya': did you mean 'day'"):
        read_series(table, "y", time="dya")


def test_holes_are_refused_where_asked():
    holed = daily(5, y=[1.0, None, 3, 4, 5], v=[1.0, 2, 3, 4, 5])
    with pytest.raises(DataError, match="1 of 5 time-steps of 1 day have no value of 'y', the first at 2024-01-02"):
        read_series(holed, "y", time="day", missing="error")
    with pytest.raises(DataError, match="'v' has 1 missing value"):
        read_series(daily(5, y=np.arange(5.0), v=[1.0, None, 3, 4, 5]), "y", time="day", missing="error")
    with pytest.warns(NetgradWarning, match="missing values in 'v': the last known value goes on"):
        read_series(daily(5, y=np.arange(5.0), v=[1.0, None, 3, 4, 5]), "y", time="day")
    with pytest.warns(NetgradWarning, match="1 of 5 time-steps of 1 row have no value of 'y', the first at step 2"):
        read_series(holed.drop(columns="day"), "y")


def test_rows_before_the_first_and_after_the_last_value():
    table = daily(8, y=[None, None, 1.0, 2, 3, 4, None, None], v=np.arange(8.0))
    series = read_series(table, "y", time="day")
    assert (series.begin.tolist(), series.end.tolist(), len(series.y)) == ([0], [4], 6)
    assert series.last(series.end - 1).tolist() == [5]
    assert series.table["v"].tolist() == [2, 3, 4, 5, 6, 7]


def test_windows_end_before_what_is_asked_of_them():
    series = read_series(pd.DataFrame({"y": np.arange(50.0)}), "y")
    first, stop = np.array([30]), np.array([40])
    before = of.ends(series, 5, 3, np.array([-of.FAR]), first)
    held = of.ends(series, 5, 3, first, stop)
    assert before.tolist() == list(range(4, 27))  # the last one's future ends at step 29
    assert held.tolist() == list(range(29, 37))
    assert of.ends(series, 5, 3, stop, np.array([of.FAR])).tolist() == list(range(39, 47))


@pytest.mark.parametrize("log", [False, True])
def test_a_window_holds_the_past_and_what_is_known_in_advance(log):
    y = np.arange(1.0, 31.0)
    series = read_series(pd.DataFrame({"y": y, "promo": 100 + y}), "y")
    features = series.table[["promo"]].to_numpy(float)
    how = {"window": 4, "horizon": 2, "season": 3, "log": log, "level": (1.0, 2.0), "scale": 0.5}
    found = of.windows(series, np.array([9, 20]), features, [0], **how)
    learned = np.log(y) if log else y
    assert found.x.shape == (2, 4, 4)
    np.testing.assert_allclose(found.x[0, :, 0], (learned[6:10] - learned[9]) / 0.5, rtol=1e-6)
    assert found.x[0, :, 1].tolist() == [107, 108, 109, 110]
    np.testing.assert_allclose(found.x[1, :, 2], (learned[20] - 1) / 2, rtol=1e-6)
    assert found.x[0, :, 3].tolist() == [109, 110, 111, 112]  # of the steps that are forecast, the last two
    np.testing.assert_allclose(found.y[0], learned[10:12])
    np.testing.assert_allclose(found.naive[0], learned[[7, 8]])


def test_seasons_are_found_and_not_made_up():
    rng, t = np.random.default_rng(0), np.arange(400)
    stop = np.array([400])
    wave = pd.DataFrame({"y": np.sin(2 * np.pi * t / 17) + rng.normal(0, 0.1, 400)})
    assert of.season_of(read_series(wave, "y"), 5, stop) == 17
    assert of.season_of(read_series(pd.DataFrame({"y": rng.normal(size=400).cumsum()}), "y"), 5, stop) == 1
    assert of.season_of(read_series(pd.DataFrame({"y": np.ones(400)}), "y"), 5, stop) == 1
    assert of.season_of(read_series(pd.DataFrame({"y": [1.0, 2, 3]}), "y"), 5, stop) == 1


def test_parts_of_the_calendar_that_were_gone_through_twice():
    series = read_series(daily(40, y=np.arange(40.0)), "y", time="day")
    assert of.calendar_parts(series, np.array([40])) == ("week",)
    assert of.calendar_parts(series, np.array([10])) == ()
    assert of.calendar_features(series, ("week",)).shape == (40, 2)
    rows = read_series(pd.DataFrame({"y": np.arange(9.0)}), "y")
    assert of.calendar_parts(rows, np.array([9])) == ()
    assert of.calendar_features(rows, ()).shape == (9, 0)


def test_seasons_of_decimal_years_and_of_noise():
    """R writes months as twelfths of a year; noise has no season."""
    t = np.arange(96)
    y = 10 + 0.05 * t + 3 * np.sin(2 * np.pi * t / 12)
    series = read_series(pd.DataFrame({"time": 1949 + (t / 12).round(11), "y": y}), "y", time="time")
    assert series.steps.seasons == [12]
    assert of.season_of(series, 6, np.array([90])) == 12
    seasons = []
    for seed in range(20):
        noise = read_series(pd.DataFrame({"y": np.random.default_rng(seed).normal(size=40)}), "y")
        seasons.append(of._peaks(noise, np.array([40]), 40))
    assert sum(map(bool, seasons)) <= 4
