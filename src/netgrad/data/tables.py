"""Tables from files: CSV, TSV and Parquet, checked so that what is wrong with a file is said in one line."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgrad.data import reading
from netgrad.data.encodings import missing_column
from netgrad.data.files import opened, regular
from netgrad.data.frames import as_pandas, name_of_column
from netgrad.data.values import counts_rows
from netgrad.errors import DataError, FileError, NetgradError
from netgrad.resources import gib, memory

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet")
MOST_COLUMNS = 100_000
LONGEST_LINE = 2**24  # bytes, of the first two


def read_table(
    path: str | Path,
    *,
    missing_values: Iterable[str] | None = None,
    separator: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> pd.DataFrame:
    """The table in a `.csv`, `.tsv` or `.parquet` file, the first two also compressed as `.gz`.

    A text file gives texts, whatever they look like: what a column holds is decided by the encoder that is fitted to
    it, and kept in the model. Parquet has types of its own. The first line names the columns, and every row is counted
    against it. What stands in the way is got over and said in one warning: a title above the names, no names at all
    (the columns are then called column_1, column_2, ...), names that are repeated, separators at the end of every row,
    another separator, another encoding. A first column without a name holds row names, and becomes the index.

    - missing_values: the words that stand for nothing in a cell without quotes; None: `netgrad.data.MISSING`, which
      are an empty cell, NA, NaN, null, None, ?, - and their like. In quotes they are texts as any other.
    - separator: between the fields of a `.csv` file; None: a comma, semicolon, tab or bar, as its first lines say.
    - header: whether the first line names the columns; None: unless it holds numbers.
    - encoding: of the text; None: UTF-8, UTF-16 or Windows-1252, as its bytes say.

    Raises `FileError` where the file is missing or of another kind, `DataError` where it holds no rows, a row with
    another number of fields, or two columns of one name.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "plants.csv")
    >>> _ = path.write_text("height,kind\\n1.5,fern\\n0.3,NA\\n")
    >>> read_table(path)
      height  kind
    0    1.5  fern
    1    0.3   NaN
    >>> read_table("nothing.csv")
    Traceback (most recent call last):
    netgrad.errors.FileError: there is no file nothing.csv
    """
    path = Path(path)
    suffix = _suffix(path)
    if suffix not in SUFFIXES:
        raise FileError(f"cannot tell what {path} holds from its name: expected one of {', '.join(SUFFIXES)}")
    regular(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: expected a table with column names and at least one row")
    if suffix == ".parquet":
        return _checked(lambda: _read_parquet(path), str(path), "PARQUET")
    words = None if missing_values is None else list(missing_values)
    separator = separator or ("\t" if suffix == ".tsv" else None)
    return _checked(
        lambda: reading.frame(
            _bytes(path),
            str(path),
            separator=separator,
            missing_values=words,
            header=header,
            encoding=encoding,
            most=MOST_COLUMNS,
        ),
        str(path),
        suffix[1:].upper(),
    )


def parse_table(
    data: bytes,
    name: str = "the table",
    columns: int = MOST_COLUMNS,
    missing_values: Iterable[str] | None = None,
) -> pd.DataFrame:
    """The table in a CSV text, read as `read_table` reads a file; ``name`` is what errors call it, ``columns`` how many
    it may have.

    >>> parse_table(b"height,kind\\n1.5,fern\\n")
      height  kind
    0    1.5  fern
    """
    if not data.strip():
        raise DataError(f"{name} is empty: expected a table with column names and at least one row")
    _check_width(io.BytesIO(data), name, columns)
    words = None if missing_values is None else list(missing_values)
    return _checked(lambda: reading.frame(data, name, missing_values=words, most=columns), name, "CSV")


def split_target(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, pd.Series]:
    """The table without the column `target`, and that column.

    >>> import pandas as pd
    >>> x, y = split_target(pd.DataFrame({"size": [1, 2], "price": [5, 9]}), "price")
    >>> list(x), y.tolist()
    (['size'], [5, 9])
    >>> split_target(pd.DataFrame({"size": [1, 2], "price": [5, 9]}), "prise")
    Traceback (most recent call last):
    netgrad.errors.DataError: the table has no column 'prise': did you mean 'price'? (it has: size, price)
    """
    name_of_column(target)
    if target not in table.columns:
        raise missing_column(target, table.columns)
    if table.shape[1] == 1:
        raise DataError(f"the table has only the target column {target!r}: expected columns to predict it from")
    return table.drop(columns=target), table[target]


def chosen(
    table: pd.DataFrame, target: str, drop: Iterable[str] = (), only: Iterable[str] | None = None
) -> pd.DataFrame:
    """The table without the columns ``drop``; with ``only`` these columns and the target alone.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1], "rooms": [2], "price": [5]})
    >>> list(chosen(table, "price", drop=["rooms"])), list(chosen(table, "price", only=["rooms"]))
    (['size', 'price'], ['rooms', 'price'])
    """
    name_of_column(target)
    table = as_pandas(table)
    dropped, kept = list(drop), None if only is None else list(only)
    for name in (*dropped, *(kept or ())):
        if name not in table.columns:
            raise missing_column(name, table.columns)
        if name == target:
            raise DataError(f"column {name!r} is to be predicted, and cannot be left out or be predicted from")
    if kept is not None and (both := [name for name in kept if name in dropped]):
        raise DataError(f"column {both[0]!r} is both to be left out and to be used: say one")
    names = [name for name in table.columns if name not in dropped and (kept is None or name in (*kept, target))]
    return table[names]


def _checked(read: Callable[[], pd.DataFrame], name: str, kind: str) -> pd.DataFrame:
    """What ``read`` returns, its errors in one line."""
    try:
        table = read()
    except NetgradError:
        raise
    except Exception as error:  # for a broken file pandas and pyarrow raise whatever its bytes lead to
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise FileError(f"{name} cannot be read as {kind}: {reason}") from error
    table.attrs["rows"] = "numbers" if counts_rows(table.index) else "names"  # see `values.Rows`
    if table.empty:
        raise DataError(f"{name} holds {len(table)} rows of {table.shape[1]} columns: expected at least one of each")
    return table


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Texts stay in their dictionaries until it is known how much they decode to: one of a megabyte may stand in each of
    # a million rows. Columns of one repeated value take no room in the file, either.
    schema = pq.read_schema(path)
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    for field in schema:
        _check_type(field, pa.types)
    about = pq.read_metadata(path)
    _check_room(path, about, about.num_rows * about.num_columns * 8)
    table = pq.read_table(path, read_dictionary=texts)
    table.validate(full=True)  # bytes that are no text would fail where they are first looked at
    _check_room(path, about, sum(map(_decoded, table.columns)))
    plain = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in schema]
    return table.cast(pa.schema(plain, schema.metadata)).to_pandas()


def _check_type(field: Any, types: Any) -> None:
    """Refuse what is no number, text, date or time: its letters would become a category."""
    of = field.type.value_type if types.is_dictionary(field.type) else field.type
    binary = types.is_binary(of) or types.is_large_binary(of) or types.is_fixed_size_binary(of)
    if binary or types.is_nested(of):
        what = "bytes" if binary else f"values of the type {of}"
        raise DataError(
            f"column {field.name!r} holds {' '.join(str(what).split())[:80]}: expected one number, text, "
            "date or time in each row (leave the column out, or take its parts apart)"
        )


def _check_room(path: Path, about: Any, need: int) -> None:
    if need > memory() / 2:
        raise DataError(
            f"{path} holds {about.num_rows:,} rows of {about.num_columns} columns, which take {gib(need)}, more than "
            "half of this process's memory: read it in pieces, with netgrad.Stream.parquet"
        )


def _decoded(column: Any) -> int:
    """The bytes that a column takes when the texts of its dictionaries stand in every row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    need = 0
    for chunk in column.chunks:
        lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0)
        need += 8 * len(chunk) + (pc.sum(lengths.take(chunk.indices)).as_py() or 0)
    return need


def _bytes(path: Path) -> bytes:
    """The text of a file; refused where it would fill the memory: a table takes several times the room of its text."""
    most = int(memory() / 8)
    _check_width(opened(path), str(path), MOST_COLUMNS)
    parts, size = [], 0
    with opened(path) as file:
        while part := file.read(2**22):
            parts.append(part)
            size += len(part)
            if size > most:
                verb = "expands to" if path.suffix.lower() == ".gz" else "holds"
                raise DataError(f"{path} {verb} more than {gib(most)} of text, too much for this process: split it")
    return b"".join(parts)


def _check_width(source: Any, path: str, most: int) -> None:
    """Refuse millions of columns, for which pandas takes gigabytes: the first two lines decide how many there are."""
    with source as file:
        lines = 0
        while lines < 2 and (line := file.readline(LONGEST_LINE)):
            lines += bool(line.strip())
            if len(line) == LONGEST_LINE or max(line.count(mark) for mark in (b",", b";", b"\t", b"|")) > most:
                raise DataError(f"{path} has more than {most:,} columns: at most so many are read")
