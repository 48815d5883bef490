"""Tables from files: CSV, TSV and Parquet, checked so that what is wrong with a file is said in one line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgrad.data.encodings import missing_column
from netgrad.data.files import opened, regular
from netgrad.errors import DataError, FileError
from netgrad.resources import gib, memory

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv", ".parquet")
MOST_COLUMNS = 100_000
LONGEST_LINE = 2**24  # bytes, of the first two


def read_table(path: str | Path) -> pd.DataFrame:
    """The table in a `.csv`, `.tsv` or `.parquet` file, the first also compressed as `.gz`.

    The first line of a text file names the columns. A `.csv` file whose first line has semicolons but no
    commas is split at semicolons. A first column without a name holds row names, not data, and becomes the
    index. Empty cells, and the usual signs for nothing ("NA", "NaN", "?" and so on), are missing values.

    Raises `FileError` where the file is missing or of another kind, `DataError` where it holds no rows or
    two columns of one name.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "plants.csv")
    >>> _ = path.write_text("height,kind\\n1.5,fern\\n0.3,moss\\n")
    >>> read_table(path)
       height  kind
    0     1.5  fern
    1     0.3  moss
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
    if path.suffix.lower() == ".gz":
        _check_expanded(path)
    return _checked(lambda: _read_text(lambda: path, str(path), suffix), str(path), suffix[1:].upper())


def parse_table(data: bytes, name: str = "the table", columns: int = MOST_COLUMNS) -> pd.DataFrame:
    """The table in a CSV text, read as `read_table` reads a file; ``name`` is what errors call it, ``columns`` how many
    it may have.

    >>> parse_table(b"height,kind\\n1.5,fern\\n")
       height  kind
    0     1.5  fern
    """
    if not data.strip():
        raise DataError(f"{name} is empty: expected a table with column names and at least one row")
    return _checked(lambda: _read_text(lambda: io.BytesIO(data), name, ".csv", columns), name, "CSV")


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
    if target not in table.columns:
        raise missing_column(target, table.columns)
    if table.shape[1] == 1:
        raise DataError(f"the table has only the target column {target!r}: expected columns to predict it from")
    return table.drop(columns=target), table[target]


def _checked(read: Callable[[], pd.DataFrame], name: str, kind: str) -> pd.DataFrame:
    """What ``read`` returns, its errors in one line."""
    try:
        table = read()
    except DataError:
        raise
    except Exception as error:  # for a broken file pandas and pyarrow raise whatever its bytes lead to
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise FileError(f"{name} cannot be read as {kind}: {reason}") from error
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


def _check_expanded(path: Path) -> None:
    """Refuse a compressed text that would fill the memory; gzip makes of a byte at most 1032."""
    most = memory() / 8  # a table takes several times the room of its text
    if path.stat().st_size * 1032 <= most:
        return
    size = 0
    try:
        with gzip.open(path) as file:
            while part := file.read(2**20):
                size += len(part)
                if size > most:
                    raise DataError(f"{path} expands to more than {gib(most)} of text: expand and split it")
    except (OSError, EOFError, zlib.error):
        return  # which reading it will say in one line


def _check_width(source: Any, path: str, most: int) -> None:
    """Refuse millions of columns, for which pandas takes gigabytes: the first two lines decide how many there are."""
    with source if isinstance(source, io.BytesIO) else opened(source) as file:
        lines = 0
        while lines < 2 and (line := file.readline(LONGEST_LINE)):
            lines += bool(line.strip())
            if len(line) == LONGEST_LINE or max(line.count(mark) for mark in (b",", b";", b"\t")) > most:
                raise DataError(f"{path} has more than {most:,} columns: at most so many are read")


def _read_text(source: Callable[[], Any], path: str, suffix: str, most: int = MOST_COLUMNS) -> pd.DataFrame:
    """``source`` gives the text from its beginning each time it is called."""
    import pandas as pd

    _check_width(source(), path, most)
    separator = "\t" if suffix == ".tsv" else ","
    # The names are read apart, as data, because pandas would silently rename a second column of one name.
    names = pd.read_csv(source(), sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False)
    if suffix == ".csv" and names.shape[1] == 1 and ";" in names.iloc[0, 0]:
        separator = ";"
        names = pd.read_csv(source(), sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False)
    header = [str(name).strip() for name in names.iloc[0]]
    met: set[str] = set()
    for position, name in enumerate(header):
        if not name and position > 0:
            raise DataError(f"{path} has no name for column {position + 1}: expected names in the first line")
        if name in met:
            raise DataError(f"{path} has more than one column {name!r}: expected different names")
        met.add(name)
    row_names = 0 if not header[0] else None
    table = pd.read_csv(source(), sep=separator, na_values=["?"], skipinitialspace=True, index_col=row_names)
    table.columns = pd.Index(header[1:] if row_names == 0 else header)
    return table
