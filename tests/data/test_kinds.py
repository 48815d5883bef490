"""The contract of every kind of column, and what each reads as what."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgrad.data.kinds import KINDS, TRIED, Boolean, Category, Date, Number, Time, UnreadableError, decide, kind_of
from netgrad.data.values import plain

# For each kind: values of a column that is of it with the numbers that they are, later values, and one that is none.
CASES = [
    (Boolean(), {"TRUE": 1, "false": 0, "True": 1}, {True: 1, 0: 0, "yes": 1, "off": 0, "N": 0}, "maybe"),
    (Boolean(), {"y": 1, "n": 0}, {"Y": 1, "true": 1}, 2),
    (Boolean(), {True: 1, False: 0}, {"1": 1, "0": 0}, "2"),
    (Number(), {"1": 1, "-2.5e3": -2500, ".5": 0.5, "+7": 7}, {3: 3, 2.5: 2.5, "1,500": 1500, "\u22127": -7}, "big"),
    (Number(), {3: 3, 2.5: 2.5}, {"4": 4}, True),
    (Number(","), {"0,5": 0.5, "1.234,25": 1234.25, "7": 7}, {2.5: 2.5, "1.234": 1234}, "1.5"),
    (Number(","), {"1\u00a0234,5": 1234.5, "2": 2}, {"1 000,5": 1000.5}, "1,2,3"),
    (Number(".", "$"), {"$1,500": 1500, "-$3.50": -3.5, "($2)": -2}, {"20": 20, 7: 7, "($4)": -4}, "4 kg"),
    (Number(".", "%"), {"10%": 10, "2.5 %": 2.5, "0": 0}, {"7": 7, 3: 3}, "10 $"),
    (Number(".", "kg"), {"1 kg": 1, "2.5kg": 2.5}, {"3": 3}, "3 g"),
    (Number(), {"\u20130.5": -0.5, "1.25": 1.25}, {"\u20107": -7}, "3\u20135"),
    (Number(",", "€"), {"€ 5": 5, "1.000,50 €": 1000.5}, {"7 €": 7}, "$7"),
    (Number(), {"1'234": 1234, "5'678.5": 5678.5, "\u22123": -3, "4-": -4, "(5)": -5}, {"1,50,000": 150000}, "(5"),
    (Date(), {"1970-01-02": 1, "1970-01-03T12:00:00Z": 2.5, "1970-02": 31}, {"02 Jan 1970": 1}, "soon"),
    (Date(), {"2 Jan 1970": 1, "Mar 1, 1970": 59, "4-Jan-70": 3}, {"1970-01-02": 1}, "31 Foo 1970"),
    (Date(), {datetime.date(1970, 1, 2): 1, datetime.datetime(1970, 1, 2, 12): 1.5}, {"1970-01-02": 1}, 5),
    (Date(), {"1970Q2": 90, "1971-Q1": 365, "Q3 1970": 181}, {"1970-01-02": 1}, "1970Q5"),
    (Date(), {"1970M02": 31, "Mar 1970": 59, "1970 Apr.": 90, "5/1970": 120}, {"May-1970": 120}, "1970M13"),
    (Date("dmy"), {"13/01/1970": 12, "2/1/1970 6:00 pm": 1.75}, {"1970-01-02": 1}, "1/13/1970"),
    (Date("mdy"), {"01/13/1970": 12, "1/2/70": 1}, {datetime.date(1970, 1, 2): 1}, "13/01/1970"),
    (Date("dmy"), {"31.12.1970": 364, "01.01.1971": 365}, {"2.1.70": 1}, "1.2.3"),
    (Time(), {"12:30": 12.5, "1:15 pm": 13.25, "00:00:36": 0.01}, {datetime.time(6, 30): 6.5, "36:00": 36}, "12:60"),
    (Time(), {datetime.time(6, 30): 6.5}, {"12:30:18": 12.505}, 3),
    (Time(), {"0 days 00:00:36": 0.01, "2 days, 03:30:00": 51.5}, {"-1 days +23:00:00": -1, "12:30": 12.5}, "2 days"),
    (Category(("01", "1", "A1")), {}, {"01": 0, "A1": 2, "1": 1, 1: 1, "x": -1, "1.0": 1}, None),
    (Category(("FALSE", "TRUE"), rare=True), {}, {True: 1, "FALSE": 0, "true": 2, 0: 2}, None),
]


def of(value):
    """An array of one value, or of several."""
    return plain(value if isinstance(value, list) else [value])


@pytest.mark.parametrize(("kind", "training", "later", "wrong"), CASES)
def test_the_contract_of_kinds(kind, training, later, wrong):
    if training:
        assert decide(of(list(training))) == kind
        assert decide(of([*training, None, ""])) == decide(of(list(training)))
    values = {**training, **later}
    x = kind.convert(of([*values, None]))
    np.testing.assert_allclose(x[:-1], list(values.values()), rtol=1e-12, atol=1e-9)
    assert np.isnan(x[-1])
    # One by one, by pandas, and again from JSON: the same, whatever stands beside a value.
    assert [kind.convert(of(value))[0] for value in values] == x[:-1].tolist()
    np.testing.assert_array_equal(kind.convert(plain(pd.Series([*values, None], dtype=object))), x)
    fields = json.loads(json.dumps(kind.to_json()))
    again = kind_of(kind.name, fields | ({"levels": list(kind.levels)} if isinstance(kind, Category) else {}))
    assert again == kind
    features = kind.spread(x[:-1])
    assert features.shape == (len(values), len(kind.features))
    assert np.isfinite(features).all()
    if wrong is not None:
        with pytest.raises(UnreadableError) as caught:
            kind.convert(of([*training, wrong]))
        assert caught.value.row == len(training)
        assert kind.expected
    assert np.isfinite(kind.convert(of(kind.example))).all()


def test_whole_floats_are_read_as_integers_are():
    assert Category(("1", "2.0")).convert(of([1.0, 2.0, 2])).tolist() == [0, 1, 1]
    assert Category(("7",)).convert(np.array([7.0])).tolist() == [0]


def test_every_registered_kind_has_a_case():
    assert {type(kind) for kind, *_ in CASES} == set(KINDS.values()) == {*TRIED, Category}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("length", {}),
        ("number", {"decimal": ";"}),
        ("number", {"unit": 3}),
        ("number", {"odd": 3}),
        ("date", {"order": "myd"}),
        ("date", {"parts": ["century"]}),
        ("category", {"levels": [1]}),
        ("category", {"rare": 1}),
        ("boolean", [1]),
    ],
)
def test_descriptions_of_no_kind(name, form):
    with pytest.raises((TypeError, ValueError)):
        kind_of(name, form)


@pytest.mark.parametrize(
    "texts",
    [
        ["red", "blue"],
        ["1 kg", "500 g"],
        ["1.5M", "300k"],
        ["10 kg", "5"],
        ["0.5", "0,5"],
        ["1_000", "2"],
        ["١٢", "٣"],
        ["Q1", "Q2"],
        ["Model 2000", "Model 2001"],
        ["5/100", "6/100"],
        ["1,2,3", "4"],
        ["$5 kg", "$6 kg"],
        ["13/13/2020", "01/02/2020"],
        ["2020-02-30", "2020-02-28"],
        ["555-12-3456", "555-13-1234"],
        ["25:00 pm", "12:30"],
        ["inf", "1"],
        ["nan", "1"],
        ["0x10", "1"],
        ["yes", "1"],
        ["t", "t"],
        [None],
    ],
)
def test_texts_that_are_of_no_kind(texts):
    assert decide(plain(texts)) is None


def test_what_the_texts_leave_open():
    assert Number.open_to_both(["1,234", "2,500"])
    assert not Number.open_to_both(["1,234", "2,5"])
    assert not Number.open_to_both(["1234"])
    assert decide(plain(["1,234", "2,500"])) == Number()
    assert decide(plain(["1,234", "2,500"]), decimal=",") == Number(",")
    assert decide(plain(["1.234", "2.500"]), decimal=",") == Number()
    assert Date.open_to_both(["01/02/2020"])
    assert not Date.open_to_both(["13/02/2020"])
    assert not Date.open_to_both(["02/02/2020"])


WRITTEN = {
    Number(): lambda x: f"{x:,}",
    Number(","): lambda x: f"{x:,}".translate(str.maketrans(",.", ".,")),
    Number(".", "$"): lambda x: f"-${-x:,}" if x < 0 else f"${x:,}",
    Number(",", "%"): lambda x: f"{x:_} %".translate(str.maketrans("_.-", "\u00a0,\u2212")),
}


@given(st.lists(st.decimals(-1e9, 1e9, places=2).map(float), min_size=2, max_size=20, unique=True))
def test_numbers_written_in_many_ways_are_read_as_they_were_meant(numbers):
    for kind, write in WRITTEN.items():
        texts = [write(x) for x in numbers]
        np.testing.assert_array_equal(kind.convert(plain(texts)), numbers)
        found = decide(plain([*texts, write(1234567.25)]))  # which leaves nothing open
        assert found == kind


@given(st.lists(st.datetimes(), min_size=2, max_size=20, unique=True))
def test_dates_written_in_many_ways_are_read_as_they_were_meant(moments):
    days = Date().convert(plain(moments))
    ways = {"ymd": "%Y-%m-%d %H:%M:%S.%f", "dmy": "%d.%m.%Y %H:%M:%S.%f", "mdy": "%m/%d/%Y %H:%M:%S.%f"}
    for order, way in ways.items():
        # A year of less than four digits is written with zeros by hand: strftime does not.
        texts = [moment.strftime(way.replace("%Y", f"{moment.year:04}")) for moment in moments]
        np.testing.assert_allclose(Date(order).convert(plain(texts)), days, rtol=0, atol=1e-9)


def test_dates_beyond_the_range_of_nanoseconds_and_with_zones():
    x = Date().convert(plain(["2824-01-31", "0024-01-31", "2024-01-01T00:00:00+02:00"]))
    first = datetime.date(1970, 1, 1).toordinal()
    expected = [datetime.date(2824, 1, 31).toordinal(), datetime.date(24, 1, 31).toordinal()]
    assert (x[:2] + first).tolist() == expected
    assert x[2] == Date().convert(plain(["2023-12-31T22:00Z"]))[0]
    instants = pd.Series(pd.to_datetime(["2024-01-01T06:00", None], utc=True).tz_convert("Europe/Berlin"))
    np.testing.assert_allclose(Date().convert(plain(instants)), [19723.25, np.nan])


def test_parts_of_dates_are_those_that_differ():
    days = Date().convert(plain(["2024-01-01", "2024-01-02"]))
    assert Date().with_parts(days).parts == ("week",)
    weeks = np.arange(0, 364, 7.0)
    assert Date().with_parts(weeks).parts == ("year",)
    hours = np.arange(0, 100) / 24
    kind = Date().with_parts(hours)
    assert kind.parts == ("week", "day")
    assert kind.features == ("", " sine of week", " cosine of week", " sine of day", " cosine of day")
    assert Date().with_parts(days[:1]).parts == ()
    np.testing.assert_allclose(np.hypot(*kind.spread(hours)[:, 1:3].T), 1)


def test_many_plain_numbers_are_read_as_few_are():
    texts = [repr(x) for x in np.random.default_rng(0).normal(size=2000).tolist()]
    many, few = Number().convert(plain(texts)), [Number().convert(plain([text]))[0] for text in texts]
    assert many.tolist() == few
    with pytest.raises(UnreadableError) as caught:
        Number().convert(plain([*texts, "inf"]))
    assert caught.value.row == 2000
    assert Number().convert(plain([*texts, "1,000"]))[-1] == 1000
    with pytest.raises(UnreadableError):
        Number().convert(np.array([1.0, np.inf]))
    with pytest.raises(UnreadableError):
        Number().convert(plain([1, 10**400]))
