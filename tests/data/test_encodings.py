"""Tables to features: what the training table taught holds for every later table, also through JSON."""

import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import netgrad
from netgrad.data.encodings import TableEncoder, missing_column
from netgrad.data.parting import parted, with_target
from netgrad.data.scaling import RANGES
from netgrad.data.tables import read_table
from netgrad.data.targets import TargetEncoder
from netgrad.errors import DataError, FileError, NetgradError, NetgradWarning

FILES = Path(__file__).parent / "files"


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


RANGED = [(name, MinMaxScaler(RANGES[name])) for name in ("symmetric", "logistic", "tanh")]


@pytest.mark.parametrize(
    ("scaling", "reference"), [("standardise", StandardScaler()), ("range", MinMaxScaler()), *RANGED]
)
def test_numbers_are_scaled_as_scikit_learn_scales_them(table, scaling, reference):
    numbers = table[["age", "rooms", "constant"]]
    encoded = TableEncoder(scaling).fit_transform(numbers)
    np.testing.assert_allclose(encoded[:, :2], reference.fit_transform(numbers)[:, :2], atol=1e-6)
    assert not encoded[:, 2].any()  # a constant says nothing


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


def test_models_saved_before_columns_had_kinds():
    model = netgrad.load(FILES / "before-kinds.safetensors")
    table, expected = read_table(FILES / "before-kinds.csv"), json.loads((FILES / "before-kinds.json").read_text())
    np.testing.assert_allclose(model.encoder.transform(table), expected["features"], atol=1e-6)
    np.testing.assert_allclose(model.predict(table), expected["predictions"], rtol=1e-5)
    again = TableEncoder.from_config(json.loads(json.dumps(model.encoder.to_config())))
    np.testing.assert_array_equal(again.transform(table), model.encoder.transform(table))


def test_rows_are_told_as_the_user_finds_them(tmp_path):
    """By their numbers in the file, or their names in it, whatever was left out or parted before."""
    path = tmp_path / "t.csv"
    path.write_text("size,kind\n" + "1,a\n2,b\n" * 5 + "3,zebra\n,b\n")
    table = read_table(path)
    encoder = TableEncoder().fit(table[:10])
    with pytest.warns(NetgradWarning) as caught:
        encoder.transform(table[8:])
    said = str(caught[0].message)
    assert "'kind' holds 'zebra' in row 11, a category" in said
    assert "'size' has 1 missing value in 4 rows, the first in row 12, and was trained on none" in said
    with pytest.raises(DataError, match="'size' has 1 missing value in 2 rows, the first in row 12: fill them"):
        TableEncoder(missing="error").fit(table[10:])
    path.write_text(",size\n" + "".join(f"car {i},{i}\n" for i in range(1, 31)) + "van,big\n")
    with pytest.raises(DataError, match="column 'size' holds 'big' in row 'van': expected a number"):
        TableEncoder().fit(read_table(path)[:-1]).transform(read_table(path)[25:])
    own = pd.DataFrame({"size": [1.0, 2.0, None]}, index=["x", "y", "z"])
    with pytest.raises(DataError, match=r"the first in row 2 of 2 \(of the index 'z'\): fill them"):
        TableEncoder(missing="error").fit(own[1:])


def test_the_test_part_has_the_rows_of_the_file(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("size,kind,y\n" + "1,a,\n" * 3 + "1,a,1\n2,b,2\n" * 10 + "3,zebra,3\n")
    x, y = with_target(read_table(path), "y")
    seeds = (seed for seed in range(50) if parted(x, y, TableEncoder(), TargetEncoder(), 0.3, seed).y_test.max() == 3)
    parts = parted(x, y, TableEncoder(), TargetEncoder(), 0.3, next(seeds))
    with pytest.warns(NetgradWarning, match="'kind' holds 'zebra' in row 24, a category"):
        parts.encoder.transform(parts.x_test)
    path.write_text("size,y\n" + "1,\n" * 3 + "1.5,1\n2,2\n" * 10 + "3,many\n")
    with pytest.raises(DataError, match="column 'y' holds 'many' in row 24: expected a number"):
        parted(*with_target(read_table(path), "y"), TableEncoder(), TargetEncoder())
