"""What a column is taken for, and how its values become numbers or texts."""

import datetime

import numpy as np
import pandas as pd
import pytest

from netgrad.data.columns import as_numbers, as_texts, kind_of, refuse_missing
from netgrad.errors import DataError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, None], "number"),
        (["1", "-2e3", None], "number"),
        ([True, False], "boolean"),
        ([True, None], "boolean"),
        (["a", "b", None], "category"),
        (["a", "1"], "number or error"),
        (["a", "b", "1"], "category"),
        (["2024-01-01", "2024-01-02 10:30:00"], "date"),
        (pd.to_datetime(["2024-01-01"]), "date"),
        (pd.to_datetime(["2024-01-01"]).tz_localize("Europe/Berlin"), "date"),
        ([datetime.date(2024, 1, 1)], "date"),
        (["31/12/2024", "01/02/2024"], "category"),
        (pd.Categorical([1, 2]), "category"),
        ([None, None], "category"),
        (pd.array([1, None], dtype="Int64"), "number"),
        (pd.array([True, None], dtype="boolean"), "boolean"),
    ],
)
def test_kinds(values, kind):
    series = pd.Series(values, name="c")
    if kind == "number or error":
        with pytest.raises(DataError, match="column 'c' holds 'a' in row 1 of 2: expected a number as in most"):
            kind_of(series)
    else:
        assert kind_of(series) == kind


def test_numbers_of_nullable_columns():
    np.testing.assert_array_equal(as_numbers(pd.Series([1, None], dtype="Int64")), [1, np.nan])
    np.testing.assert_array_equal(as_numbers(pd.Series([True, None], dtype="boolean"), "boolean"), [1, np.nan])


def test_booleans_read_the_same_however_they_are_written():
    for values in ([True, False], [1, 0], [1.0, 0.0], ["True", "false"], ["1", "0"]):
        np.testing.assert_array_equal(as_numbers(pd.Series(values), "boolean"), [1, 0])
    with pytest.raises(DataError, match="holds 'maybe' in row 2 of 2: expected true or false"):
        as_numbers(pd.Series(["true", "maybe"], name="c"), "boolean")


def test_dates_read_the_same_however_they_are_kept():
    texts = pd.Series(["2024-01-01", "2024-01-01T06:00"])
    for series in (texts, pd.to_datetime(texts, format="ISO8601")):
        np.testing.assert_allclose(as_numbers(series, "date"), [19723, 19723.25])
    with pytest.raises(DataError, match="holds 'soon' in row 1 of 1: expected a date such as"):
        as_numbers(pd.Series(["soon"]), "date")


def test_infinity_is_not_a_number_to_learn_from():
    with pytest.raises(DataError, match="holds inf in row 2 of 2: expected a number"):
        as_numbers(pd.Series([1.0, np.inf]))


def test_texts_of_whole_floats_read_as_integers():
    assert as_texts(pd.Series([1, 2])).tolist() == as_texts(pd.Series([1.0, 2.0])).tolist() == ["1", "2"]
    assert as_texts(pd.Series([1.5])).tolist() == ["1.5"]
    assert as_texts(pd.Series(pd.Categorical(["a", None]))).isna().tolist() == [False, True]


def test_missing_values_are_counted():
    refuse_missing(pd.Series([1, 2]), "x")
    with pytest.raises(DataError, match="column 'c' has 2 missing values in 3 rows, the first in row 2: do this"):
        refuse_missing(pd.Series(["a", None, None], name="c"), "do this")


def test_durations_are_days_and_complex_numbers_are_refused():
    durations = pd.Series(pd.to_timedelta([36, None], unit="h"))
    assert kind_of(durations) == "number"
    np.testing.assert_array_equal(as_numbers(durations), [1.5, np.nan])
    with pytest.raises(DataError, match="column 'c' holds complex numbers"):
        kind_of(pd.Series([1j], name="c"))


def test_a_whole_number_beyond_every_float_is_no_number():
    series = pd.Series([1, 10**400], name="size", dtype=object)
    with pytest.raises(DataError, match=r"column 'size' holds 1000.*\.\.\. in row 2 of 2: expected a number"):
        as_numbers(series)
    with pytest.raises(DataError, match="row 2 of 2"):
        kind_of(pd.Series(["1", "x" * 10_000], name="size"))


def test_dates_beyond_the_range_of_nanoseconds():
    days = as_numbers(pd.Series(["2824-01-31", "0024-01-31", None]), "date")
    expected = [datetime.date(2824, 1, 31).toordinal(), datetime.date(24, 1, 31).toordinal()]
    assert (days[:2] + datetime.date(1970, 1, 1).toordinal()).tolist() == expected
    assert np.isnan(days[2])
