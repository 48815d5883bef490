"""Tables to features: what the training table taught holds for every later table, also through JSON."""

import csv
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import netgrad
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.tables import parse_table, read_table
from netgrad.errors import DataError, FileError, NetgradError, NetgradWarning


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, 30),
            "rooms": rng.integers(1, 9, 30),
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], 30),
            "garden": rng.random(30) < 0.5,
            "built": pd.date_range("2000-01-01", periods=30, freq="W").strftime("%Y-%m-%d"),
            "constant": 7.0,
        }
    )


@pytest.mark.parametrize(("scaling", "reference"), [("standardise", StandardScaler()), ("range", MinMaxScaler())])
def test_numbers_are_scaled_as_scikit_learn_scales_them(table, scaling, reference):
    numbers = table[["age", "rooms", "constant"]]
    encoded = TableEncoder(scaling).fit_transform(numbers)
    np.testing.assert_allclose(encoded, reference.fit_transform(numbers), atol=1e-6)


def test_every_kind_of_column_finds_its_place(table):
    encoder = TableEncoder().fit(table)
    names = ["age", "rooms", "town=Bonn", "town=Kiel", "town=Ulm", "garden", "built"]
    names += ["built sine of year", "built cosine of year", "constant"]
    assert encoder.feature_names == names
    x = encoder.transform(table)
    assert x.dtype == np.float32
    assert x.shape == (30, 10)
    np.testing.assert_array_equal(x[:, 2:5], np.array(table["town"])[:, None] == ["Bonn", "Kiel", "Ulm"])
    np.testing.assert_array_equal(x[:, 5], table["garden"])
    np.testing.assert_allclose(np.diff(x[:, 6]), x[1, 6] - x[0, 6], rtol=1e-4)
    np.testing.assert_allclose(np.hypot(x[:, 7], x[:, 8]), 1, rtol=1e-6)
    np.testing.assert_array_equal(x[:, 9], 0)


def test_no_scaling_leaves_the_numbers(table):
    np.testing.assert_array_equal(TableEncoder("none").fit_transform(table[["rooms", "constant"]])[:, 1], 7)


def test_a_constant_column_says_nothing_later_either():
    encoder = TableEncoder().fit(pd.DataFrame({"a": [0.1, 0.1, 0.1], "b": [1, 2, 3]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"a": [1e6], "b": [2]})), [[0, 0]])


@pytest.mark.parametrize("missing", ["error", "impute"])
def test_what_was_learnt_survives_json(table, missing):
    encoder = TableEncoder("range", missing=missing, unknown="error", categorical=["rooms"]).fit(table)
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_array_equal(again.transform(table), encoder.transform(table))
    assert again.feature_names == encoder.feature_names
    assert again.to_config() == encoder.to_config()


def test_a_later_table_is_scaled_as_the_training_table_was(table):
    encoder = TableEncoder().fit(table)
    np.testing.assert_array_equal(encoder.transform(table.iloc[3:4]), encoder.transform(table)[3:4])


def test_order_and_further_columns_do_not_matter(table):
    encoder = TableEncoder().fit(table)
    other = table[table.columns[::-1]].assign(more="text")
    np.testing.assert_array_equal(encoder.transform(other), encoder.transform(table))


def test_whole_number_categories_read_the_same_from_a_column_that_became_float():
    encoder = TableEncoder(categorical=["zip"], missing="impute").fit(pd.DataFrame({"zip": [10, 20, 20]}))
    np.testing.assert_array_equal(encoder.transform(pd.DataFrame({"zip": [10.0, np.nan]})), [[1, 0], [0, 1]])


def test_an_unknown_category_becomes_zeros_with_a_warning_or_an_error(table):
    later = table.assign(town=["Rome", "Paris", *table["town"][2:]])
    with pytest.warns(UserWarning, match=r"'town' holds 'Rome' in row 1 of 30.*as zeros \(2 such rows\)"):
        x = TableEncoder().fit(table).transform(later)
    np.testing.assert_array_equal(x[:2, 2:5], 0)
    with pytest.raises(DataError, match=r"holds 'Rome' in row 1 of 30.*known are Bonn, Kiel, Ulm"):
        TableEncoder(unknown="error").fit(table).transform(later)


def test_missing_values_are_an_error_that_names_column_and_count(table):
    table.loc[[4, 9], "age"] = np.nan
    with pytest.raises(DataError, match="column 'age' has 2 missing values in 30 rows, the first in row 5"):
        TableEncoder(missing="error").fit(table)
    encoder = TableEncoder(missing="error").fit(table.dropna())
    with pytest.raises(DataError, match="column 'age' has 2 missing values"):
        encoder.transform(table)


def test_imputation_remembers_the_training_table(table):
    table.loc[0, "age"] = np.nan
    table.loc[1, "town"] = None
    with pytest.warns(
        NetgradWarning, match="missing values in 'age', 'town': filled with the mean or the most frequent"
    ):
        encoder = TableEncoder().fit(table)
    x = encoder.transform(table)
    mean, most = table["age"].mean(), table["town"].mode()[0]
    expected = encoder.transform(table.fillna({"age": mean, "town": most}))
    said = [encoder.feature_names.index(name) for name in ("age missing", "town missing")]
    np.testing.assert_array_equal(x[:, said].T, [np.arange(30) == 0, np.arange(30) == 1])
    expected[:, said] = x[:, said]
    np.testing.assert_allclose(x, expected, atol=1e-7)
    assert x[0, 0] == pytest.approx(0, abs=1e-6)
    # A column that was complete in training may have holes later.
    hole = table.iloc[5:6].astype({"garden": object}).assign(garden=None, rooms=np.nan, built=None)
    with pytest.warns(NetgradWarning, match="column 'rooms' has 1 missing value in 1 rows, .* and was trained on none"):
        x = encoder.transform(hole)
    assert x[0, encoder.feature_names.index("garden")] == table["garden"].mode()[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": []}, "the table has 0 rows and 1 columns"),
        ({}, "the table has 0 rows and 0 columns"),
        (
            {"a": [*range(20), *"abcdef"]},
            "column 'a' holds 'a' in row 21 of 26: expected a number as in most .* missing_values=WORDS says",
        ),
        ({"a": [None, None]}, "no column to learn from: column 'a' has no values at all"),
        ({"a": [f"name {i}" for i in range(200)]}, "no column to learn from: .* 200 different texts in 200 rows"),
        ({"a": [[1], [2]]}, "column 'a' holds values of the type list: expected one number"),
        ({"a": [1j, 2j]}, "column 'a' holds complex numbers"),
        ({"a": [1.0, 1e200]}, r"column 'a' holds numbers as large as 1e\+200 cannot be scaled"),
        ({"a": [1.0, np.inf]}, "column 'a' holds inf in row 2 of 2"),
    ],
)
def test_tables_that_cannot_be_encoded(table, message):
    with pytest.raises(DataError, match=message) as caught:
        TableEncoder().fit(pd.DataFrame(table))
    assert "\n" not in str(caught.value)


def test_many_categories_are_fine_when_named():
    table = pd.DataFrame({"a": [f"name {i}" for i in range(200)]})
    assert len(TableEncoder(categorical=["a"]).fit(table).feature_names) == 200


def test_duplicate_and_missing_columns(table):
    with pytest.raises(DataError, match="more than one column 'age'"):
        TableEncoder().fit(pd.concat([table, table[["age"]]], axis=1))
    encoder = TableEncoder().fit(table)
    with pytest.raises(DataError, match="no column 'rooms': did you mean 'room'"):
        encoder.transform(table.rename(columns={"rooms": "room"}))
    with pytest.raises(DataError, match="no column 'twon': did you mean 'town'"):
        TableEncoder(categorical=["twon"]).fit(table)


def test_unknown_options_and_use_before_fit():
    for options in ({"scaling": "standardize!"}, {"missing": "drop"}, {"unknown": "ignore"}):
        with pytest.raises(NetgradError, match="unknown"):
            TableEncoder(**options)
    with pytest.raises(NetgradError, match="call fit"):
        TableEncoder().transform(pd.DataFrame({"a": [1]}))


@pytest.mark.parametrize("config", [{}, {"columns": [{}]}, {"columns": [], "scaling": "odd"}, {"columns": 3}])
def test_a_description_of_something_else_is_refused(config):
    with pytest.raises(FileError, match="not the description of a TableEncoder"):
        TableEncoder.from_config(config)


def test_missing_column_shows_few_of_many():
    assert str(missing_column("x", [f"c{i}" for i in range(1000)])).endswith("c19, ...)")


@pytest.mark.parametrize("scaling", ["standardise", "range"])
@pytest.mark.parametrize(("offset", "step"), [(1e6, 1e-8), (1e12, 1.0), (-3e9, 1e-3), (2**52, 64)])
def test_a_large_offset_is_scaled_away_before_float32(scaling, offset, step):
    steps = np.random.default_rng(0).permutation(1000)
    x = TableEncoder(scaling).fit_transform(pd.DataFrame({"a": offset + step * steps}))[:, 0].astype(float)
    plain = steps / 999 if scaling == "range" else (steps - steps.mean()) / steps.std()
    np.testing.assert_allclose(x, plain, atol=2e-2 if step == 1e-8 else 1e-3)


def test_numbers_that_float64_cannot_tell_apart_are_said():
    near = 2**60 + np.arange(50)
    for values in (near, near.astype(str), 1e15 + np.arange(40) / 8):
        with pytest.warns(NetgradWarning, match=r"column 'a' holds numbers near .* differ by less than"):
            TableEncoder().fit(pd.DataFrame({"a": values}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in (near * 0 + 2**60, near[::-1] * 10**9 % 2**62, [0.1 + 0.2, 0.3], [5, 5]):
            TableEncoder().fit(pd.DataFrame({"a": values}))


# Values as JSON has them, for columns that were trained on numbers, texts, truth values and dates.
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(),
    st.sampled_from([2**53 + 1, 2**63, 2**64, -1, 10**400, 1e300, -0.0]),
    st.sampled_from(["Ulm", "Bonn", "1", "01", "1.5", " 2 ", "1e3", "1_000", "0x1", "", "NA", "inf", "TRUE", "true"]),
    st.sampled_from(["2000-01-31", "2000-01-31T12:00", "2000-01-31T12:00+02:00", "31.1.2000", "9999-12-31", "x"]),
)
RECORDS = st.lists(
    st.fixed_dictionaries(dict.fromkeys(("age", "town", "garden", "built"), VALUES)), min_size=1, max_size=4
)


def outcome(encode):
    """What comes of encoding: numbers and what was said, or the error."""
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            features = encode()
        return features.tolist(), [str(warning.message) for warning in said]
    except DataError as error:
        return str(error)


@pytest.fixture(scope="module")
def encoders():
    columns = {"age": [1.0, 40.5, 7.0], "town": ["Ulm", "Bonn", "1"], "garden": [True, False, True]}
    table = pd.DataFrame(columns | {"built": ["2000-01-01", "2001-01-01", "2024-12-31T06:00"]})
    return [TableEncoder(missing=missing).fit(table) for missing in ("error", "impute")]


@settings(deadline=None, max_examples=200)
@given(records=RECORDS, which=st.sampled_from([0, 1]))
def test_records_are_encoded_like_tables_the_first_time_and_again(encoders, records, which):
    encoder = encoders[which]
    table = pd.DataFrame({name: pd.Series([r[name] for r in records], dtype=object) for name in records[0]})
    expected = outcome(lambda: encoder.transform(table))
    for _ in range(2):
        assert outcome(lambda: encoder.transform_records(records)) == expected


@settings(deadline=None, max_examples=200)
@given(records=RECORDS, which=st.sampled_from([0, 1]))
def test_a_record_does_not_depend_on_its_neighbours(encoders, records, which):
    encoder = encoders[which]
    alone = [outcome(lambda r=r: encoder.transform_records([r])) for r in records]
    together = outcome(lambda: encoder.transform_records(records))
    if any(isinstance(one, str) for one in alone):
        assert isinstance(together, str)
    else:
        assert together[0] == [one[0][0] for one in alone]


def test_what_is_remembered_of_records_is_bounded(encoders):
    encoder = TableEncoder.from_config(encoders[0].to_config())
    record = {"age": 1, "town": "Ulm", "garden": True}
    dates = pd.date_range("1900-01-01", periods=3000).strftime("%Y-%m-%d")
    encoder.transform_records([record | {"built": day} for day in dates])
    encoder.transform_records([record | {"age": "1" + " " * 1000, "built": dates[0]}])
    kept = {name: len(known) for name, known in encoder._remembered.items()}
    assert kept == {"age": 0, "town": 1, "garden": 1, "built": 1000}
    encoder.fit(pd.DataFrame({"age": [1, 2], "town": ["Ulm", "Rome"]}))
    assert encoder.transform_records([{"age": 1, "town": "Ulm"}]).tolist() == [[-1, 0, 1]]


def test_an_unknown_category_of_a_record_is_said_every_time(encoders):
    record = {"age": 1, "town": "Rome", "garden": True, "built": "2000-01-01"}
    for _ in range(2):
        with pytest.warns(UserWarning, match="'town' holds 'Rome' in row 1 of 1"):
            encoders[0].transform_records([record])


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


def test_an_unknown_category_is_said_once_for_a_table_and_each_time_for_a_record(table):
    encoder = TableEncoder().fit(table)
    later = table.assign(town="Rome")
    for rows, expected in ((later, 1), (later, 0), (later.copy(), 1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            encoder.transform(rows)
        assert len(caught) == expected
    again = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(again.transform(table), encoder.transform(table))
    for _ in range(2):
        with pytest.warns(NetgradWarning, match="holds 'Rome' in row 1 of 1"):
            encoder.transform_records(later[:1].to_dict("records"))


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


def test_models_saved_before_columns_had_kinds():
    model = netgrad.load(FILES / "before-kinds.safetensors")
    table, expected = read_table(FILES / "before-kinds.csv"), json.loads((FILES / "before-kinds.json").read_text())
    np.testing.assert_allclose(model.encoder.transform(table), expected["features"], atol=1e-6)
    np.testing.assert_allclose(model.predict(table), expected["predictions"], rtol=1e-5)
    again = TableEncoder.from_config(json.loads(json.dumps(model.encoder.to_config())))
    np.testing.assert_array_equal(again.transform(table), model.encoder.transform(table))


def test_robust_scaling_goes_by_the_quartiles_and_keeps_wild_values_near():
    size = np.array([*np.linspace(0, 8, 99), 1e12])
    few = np.array([0.0] * 98 + [4.0, -4.0])  # whose quartiles are equal
    table = pd.DataFrame({"size": size, "few": few, "sold": np.arange(100) % 2 == 0})
    encoder = TableEncoder("robust").fit(table)
    x = encoder.transform(table)
    z = (size - np.median(size)) / (np.quantile(size, 0.75) - np.quantile(size, 0.25))
    np.testing.assert_allclose(x[:-1, 0], (z / np.sqrt(1 + (z / 3) ** 2))[:-1], rtol=1e-5, atol=1e-6)
    assert x[-1, 0] == 3
    assert x[-2:, 1].tolist() == pytest.approx([1 / np.sqrt(1 + 1 / 9), -1 / np.sqrt(1 + 1 / 9)])
    assert set(x[:, 2].tolist()) == {0, 1}
    again = TableEncoder.from_config(json.loads(json.dumps(encoder.to_config())))
    np.testing.assert_array_equal(again.transform(table), x)
    np.testing.assert_array_equal(again.transform_records(table.to_dict("records")), x)


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
