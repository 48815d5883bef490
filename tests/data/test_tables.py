"""Files that are tables, and the one line about each file that is not."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netgrad.data import TableEncoder, tables
from netgrad.data.tables import parse_table, read_table, split_target
from netgrad.errors import DataError, FileError, NetgradError, NetgradWarning


@pytest.fixture
def table():
    return pd.DataFrame({"size": [1.5, 2.0], "kind": ["fern", "moss"], "count": [3, 4]})


@pytest.mark.parametrize("name", ["t.csv", "T.CSV", "t.tsv", "t.parquet", "t.csv.gz"])
def test_every_kind_of_file_gives_the_same_table(tmp_path, table, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if "tsv" in name else ",")
    read = read_table(str(path))
    if name.endswith("parquet"):
        pd.testing.assert_frame_equal(read, table)
    else:  # texts, whatever they look like
        assert read.to_dict("list") == {"size": ["1.5", "2.0"], "kind": ["fern", "moss"], "count": ["3", "4"]}
    np.testing.assert_array_equal(TableEncoder().fit_transform(read), TableEncoder().fit_transform(table))


def test_semicolons_blanks_and_missing_values(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a; b;c\n1; x;?\n2; ;5\n")
    read = read_table(path)
    assert list(read) == ["a", "b", "c"]
    assert read["b"].isna().tolist() == [False, True]
    assert read["c"].isna().tolist() == [True, False]
    assert read["c"][1] == "5"


def test_a_first_column_without_name_is_the_index(tmp_path, table):
    table.to_csv(tmp_path / "t.csv")
    with pytest.warns(NetgradWarning, match="the first column has no name: it is taken for the names of the rows"):
        read = read_table(tmp_path / "t.csv")
    assert list(read) == list(table)
    assert read.index.tolist() == [0, 1]
    table.set_axis(["x", "7"]).to_csv(tmp_path / "t.csv")
    with pytest.warns(NetgradWarning, match="no name"):
        assert read_table(tmp_path / "t.csv").index.tolist() == ["x", "7"]


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("t.csv", None, FileError, "there is no file"),
        ("t.xlsx", b"PK", FileError, r"expected one of \.csv, \.tsv, \.parquet"),
        ("t.csv", b"", DataError, "is empty"),
        ("t.csv", b"\n\n", FileError, "cannot be read as CSV"),
        ("t.csv", b"a,b\n", DataError, "holds 0 rows of 2 columns"),
        (
            "t.csv",
            b"a,b\n1,2\n1,2,3,4\n",
            DataError,
            r"row 2 \(line 3\) has 4 fields, the first line names 2: '1,2,3,4'",
        ),
        ("t.csv", b"a,b\n\x01\xfe,2\n", FileError, "cannot be read as CSV: it holds bytes that are no text"),
        ("t.csv", b"\xff\xfea", FileError, "cannot be read as CSV: it looks like UTF-16, and is not"),
        ("t.csv.gz", b"a,b\n1,2\n", FileError, "cannot be read as CSV"),
        ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100, mtime=0)[:-12], FileError, "cannot be read as CSV"),
        ("t.parquet", b"a,b\n1,2\n", FileError, "cannot be read as PARQUET"),
    ],
)
def test_files_that_are_no_tables(tmp_path, name, content, error, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=message) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(FileError, match="is a folder"):
        read_table(tmp_path / "t.csv")


def test_the_target_is_split_off(table):
    x, y = split_target(table, "kind")
    assert list(x) == ["size", "count"]
    assert y.tolist() == ["fern", "moss"]
    with pytest.raises(NetgradError, match="did you mean 'kind'"):
        split_target(table, "kin")
    with pytest.raises(DataError, match="only the target column 'kind'"):
        split_target(table[["kind"]], "kind")


# What is small on disk and large in memory; what fuzzing and its like found.


def test_columns_by_the_million_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "wide.csv"
    for text in ("," * 200_000, "a\n" + "," * 200_000, "\n\n" + "\t" * 200_000, "x" * 2**24):
        path.write_text(text)
        with pytest.raises(DataError, match="more than 100,000 columns"):
            read_table(path)
    many = [f"c{i}" for i in range(5000)]
    path.write_text(",".join(many) + "\n" + ",".join("1" * 5000) + "\n")
    read = read_table(path)
    assert list(read) == many
    assert set(read.iloc[0]) == {"1"}
    with pytest.raises(DataError, match="more than 4,000 columns"):
        parse_table(path.read_bytes(), columns=4000)


def test_what_expands_beyond_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "memory", lambda: 2**20)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 100_000))
    with pytest.raises(DataError, match=r"bomb.csv.gz expands to more than .* split it"):
        read_table(path)
    (tmp_path / "large.csv").write_bytes(b"a,b\n" + b"1,2\n" * 100_000)
    with pytest.raises(DataError, match=r"large.csv holds more than .* split it"):
        read_table(tmp_path / "large.csv")
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert len(read_table(path)) == 1
    path = tmp_path / "bomb.parquet"
    pd.DataFrame({"a": np.zeros(100_000)}).to_parquet(path)
    with pytest.raises(DataError, match="100,000 rows of 1 columns"):
        read_table(path)


def test_files_that_lead_pandas_astray(tmp_path):
    path = tmp_path / "odd.parquet"
    claims_less = pa.table({"kind": ["fern", "moss"]}).replace_schema_metadata({"pandas": '{"columns": [{}]}'})
    pq.write_table(claims_less, path)
    with pytest.raises(FileError, match="cannot be read as PARQUET"):
        read_table(path)
    pd.DataFrame({"kind": ["fern", "moss"]}).to_parquet(path, compression=None)
    path.write_bytes(path.read_bytes().replace(b"moss", b"mo\xffs"))  # no UTF-8
    with pytest.raises(FileError, match="cannot be read as PARQUET"):
        read_table(path)


def test_a_dictionary_counts_what_it_decodes_to(tmp_path, monkeypatch):
    path = tmp_path / "bomb.parquet"
    one = pa.DictionaryArray.from_arrays(np.zeros(50_000, np.int32), ["x" * 100_000])  # no 4.7 GiB to write it, either
    pq.write_table(pa.table({"a": one}), path, store_schema=False)
    assert path.stat().st_size < 2**19
    monkeypatch.setattr(tables, "memory", lambda: 2**30)
    with pytest.raises(DataError, match=r"50,000 rows of 1 columns, which take 4\.7 GiB, more than half"):
        read_table(path)
    pd.DataFrame({"a": ["x" * 100, None] * 500, "k": pd.Categorical(["u", "v"] * 500)}).to_parquet(path)
    read = read_table(path)
    assert read["a"].tolist()[0] == "x" * 100
    assert int(read["a"].isna().sum()) == 500
    assert read["k"].tolist() == ["u", "v"] * 500


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([b"ab", b"c"], "bytes"),
        (pa.array([b"ab", b"cd"], pa.binary(2)), "bytes"),
        (pa.array([b"ab", b"cd"]).dictionary_encode(), "bytes"),
        ([[1, 2], [3]], "values of the type list<"),
        (pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), "values of the type fixed_size_list"),
        ([{"x": 1}, {"x": 2}], "values of the type struct<x: int64>"),
        (pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())), "values of the type map<"),
    ],
)
def test_columns_of_no_single_values_are_refused_by_name(tmp_path, values, what):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"ok": [1, 2], "parts": values}), path)
    with pytest.raises(DataError, match=f"column 'parts' holds {what}.*: expected one number, text, date or time"):
        read_table(path)


def test_decimals_are_numbers(tmp_path):
    import decimal

    pq.write_table(pa.table({"a": [decimal.Decimal("1.25"), None]}), tmp_path / "t.parquet")
    np.testing.assert_array_equal(read_table(tmp_path / "t.parquet")["a"], [1.25, np.nan])
