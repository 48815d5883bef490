"""Long-format tables to padded sequences, for tagging, one label a sequence, and forecasts."""

import warnings

import numpy as np
import pandas as pd
import pytest

from netgrad.data.encodings import TableEncoder
from netgrad.data.sequences import pad_sequences, read_sequences
from netgrad.data.targets import TargetEncoder
from netgrad.errors import DataError, NetgradError, NetgradWarning, ShapeError


@pytest.fixture
def table():
    """Three sequences of 4, 2 and 3 steps; v is 10 * sequence + step, so every value is its own name."""
    rows = [("p", 0, 4), ("q", 1, 2), ("r", 2, 3)]
    return pd.DataFrame(
        [
            {"id": name, "t": t, "v": 10.0 * n + t, "tag": "odd" if t % 2 else "even", "who": "xy"[n % 2]}
            for name, n, steps in rows
            for t in range(steps)
        ]
    )


def plain(table, *columns):
    return TableEncoder("none").fit(table[list(columns)])


def test_shuffled_rows_come_back_in_order(table):
    mixed = table.sample(frac=1, random_state=1)
    data = read_sequences(mixed, time="t", target="tag", encoder=plain(table, "v"))
    order = [["p", "q", "r"].index(name) for name in data.ids]
    np.testing.assert_array_equal(data.lengths, np.array([4, 2, 3])[order])
    expected = np.array([[0, 1, 2, 3], [10, 11, 0, 0], [20, 21, 22, 0]])[order]
    np.testing.assert_array_equal(data.x[..., 0], expected)
    np.testing.assert_array_equal(data.y, np.array([[0, 1, 0, 1], [0, 1, 0, 0], [0, 1, 0, 0]])[order])


def test_rows_of_several_sequences_may_interleave_without_a_time(table):
    data = read_sequences(table.sort_values("t", kind="stable"), target="tag", encoder=plain(table, "v"))
    np.testing.assert_array_equal(data.x[..., 0], [[0, 1, 2, 3], [10, 11, 0, 0], [20, 21, 22, 0]])


def test_dates_order_the_rows(table):
    stamps = pd.to_datetime("2024-01-01") + pd.to_timedelta(table["t"], unit="D")
    dated = table.assign(t=stamps.dt.strftime("%Y-%m-%d")).iloc[::-1]
    data = read_sequences(dated, time="t", target="tag", encoder=plain(table, "v"))
    assert data.ids == ["r", "q", "p"]
    np.testing.assert_array_equal(data.x[2, :, 0], [0, 1, 2, 3])


def test_one_label_a_sequence(table):
    data = read_sequences(table, time="t", target="who", goal="label", features=["v", "tag"])
    assert data.x.shape == (3, 4, 3)
    assert data.target_encoder.decode(data.y).tolist() == ["x", "y", "x"]
    with pytest.raises(DataError, match="column 'tag' changes within sequence 'p'"):
        read_sequences(table, time="t", target="tag", goal="label")


def test_a_forecast_looks_ahead_by_the_horizon(table):
    scale = TargetEncoder("regression", scaling="none").fit(table["v"])
    data = read_sequences(table, time="t", target="v", goal="forecast", encoder=plain(table, "v"), target_encoder=scale)
    np.testing.assert_array_equal(data.lengths, [3, 1, 2])
    np.testing.assert_array_equal(data.x[..., 0], [[0, 1, 2], [10, 0, 0], [20, 21, 0]])
    np.testing.assert_array_equal(data.y[..., 0], [[1, 2, 3], [11, 0, 0], [21, 22, 0]])
    with pytest.raises(DataError, match="sequence 'q' has 2 time-steps: a forecast 2 ahead needs at least 3"):
        read_sequences(table, time="t", target="v", goal="forecast", horizon=2)


def test_a_forecast_sees_its_own_target_and_the_others_do_not(table):
    assert "v" in read_sequences(table, time="t", target="v", goal="forecast").encoder.feature_names
    assert "v" not in read_sequences(table, time="t", target="v").encoder.feature_names


def test_new_sequences_without_targets_are_encoded_as_in_training(table):
    trained = read_sequences(table, time="t", target="tag")
    new = table[table["id"] == "q"].drop(columns="tag")
    data = read_sequences(new, time="t", target="tag", encoder=trained.encoder, target_encoder=trained.target_encoder)
    assert data.y is None
    np.testing.assert_array_equal(data.x[0], trained.x[1, :2])


def test_from_a_file(tmp_path, table):
    table.to_csv(tmp_path / "s.csv", index=False)
    np.testing.assert_array_equal(
        read_sequences(tmp_path / "s.csv", time="t", target="tag").x,
        read_sequences(table, time="t", target="tag").x,
    )


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"id": "idd"}, "no column 'idd': did you mean 'id'"),
        ({}, {"time": "time"}, "no column 'time'"),
        ({}, {"target": "tags"}, "no column 'tags': did you mean 'tag'"),
        ({}, {"features": ["v", "w"]}, "no column 'w'"),
        ({}, {"goal": "tagging"}, "unknown goal 'tagging': did you mean 'tag'"),
        ({}, {"goal": "forecast", "horizon": 0}, "the horizon is 0"),
        ({}, {"goal": "forecast", "target": None}, "a forecast needs a target"),
        ({"t": 1}, {}, "sequence 'p' has more than one row at t = 1"),
        ({"t": "noon"}, {}, "column 't' holds 'noon' in row 1 of 9: expected a number"),
        ({"id": None}, {}, "column 'id' has 9 missing values"),
        ({"t": [None] * 9}, {}, "column 't' has 9 missing values"),
    ],
)
def test_tables_that_are_no_sequences(table, change, options, message):
    with pytest.raises(NetgradError, match=message) as caught:
        read_sequences(table.assign(**change), **{"time": "t", "target": "tag", **options})
    assert "\n" not in str(caught.value)


def test_padding():
    x, lengths = pad_sequences([np.ones((2, 3)), np.ones((4, 3))])
    assert x.shape == (2, 4, 3)
    assert x.sum() == 18
    assert lengths.tolist() == [2, 4]
    for nothing in ([], [np.ones((2, 3)), np.ones((0, 3))]):
        with pytest.raises(DataError, match="no sequences, or one of them is empty"):
            pad_sequences(nothing)
    with pytest.raises(DataError, match="empty"):
        pad_sequences([np.ones((2, 0))])
    with pytest.raises(ShapeError, match=r"sequence 1 has shape \(2, 2\), the first \(1, 3\)"):
        pad_sequences([np.ones((1, 3)), np.ones((2, 2))])
    with pytest.raises(ShapeError, match="sequence 0 has shape"):
        pad_sequences([1, 2])
    assert pad_sequences([[1, 2], [1.5]])[0].tolist() == [[1, 2], [1.5, 0]]


def test_missing_values_of_sequences_are_imputed():
    table = pd.DataFrame({"id": ["a"] * 3 + ["b"] * 3, "v": [1.0, None, 3, 5, 7, None], "y": [0, 1, 0, 1, 1, 0]})
    with pytest.warns(NetgradWarning, match="missing values in 'v': filled with the mean"):
        data = read_sequences(table, target="y")
    assert data.x.shape == (2, 3, 2)
    np.testing.assert_array_equal(data.x[..., 1], [[0, 1, 0], [0, 0, 1]])
    assert data.x[0, 1, 0] == 0


@pytest.mark.parametrize("written", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"])
def test_a_gap_in_the_times_of_a_forecast_is_said(written):
    days = pd.Series(pd.date_range("2024-01-01", periods=60))
    table = pd.DataFrame({"id": "a", "t": days.dt.strftime(written), "v": np.arange(60.0), "w": 1.0})
    with_gap = table.drop(index=range(20, 42)).sample(frac=1, random_state=0)
    told = {"time": "t", "target": "v", "goal": "forecast"}
    where = days[42].strftime(written)
    with pytest.warns(
        NetgradWarning, match=rf"1 of 37 time-steps lie further apart than usual \(1\), .* at t = {where}"
    ):
        read_sequences(with_gap, **told)
    for even, options in ((table, told), (with_gap, told | {"goal": "tag"})):  # which does not count on
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read_sequences(even, **options)
