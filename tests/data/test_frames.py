"""Data frames of other libraries, and times in the index, are taken as the same columns in pandas are."""

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.data import TableEncoder
from netgrad.data.frames import time_of, with_times
from netgrad.errors import DataError, NetgradWarning

N = 60
SIZE = np.random.default_rng(0).uniform(30, 90, N)
TABLE = pd.DataFrame({"size": SIZE, "kind": ["flat", "house"] * (N // 2), "price": 3 * SIZE + 1})
WEEKLY = pd.DataFrame(
    {"sold": 5 + np.sin(np.arange(120) * 2 * np.pi / 7)}, pd.date_range("2024-01-01", periods=120, name="day")
)


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
def test_frames_of_other_libraries_train_and_predict_the_same(library):
    made = pytest.importorskip(library)
    of = made.Table.from_pandas if library == "pyarrow" else made.from_pandas
    x = TABLE.drop(columns="price")
    np.testing.assert_array_equal(TableEncoder().fit(of(x)).transform(of(x)), TableEncoder().fit_transform(x))
    model = ng.fit_table(of(TABLE), "price", epochs=1)
    np.testing.assert_array_equal(model.predict(of(x)), model.predict(x))
    assert model.evaluate(of(x), of(TABLE)["price"])["r2"] == model.evaluate(x, TABLE["price"])["r2"]
    labelled = ng.fit(ng.Sequential([ng.Dense(2)]), of(TABLE.drop(columns="kind")), of(TABLE)["kind"], epochs=1)
    assert set(labelled.predict(of(TABLE))) <= {"flat", "house"}


def test_an_index_of_dates_is_the_times_of_a_forecast():
    column = WEEKLY.reset_index()
    forecaster = ng.fit_forecast(column, "sold", time="day", horizon=3, epochs=1)
    said = forecaster.predict(column)
    for table, time in ((WEEKLY, None), (WEEKLY, "day"), (WEEKLY["sold"], None)):
        other = ng.fit_forecast(table, "sold", time=time, horizon=3, epochs=1)
        pd.testing.assert_frame_equal(other.predict(table), said)
    unnamed = ng.fit_forecast(WEEKLY.rename_axis(None), "sold", horizon=3, epochs=1)
    assert (unnamed.plan.time, unnamed.plan.season) == ("time", 7)
    assert unnamed.predict(WEEKLY.rename_axis(None))["time"].tolist() == said["day"].tolist()


def test_what_is_named_is_looked_for_in_the_index_and_nothing_else_is_taken_for_it():
    panel = pd.concat({"a": WEEKLY, "b": WEEKLY}, names=["shop"])
    table, time = with_times(panel, "day", "shop")
    assert (set(table), time) == ({"shop", "day", "sold"}, "day")
    assert list(with_times(WEEKLY, "hour")[0]) == ["sold"]
    with pytest.raises(DataError, match="no column 'hour'"):
        ng.fit_forecast(WEEKLY, "sold", time="hour")
    periods = WEEKLY.set_axis(WEEKLY.index.to_period("D"))
    assert with_times(periods, None)[1] == "day"


def test_what_is_no_frame_and_no_name_is_said():
    with pytest.raises(DataError, match="expected a data frame with named columns, found a list"):
        ng.fit_table([[1, 2]], "price")
    for fit in (ng.fit_table, ng.fit_forecast):
        with pytest.raises(DataError, match="the target is the name of a column, found a Series: put it into"):
            fit(TABLE, TABLE["price"])


def test_intervals_are_categories():
    table = TABLE.assign(part=pd.cut(TABLE["size"], 3))
    names = TableEncoder().fit(table).feature_names
    assert sum(name.startswith("part=(") for name in names) == 3


def test_dates_are_the_time_where_none_is_named():
    days = pd.date_range("2024-01-01", periods=40).strftime("%Y-%m-%d")
    table = pd.DataFrame({"day": days, "sold": np.arange(40.0) % 7, "shop": ["a", "b"] * 20})
    with pytest.warns(NetgradWarning, match="'day' holds dates: they are taken for the time"):
        forecaster = ng.fit_forecast(table.sample(frac=1, random_state=0), "sold", horizon=2, epochs=1)
    assert forecaster.plan.time == "day"
    assert forecaster.plan.season == 7
    assert time_of(table.assign(until=days), "sold", None) is None  # two of dates: which?
    assert time_of(table[["sold", "shop"]], "sold", None) is None
    twice = table.assign(day=sorted([*days[:20], *days[:20]]))
    with pytest.warns(NetgradWarning, match=r"the same in several rows \(time=day takes them .*, id=COLUMN names"):
        assert time_of(twice, "sold", None) is None
    with pytest.warns(NetgradWarning, match="are taken for the time"):
        assert time_of(twice, "sold", "shop") == "day"
    with pytest.warns(NetgradWarning, match="missing or the same"):
        assert time_of(table.assign(day=[None, *days[1:]]), "sold", None) is None
