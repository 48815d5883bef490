"""What the encoder decides about columns, and says in one warning."""

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from netgrad.data.deciding import decide_column, names_rows
from netgrad.data.encodings import TableEncoder
from netgrad.data.tables import parse_table
from netgrad.data.values import plain
from netgrad.errors import DataError, NetgradWarning

# What is decided about columns, and said in one warning.


def decided(columns, **options):
    """An encoder fitted to these columns, and what it said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        encoder = TableEncoder(**options).fit(pd.DataFrame(columns))
    assert len(caught) <= 1
    return encoder, "".join(str(warning.message) for warning in caught)


def test_what_only_names_the_rows_is_left_out():
    rng = np.random.default_rng(0)
    columns = {
        "row": range(1, 61),
        "shuffled": rng.permutation(60),
        "customer_id": 1000 + 7 * np.arange(60),
        "uuid": [f"{i:x}-{i * i}" for i in range(60)],
        "note": [f"this is the {i}th of many notes about it" for i in range(60)],
        "empty": [None] * 60,
        "year": 1960 + np.arange(60),
        "size": rng.normal(size=60),
    }
    encoder, said = decided(columns)
    assert encoder.feature_names == ["year", "size"]
    assert list(encoder.left_out) == ["row", "shuffled", "customer_id", "uuid", "note", "empty"]
    for words in (
        "'row' numbers",
        "'customer_id' names each",
        "'uuid' holds 60",
        "'note' holds free",
        "'empty' has no",
    ):
        assert words in said
    kept, said = decided(columns, numeric=["row", "shuffled"], categorical=["uuid"])
    assert kept.feature_names[:2] == ["row", "shuffled"]
    assert len(kept.feature_names) == 64
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    assert again.left_out == encoder.left_out


def test_a_column_that_numbers_the_rows_is_kept_where_there_is_no_other():
    encoder, said = decided({"t": range(100)})
    assert encoder.feature_names == ["t"]
    assert not said


def test_rare_categories_are_one():
    texts = [f"c{i % 50}" for i in range(500)] + [f"rare {i}" for i in range(100)]
    encoder, said = decided({"k": texts, "n": np.arange(600) / 7})
    assert "column 'k' holds 150 categories: all but the 50 most frequent are one" in said
    assert len(encoder.feature_names) == 52
    x = encoder.transform(pd.DataFrame({"k": ["rare 3", "never met", "c7"], "n": 1}))
    assert [encoder.feature_names[i] for i in x[:, :51].argmax(axis=1)] == ["k=(other)", "k=(other)", "k=c7"]
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_array_equal(again.transform(pd.DataFrame({"k": ["x", "c1"], "n": 2}))[:, 50], [1, 0])


def test_a_few_words_among_numbers_are_missing():
    encoder, said = decided({"k": [*map(str, range(5, 60)), "unknown", "unknown"]})
    assert "column 'k' holds 'unknown' among numbers: taken for missing" in said
    assert encoder.feature_names == ["k", "k missing"]
    np.testing.assert_allclose(encoder.transform(pd.DataFrame({"k": ["unknown", 32]})), [[0, 1], [0, 0]], atol=1e-6)
    with pytest.raises(DataError, match="column 'k' holds 'strange' in row 1 of 1: expected a number"):
        encoder.transform(pd.DataFrame({"k": ["strange"]}))
    told, said = decided({"k": [*range(20), *"abcdef"]}, numeric=["k"])
    assert "'a', 'b', 'c', 'd', 'e' and 1 more words among numbers" in said
    assert told.columns[0].kind == "number"
    with pytest.raises(DataError, match="holds '2024-01-31' in row 1 of 1: expected numbers, as it was told"):
        TableEncoder(numeric=["k"]).fit(pd.DataFrame({"k": ["2024-01-31"]}))


@pytest.mark.parametrize(
    ("odd", "kind", "words"),
    [
        (
            ["[98]", "[237]", "[244]", "[243]"],
            "number",
            "'[98]', '[237]', '[244]', '[243]' among numbers in 4 of 64 rows: taken",
        ),
        (["207a", "c168", "5297/23", "12b"], "category", ""),  # names of sixty
        ([f"{i}a" for i in range(40)], "category", "is taken for 100 categories ('0a' stands among numbers)"),
        ([f"w{i}." for i in "abcdefghijklmnopqrstuvwxyz"], "category", "('wa.' stands among numbers)"),
    ],
)
def test_many_words_among_numbers_do_not_stop_the_rest(odd, kind, words):
    numbers = [f"{i}.5" if odd[0][0] in "[w" else f"{i}" for i in range(60)]
    encoder, said = decided({"k": [*numbers, *odd] * (1 if kind == "number" else 2)})
    assert encoder.columns[0].kind == kind
    assert words in said


def test_the_odd_one_is_named_where_numbers_are_categories():
    flights = [*map(str, range(1, 10)), *(f"{i}{k}" for i in range(41, 50) for k in "BC")]
    said = decided({"flight": flights, "x": range(27)}, missing_values=[])[1]
    assert "27 different texts in 27 rows, as names of them do ('41C' stands among numbers)" in said


def test_several_orders_of_the_numbers_of_the_rows_are_ranks():
    rng = np.random.default_rng(0)
    ranks = {name: 1 + rng.permutation(60) for name in ("wealth", "crime", "row")}
    encoder, said = decided({"no": range(60), **ranks, "size": rng.normal(size=60)})
    assert encoder.feature_names == ["wealth", "crime", "size"]
    assert "'no' numbers the rows" in said
    assert "'row' numbers the rows" in said


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["$1,500", "$20.5"], "'k' is read as numbers ('$1,500' as 1500)"),
        (["1,234", "2,345"], "'k' is read with a comma for thousands ('1,234' as 1234), as none of its numbers tells"),
        (["01/02/2020", "03/04/2020"], "'k' is read as dates with the day first ('01/02/2020'), as none of them tells"),
        (
            ["1.5M", "300k"],
            "'k' is taken for 2 categories ('1.5M' is in no form of number, date or time that is known)",
        ),
        (["1", "2", "A1"], "'k' is taken for 3 categories ('A1' stands among numbers)"),
        (["1.5", "2"], ""),
        (["2020-01-31", "2021-02-28"], ""),
        (["red", "blue"], ""),
    ],
)
def test_what_may_be_read_otherwise_is_said(texts, words):
    said = decided({"k": texts})[1]
    assert words in said
    assert bool(words) == bool(said)


def test_many_notes_are_counted():
    said = decided({f"c{i}": ["1 kg", "2 kg"] for i in range(40)})[1]
    assert said.count("is read as numbers") == 30
    assert said.endswith("and 10 more such columns")
    said = decided({f"c{i}": [1, None] for i in range(15)})[1]
    assert "'c9' and 5 more: filled" in said


def test_the_kinds_of_the_whole_hold_for_a_part_of_it():
    whole = pd.DataFrame(
        {"k": ["a", "b", "c", None] * 10, "n": ["1,5", "2,5", "3", "4"] * 10, "z": [1.0, 2, 3, None] * 10}
    )
    encoder = decided(whole)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = TableEncoder().fit(whole[:2], encoder)
    assert part.feature_names == ["k=a", "k=b", "k missing", "n", "z", "z missing"]
    assert part.columns[1].offset == 2.0
    gone = TableEncoder().fit(pd.DataFrame({"k": [None] * 2, "n": ["1"] * 2, "z": [None] * 2}), encoder)
    assert gone.columns[2].fill == encoder.columns[2].fill


def test_one_row_is_read_as_it_is_among_others_from_every_source():
    rng = np.random.default_rng(0)
    texts = pd.DataFrame(
        {
            "k": rng.choice(["01", "1", "A1", "TRUE", ""], 40),
            "b": rng.choice(["yes", "No", "?"], 40),
            "n": [f"{x:,.2f} €".replace(",", " ").replace(".", ",") for x in rng.normal(size=40) * 1e4],
            "d": [f"{i % 28 + 1}.{i % 12 + 1}.2024" for i in range(40)],
            "t": [f"{i % 24}:{i:02}" for i in range(40)],
        }
    )
    encoder = decided(texts)[0]
    assert [column.kind for column in encoder.columns] == ["category", "boolean", "number", "date", "time"]
    whole = encoder.transform(texts)
    records = texts.to_dict("records")
    for i, record in enumerate(records):
        np.testing.assert_array_equal(encoder.transform(texts[i : i + 1])[0], whole[i])
        np.testing.assert_array_equal(encoder.transform_records([record])[0], whole[i])
    np.testing.assert_array_equal(encoder.transform_records(records), whole)
    read = parse_table(texts.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode())
    np.testing.assert_array_equal(encoder.transform(read), whole)


def test_words_that_mean_missing():
    quoted = parse_table(b'k,n\n"NA",1\nNA,NA\n"None",3\n"NA",-\n')
    encoder = decided(quoted)[0]
    assert encoder.feature_names == ["k=NA", "k=None", "k missing", "n", "n missing"]
    x = encoder.transform_records([{"k": "NA", "n": "NA"}, {"k": "n/a", "n": 1}])
    np.testing.assert_array_equal(x[:, [0, 2, 4]], [[1, 0, 1], [1, 1, 0]])  # filled with NA
    own = parse_table(b"k,n\nNA,-999\nx,2\nNA,5\n", missing_values=["-999"])
    encoder = decided(own, missing_values=["-999"])[0]
    assert encoder.feature_names == ["k=NA", "k=x", "n", "n missing"]
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    for word in ("-999", -999, -999.0, "-999.0"):
        assert again.transform_records([{"k": "x", "n": word}])[0, 3] == 1
    typed = decided({"n": [1.0, -999, 3]}, missing_values=["-999", "none"])[0]
    assert typed.columns[0].fill == 2


# Encoders of models that were saved before columns had kinds of their own.

FILES = Path(__file__).parent / "files"


def test_points_part_thousands_where_other_columns_have_decimal_commas():
    table = pd.DataFrame({"a": ["1.234", "950", "12.000"], "b": ["1,5", "2,25", "3"], "c": ["x", "y", "x"]})
    with pytest.warns(
        NetgradWarning, match="'a' is read with a point for thousands .'1.234' as 1234., as other columns"
    ):
        encoder = TableEncoder("none").fit(table)
    assert encoder.transform(table)[:, :2].tolist() == [[1234, 1.5], [950, 2.25], [12000, 3]]
    for other in (["0.5", "2", "3"], ["1,234.5", "2", "3"]):  # points elsewhere: nothing is certain
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = TableEncoder("none").fit_transform(table.assign(d=other))
        assert x[0, 0] == pytest.approx(1.234)


@pytest.mark.parametrize("dtype", [str, int, float, object])
def test_days_written_as_one_number_are_dates(dtype):
    days = pd.Series([20240131, 20240201, 20231224] * 9).astype(dtype)
    with pytest.warns(NetgradWarning, match="'day' is read as dates .20240131 as 2024-01-31."):
        encoder = TableEncoder("none").fit(pd.DataFrame({"day": days}))
    x = encoder.transform(pd.DataFrame({"day": days}))
    assert x[1, 0] - x[0, 0] == 1
    assert encoder.feature_names[0] == "day"
    assert "day sine of week" in encoder.feature_names
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_array_equal(again.transform(pd.DataFrame({"day": [20240131, 20240201]})), x[:2])
    np.testing.assert_array_equal(again.transform(pd.DataFrame({"day": ["2024-01-31"]})), x[:1])
    assert TableEncoder(numeric=["day"]).fit(pd.DataFrame({"day": days})).columns[0].kind == "number"


@pytest.mark.parametrize("numbers", [[20240131, 20241301], [20240131] * 2, [2024013, 20240131], [20240131.5, 20240201]])
def test_numbers_that_are_not_all_days_stay_numbers(numbers):
    table = pd.DataFrame({"day": numbers, "x": [1, 2]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert TableEncoder("none").fit(table).columns[0].kind == "number"


@pytest.mark.parametrize("name", ["rownames", "row.names", "Row_Number", "Unnamed: 0"])
def test_names_of_rows_are_left_out_whatever_they_are_and_however_few(name):
    for values in ([85, 86, 91, 226], [f"Mazda {i}" for i in range(30)], list(range(40, 0, -1))):
        decision = decide_column(name, plain(values))
        assert decision.kind is None
        assert "the rows" in decision.note or "names each row" in decision.note
        assert names_rows(decision.note)
    assert decide_column(name, plain([1, 1, 2])).kind is not None  # names nothing
    assert decide_column(name, plain([85, 86, 91]), keep=True).kind is not None
    assert decide_column("rows", plain([85, 86, 91])).kind is not None


def test_columns_that_name_most_rows_are_left_out():
    """An id of which a few stand twice; names of which few are shared: as numbers or categories they tell nothing."""
    ids = [*range(1000, 1060), 1003, 1004]
    for name in ("ID", "sample_id", "patientId"):
        note = decide_column(name, plain(ids)).note
        assert note == f"column {name!r} holds 60 different numbers in 62 rows, as names of them do: left out"
        assert names_rows(note)
    assert decide_column("weight", plain(ids)).kind is not None
    assert decide_column("ID", plain([1, 2, 3] * 20)).kind is not None  # few, each with many rows
    genera = [f"Genus{i}" for i in range(60)] + ["Genus1", "Genus2"]
    assert "60 different texts in 62 rows, as names of them do" in decide_column("genus", plain(genera)).note
    assert decide_column("genus", plain(genera[:30] * 2)).kind is not None
