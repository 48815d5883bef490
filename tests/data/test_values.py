"""Values of a column from wherever they come: the same Python values."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from netgrad.data.values import holds, missing, plain, refuse_missing, text_of
from netgrad.errors import DataError


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["a ", "\u00a0b", " ", None, float("nan"), pd.NA, pd.NaT], ["a", "b", None, None, None, None, None]),
        (pd.Series(["a", None]), ["a", None]),
        (pd.Series(["a", None], dtype=object), ["a", None]),
        (pd.Series(pd.Categorical(["u", None])), ["u", None]),
        (pd.Series([1, None], dtype="Int64"), [1, None]),
        (pd.Series([True, None], dtype="boolean"), [True, None]),
        (pd.Series([True, False]), [True, False]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([True]), [True]),
        ([np.float32(1.5), np.int8(2), np.str_("x"), np.bool_(True)], [1.5, 2, "x", True]),
        ([decimal.Decimal("1.25")], [1.25]),
        ([datetime.timedelta(hours=36)], [1.5]),
        ([np.datetime64("2024-01-31")], [datetime.datetime(2024, 1, 31)]),
        ([datetime.time(1, 2)], [datetime.time(1, 2)]),
    ],
)
def test_values_become_plain(column, expected):
    found = plain(column).tolist()
    assert found == expected
    assert [type(value) for value in found] == [type(value) for value in expected]
    assert missing(plain(column)).tolist() == [value is None for value in expected]


def test_numbers_stay_arrays():
    assert plain(np.array([1, 2], np.int8)).dtype == np.int8
    np.testing.assert_array_equal(plain(pd.Series([1.5, None])), [1.5, np.nan])
    np.testing.assert_array_equal(plain(pd.Series(pd.to_timedelta([36, None], unit="h"))), [1.5, np.nan])
    assert missing(np.array([1, 2])).tolist() == [False, False]


def test_periods_are_their_beginning():
    months = pd.Series(pd.PeriodIndex(["2024-02", None], freq="M"))
    assert plain(months).tolist() == [datetime.datetime(2024, 2, 1), None]


@pytest.mark.parametrize(
    ("value", "what"),
    [([1, 2], "values of the type list"), ({"a": 1}, "dict"), (b"x", "bytes"), (1j, "complex numbers")],
)
def test_what_is_no_single_value_is_refused(value, what):
    with pytest.raises(DataError, match=f"holds .*{what}: expected one number, text, date or time"):
        plain(pd.Series([value, None], dtype=object))


def test_texts_of_values():
    assert [text_of(value) for value in (1, 1.0, 1.5, "01", False)] == ["1", "1", "1.5", "01", "False"]
    assert text_of("e\u0301") == "\u00e9"


def test_messages_about_values():
    assert holds("c", np.array(["x" * 100], object), 0) == f"column 'c' holds '{'x' * 79}... in row 1 of 1"
    assert holds("c", plain([datetime.date(2024, 1, 31)]), 0) == "column 'c' holds '2024-01-31' in row 1 of 1"
    refuse_missing("c", plain([1, 2]), "x")
    with pytest.raises(DataError, match="column 'c' has 2 missing values in 3 rows, the first in row 2: do this"):
        refuse_missing("c", plain(["a", None, None]), "do this")
