"""Text files as people have them: what is read, what is said about it, and what is refused."""

import gzip
import warnings

import pandas as pd
import pytest

from netgrad.data.tables import parse_table, read_table
from netgrad.errors import DataError, FileError


def read(text, **options):
    """The table of a text by its columns, with None for missing cells, and what was said of it."""
    data = text if isinstance(text, bytes) else text.encode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        table = parse_table(data, **options)
    assert len(caught) <= 1
    cells = {name: [None if pd.isna(cell) else cell for cell in table[name]] for name in table}
    return cells, "".join(str(warning.message) for warning in caught)


PLAIN = {"a": ["1", "2"], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("text", "cells", "said"),
    [
        ("a,b\n1,x\n2,y\n", PLAIN, ""),
        ("a,b\r\n1,x\r\n2,y", PLAIN, ""),
        ("a,b\r1,x\r2,y\r", PLAIN, ""),
        ("\n\na,b\n\n1,x\n2,y\n\n", PLAIN, ""),
        (" a , b\n 1,x \n2,\ty\n", PLAIN, ""),
        ("a;b\n1;x\n2;y\n", PLAIN, ""),
        ("a\tb\n1\tx\n2\ty\n", PLAIN, "its columns are parted by tabs"),
        ("a|b\n1|x\n2|y\n", PLAIN, "its columns are parted by vertical bars"),
        ("a;b\n1,5;x\n2,5;y\n", {"a": ["1,5", "2,5"], "b": ["x", "y"]}, ""),
        ("T\na;b\n1,5;x\n2,5;y\n", {"a": ["1,5", "2,5"], "b": ["x", "y"]}, "'T': 1 line left out"),
        ("a,b\n1,x;y\n2,y;z\n", {"a": ["1", "2"], "b": ["x;y", "y;z"]}, ""),
        ("a,b,\n1,x,\n2,y,\n", PLAIN, "a separator stands at the end of every row"),
        ("a,b\n1,x,\n2,y,\n", PLAIN, "a separator stands at the end of every row"),
        ("a,b\n1,x,,\n2,y,,\n", PLAIN, "a separator stands at the end of every row"),
        ("a,b\n1,x,\n2,y\n", PLAIN, "separators stand at the end of 1 of 2 rows"),
        ("a,b\n1,x\n2,y,,\n", PLAIN, "separators stand at the end of 1 of 2 rows"),
        (
            "a,b\n1,x,\n" + "2,y,\n" * 60 + "3,z\n",
            {"a": ["1", *["2"] * 60, "3"], "b": ["x", *["y"] * 60, "z"]},
            "separator",
        ),
        ("A report\na,b\n1,x\n2,y\n", PLAIN, "above the names stands 'A report': 1 line left out"),
        ("A report\n\nof 2024\na,b\n1,x\n2,y\n", PLAIN, "above the names stands 'A report': 2 lines left out"),
        ("A report,,\na,b,c\n1,x,\n2,y,\n", PLAIN | {"c": [None, None]}, "'A report': 1 line left out"),
        ("a,b\n1,x\na,b\n2,y\na,b\n", PLAIN, "the names stand again in 2 rows, which are left out"),
        ("a,b\n1,x\na,b\n2,y\n", PLAIN, "the names stand again in 1 row, which is left out"),
        ("5.1,x\n4.9,y\n", {"column_1": ["5.1", "4.9"], "column_2": ["x", "y"]}, "holds values and no names"),
        ("3,1\n2,4\n", {"column_1": ["3", "2"], "column_2": ["1", "4"]}, "holds values and no names"),
        ("3,3\n2,4\n", {"column_1": ["3", "2"], "column_2": ["3", "4"]}, "holds values and no names"),
        ("1990,1991\n2,4\n", {"1990": ["2"], "1991": ["4"]}, ""),
        ('a,b\n1,"x,y"\n2,"y\nz"\n', {"a": ["1", "2"], "b": ["x,y", "y\nz"]}, ""),
        ('a, b\n1, "x,y"\n2, "z"\n', {"a": ["1", "2"], "b": ["x,y", "z"]}, ""),
        ('a,b\n"NA",NA\n NA ,"None"\n"","?"\n', {"a": ["NA", None, None], "b": [None, "None", "?"]}, ""),
        ("a\n1\n\n2\n", {"a": ["1", "2"]}, ""),
        ("\ufeffa,b\n1,x\n2,y\n", PLAIN, ""),
        ("a,b\n1,ü\n".encode("utf-16"), {"a": ["1"], "b": ["ü"]}, "its text is UTF-16"),
        ("a,b\n1,ü\n".encode("utf-16-be"), {"a": ["1"], "b": ["ü"]}, "its text is UTF-16"),
        ("a,b\n1,ü\n".encode("utf-16-le"), {"a": ["1"], "b": ["ü"]}, "its text is UTF-16"),
        ("a,b\n1,ü€\n".encode("cp1252"), {"a": ["1"], "b": ["ü€"]}, "is taken for Windows-1252 (Latin-1)"),
        (",a,b\n0,1,x\n1,2,y\n", PLAIN, "the first column has no name"),
        ("a,b\n1,x\n2,y\n\x1a", PLAIN, ""),
        ("a b\n1 x\n2 y\n", PLAIN, "its columns are parted by blanks"),
        ("  a   b\n 1 \t x\r\n22   y  \n", {"a": ["1", "22"], "b": ["x", "y"]}, "parted by blanks"),
        ('a b\n1  "x y"\n22 z\n', {"a": ["1", "22"], "b": ["x y", "z"]}, "parted by blanks"),
        ('"a" "b"\n"r 1" 1 "x"\n"r2" 2 "y"\n', PLAIN, "parted by blanks; the first column has no name"),
        ("a b\nr1 1 x\nr2 2 y\n", PLAIN, "parted by blanks; the first column has no name"),
        ('"a","b"\n"r1",1,"x"\n"r2",2,"y"\n', PLAIN, "the first column has no name"),
        ("a b\n1 2\n", {"a b": ["1 2"]}, ""),
        ("one name\nof two words\nor more\n", {"one name": ["of two words", "or more"]}, ""),
        ("a,,b\n1,z,x\n2,,y\n", PLAIN | {"column_2": ["z", None]}, "column 2, which has no name, is called 'column_2'"),
        ("a,b,a\n1,x,3\n2,y,4\n", PLAIN | {"a.1": ["3", "4"]}, "a further column 'a' is called 'a.1'"),
        ("a,b,a\n1,x,3\na,b,a\n2,y,4\n", PLAIN | {"a.1": ["3", "4"]}, "the names stand again in 1 row"),
        ("a,a,a.1\n1,2,3\n", {"a": ["1"], "a.1": ["2"], "a.1.1": ["3"]}, "column 'a.1' is called 'a.1.1'"),
        ('"a, b",c\n1,2\n', {"a, b": ["1"], "c": ["2"]}, ""),
    ],
)
def test_files_as_people_have_them(text, cells, said):
    found, line = read(text)
    assert found == cells
    assert said in line
    assert bool(said) == bool(line)


def test_all_that_was_noticed_is_one_line():
    line = read("A report\na\tb\t\n1\tü\t\n2\ty\t\na\tb\t\n".encode("latin-1"))[1]
    for words in ("Windows-1252", "tabs", "'A report'", "end of every row", "the names stand again"):
        assert words in line
    assert line.startswith("the table: ")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("a,b,c\n1,2,3,4\n5,6,7\n", DataError, r"row 1 \(line 2\) has 4 fields, the first line names 3: '1,2,3,4'"),
        ("a,b,c\n1,2,3\n5,6\n", DataError, r"row 2 \(line 3\) has 2 fields, the first line names 3"),
        ('a,b\n1,"x\ny"\n\n2\n', DataError, r"row 2 \(line 5\) has 1 fields"),
        ("a,b\n" + "1,x,\n" * 60 + "2,y,3\n", DataError, "row 61 has 3 fields, the first line names 2"),
        ("a,b\n" + "1,x\n" * 60 + "2,y,3\n", DataError, r"row 61 \(line 62\) has 3 fields"),
        ("a;b\n1;2\n3;4;5\n", DataError, r"row 2 \(line 3\) has 3 fields, the first line names 2"),
        ("a;b\n", DataError, "holds 0 rows of 2 columns"),
        ("a,b\n", DataError, "holds 0 rows of 2 columns"),
        (b"a,b\n1,x" + bytes(3) + b"\xff", FileError, "bytes that are no text in any encoding"),
    ],
)
def test_what_is_refused_names_the_row(text, error, message):
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(error, match=message) as caught:
        parse_table(data)
    assert "\n" not in str(caught.value)


def test_what_can_be_told(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1;-999\n2;NA\n")
    told = read_table(path, separator=";", missing_values=["-999"])
    assert told["b"].isna().tolist() == [True, False]
    assert told["b"][1] == "NA"
    path.write_text("5.1,x\n4.9,y\n")
    assert list(read_table(path, header=True)) == ["5.1", "x"]
    path.write_text("a,b\nc,d\n")
    assert read_table(path, header=False).to_dict("list") == {"column_1": ["a", "c"], "column_2": ["b", "d"]}
    path.write_bytes("a,b\n1,\u0416\n".encode("koi8-r"))
    assert read_table(path, encoding="koi8-r")["b"][0] == "\u0416"
    for encoding in ("utf-8", "no-such"):
        with pytest.raises(FileError, match=f"cannot be read in the encoding '{encoding}'"):
            read_table(path, encoding=encoding)


def test_large_files_are_read_as_small_ones_are(tmp_path):
    rows = "".join(f'{i},"text, {i}",{i / 7:.3f}\n' for i in range(200_000))
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(("n,t,x\n" + rows).encode(), 1))
    table = read_table(path)
    assert table["n"].tolist() == [str(i) for i in range(200_000)]
    assert table["t"].iloc[[0, -1]].tolist() == ["text, 0", "text, 199999"]


def test_wide_files_take_no_more_than_their_columns(tmp_path):
    """The names are looked at once each: ten times the columns, about ten times the calls."""
    import cProfile
    import pstats

    counts = []
    for columns in (500, 5000):
        path = tmp_path / "t.csv"
        path.write_text(",".join(f"c{i}" for i in range(columns)) + "\n" + ",".join(["1"] * columns) + "\n")
        profile = cProfile.Profile()
        profile.runcall(read_table, path)
        counts.append(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]
    assert counts[1] < 12 * counts[0]
