"""Records of a request are encoded as rows of a table are, whatever came before them."""

import warnings

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netgrad.data.encodings import TableEncoder
from netgrad.errors import DataError

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
