"""Regular steps: what times lie on, and those that follow."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgrad.data.kinds import Date
from netgrad.data.steps import Steps
from netgrad.errors import DataError


def days(*texts):
    return np.array([Date().number(text) for text in texts])


@pytest.mark.parametrize(
    ("texts", "words", "following"),
    [
        (("2024-01-30", "2024-01-31", "2024-02-01"), "1 day", "2024-02-02"),
        (("2023-11-01", "2023-12-01", "2024-01-01"), "1 month", "2024-02-01"),
        (("2023-11-30", "2023-12-31", "2024-01-31"), "1 month", "2024-02-29"),
        (("2023-01-15", "2023-04-15", "2023-07-15"), "3 months", "2023-10-15"),
        (("2020-01-01", "2021-01-01", "2022-01-01"), "12 months", "2023-01-01"),
        (("2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:30"), "15 minutes", "2024-01-01 00:45:00"),
        (("2024-01-01T00:00Z", "2024-01-01T06:00Z", "2024-01-01T12:00Z"), "6 hours", "2024-01-01T18:00:00+00:00"),
        (("2024-01-01", "2024-01-08", "2024-01-15"), "1 week", "2024-01-22"),
    ],
)
def test_dates_go_on_as_they_came(texts, words, following):
    times = days(*texts)
    steps = Steps.of([times], dated=True, values=list(texts))
    assert steps.words == words
    np.testing.assert_allclose(steps.numbers(times), [0, 1, 2], atol=1e-6)
    assert steps.written(3) == following


def test_weekdays_have_no_weekend():
    week = [d for d in range(19723, 19723 + 28) if (d + 3) % 7 < 5]  # four weeks from a Monday
    steps = Steps.of([np.array(week, float)], dated=True)
    assert steps.words == "1 weekday"
    assert steps.numbers(np.array(week, float)).tolist() == list(range(20))
    assert datetime.date.fromisoformat(steps.written(20)).weekday() == 0


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e3), st.integers(0, 10_000))
def test_numbers_go_on(first, size, step):
    steps = Steps.of([first + size * np.arange(5)], dated=False)
    np.testing.assert_allclose(steps.time(step), first + size * step, rtol=1e-6, atol=1e-6)
    assert np.rint(steps.numbers(np.array([first + size * step])))[0] == step


def test_what_cannot_go_on():
    with pytest.raises(DataError, match="no series has more than one row"):
        Steps.of([np.array([1.0])], dated=False)
    with pytest.raises(DataError, match="no steps are"):
        Steps("weeks")
    with pytest.raises(DataError, match="beyond the calendar"):
        Steps("even", 1e6, 0.0, dated=True).written(10)
    with pytest.raises(DataError, match="lies in the year"):
        Steps("months", 12.0, 0.0, dated=True).written(9000)
    with pytest.raises(DataError, match="day 1e\\+09 since 1970 lies beyond"):
        Steps("months", 12.0, 1e9, dated=True).written(1)
    assert Steps("even", 2.0, 1.0).words == "2"
    assert Steps("even", 1 / 86400, dated=True).words == "1 second"
    assert Steps("weekdays", dated=True).seasons == [5]
    assert Steps().seasons == []
