"""Tables to features: what the training table taught holds for every later table, also through JSON."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from netgrad.data.encodings import TableEncoder, missing_column
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
    names = ["age", "rooms", "town=Bonn", "town=Kiel", "town=Ulm", "garden", "built", "constant"]
    assert encoder.feature_names == names
    x = encoder.transform(table)
    assert x.dtype == np.float32
    assert x.shape == (30, 8)
    np.testing.assert_array_equal(x[:, 2:5], np.array(table["town"])[:, None] == ["Bonn", "Kiel", "Ulm"])
    np.testing.assert_array_equal(x[:, 5], table["garden"])
    np.testing.assert_allclose(np.diff(x[:, 6]), x[1, 6] - x[0, 6], rtol=1e-4)
    np.testing.assert_array_equal(x[:, 7], 0)


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
        TableEncoder().fit(table)
    encoder = TableEncoder().fit(table.dropna())
    with pytest.raises(DataError, match="column 'age' has 2 missing values"):
        encoder.transform(table)


def test_imputation_remembers_the_training_table(table):
    table.loc[0, "age"] = np.nan
    table.loc[1, "town"] = None
    encoder = TableEncoder(missing="impute").fit(table)
    x = encoder.transform(table)
    mean, most = table["age"].mean(), table["town"].mode()[0]
    expected = encoder.transform(table.fillna({"age": mean, "town": most}))
    np.testing.assert_allclose(x, expected, atol=1e-7)
    assert x[0, 0] == pytest.approx(0, abs=1e-6)
    # A column that was complete in training may have holes later.
    hole = table.iloc[5:6].astype({"garden": object}).assign(garden=None, rooms=np.nan, built=None)
    assert encoder.transform(hole)[0, 5] == table["garden"].mode()[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": []}, "the table has 0 rows and 1 columns"),
        ({}, "the table has 0 rows and 0 columns"),
        ({"a": [1, None, "x", 2]}, "column 'a' holds 'x' in row 3 of 4: expected a number"),
        ({"a": [None, None]}, "column 'a' has no values at all"),
        (
            {"a": [f"name {i}" for i in range(200)]},
            "column 'a' holds 200 different texts, the first 'name 0'",
        ),
        ({"a": [1.0, 1e200]}, r"numbers as large as 1e\+200 cannot be scaled"),
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
