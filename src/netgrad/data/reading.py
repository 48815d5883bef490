"""A text file of a table to texts: its encoding, its separator, its first line, and the fields of every row counted.

Nothing is converted here: every cell is the text that stands in the file, or missing. What a column's texts mean is
decided by `netgrad.data.kinds`, once, in training.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from netgrad.data.values import MISSING
from netgrad.errors import DataError, FileError, warn

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = (",", ";", "\t", "|")
PARTED_BY = {"\t": "tabs", "|": "vertical bars", " ": "blanks"}  # which is said
HEAD_LINES = 50  # looked at to tell titles, names and separators
BLANKS = re.compile(rb"[ \t\xa0][,;\t|\r\n]|[,;\t|\n][ \t\xc2]|[ \t\xa0]\Z")


def frame(
    data: bytes,
    name: str,
    *,
    separator: str | None = None,
    missing_values: Sequence[str] | None = None,
    header: bool | None = None,
    encoding: str | None = None,
    most: int,
) -> pd.DataFrame:
    """The table in a text, all of it texts; what was noticed on the way is one warning."""
    said: list[str] = []
    data = _utf8(data, name, encoding, said).removesuffix(b"\x1a")  # with which DOS ended its files
    if b"\r" in data and b"\n" not in data:  # as the first Macintosh ended its lines
        data = data.replace(b"\r", b"\n")
    head = _lines(data)
    separator = separator or _separator(head, said)
    if separator == " ":
        data = _with_single_blanks(data)
        head = _lines(data)
    rows = _split(head, separator)
    skip = _titles(rows, said) if header is None else 0
    if skip:
        rows = rows[skip:]
    if not rows:
        raise FileError(f"{name} cannot be read as CSV: no line of it holds anything")
    written, extra, has_header = _names(rows, header, said)
    if has_header and _rows_are_named(rows, head, separator):
        written = ["", *written]
    names = _different(written, said)
    if len(names) > most:
        raise DataError(f"{name} has more than {most:,} columns: at most so many are read")
    words = list(MISSING if missing_values is None else ["", *missing_values])
    skip_lines = _physical(head, skip + has_header, separator)
    table = _arrow(data, names + [f"\0{i}" for i in range(extra)], separator, skip_lines, words)
    table = (
        table if table is not None else _by_hand(data, name, names, extra, separator, skip + has_header, words, said)
    )
    table = _without_extra(table, names, extra, rows, name, said)
    found = _pandas(table)
    if has_header:
        found = _without_repeats(found, written, said)
    found.attrs["decimal"] = "," if separator == ";" else "."
    if not names[0]:  # as R and pandas write the names of their rows
        found = found.set_axis(_row_names(found[""].tolist()), axis=0).drop(columns="")
        said.append("the first column has no name: it is taken for the names of the rows, and left out")
    if said:
        warn(f"{name}: {'; '.join(said)}")
    return found


def _utf8(data: bytes, name: str, encoding: str | None, said: list[str]) -> bytes:
    """The text as UTF-8 without mark of its own."""
    if encoding is not None:
        try:
            return data.decode(encoding).removeprefix("\ufeff").encode()
        except (LookupError, UnicodeError) as error:
            raise FileError(f"{name} cannot be read in the encoding {encoding!r}: {error}") from error
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    wide = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}.get(data[:2])
    if wide is None and b"\0" in data[:200]:  # half of the bytes of Latin letters, at the same place in each
        at = {"utf-16-be": data[:200:2].count(0), "utf-16-le": data[1:200:2].count(0)}
        likely = max(at, key=lambda name: at[name])
        wide = likely if at[likely] > 0.7 * len(data[:200:2]) and not min(at.values()) else None
    try:
        if wide is not None:
            data = data.decode(wide).encode()
            said.append("its text is UTF-16")
            return data
        data.decode()
        return data
    except UnicodeError as error:
        if wide is not None:
            raise FileError(f"{name} cannot be read as CSV: it looks like UTF-16, and is not ({error})") from error
    if any(byte in data for byte in range(7)):
        raise FileError(f"{name} cannot be read as CSV: it holds bytes that are no text in any encoding")
    said.append("its text is not UTF-8, and is taken for Windows-1252 (Latin-1) (encoding says otherwise)")
    return data.decode("cp1252", errors="replace").encode()


def _lines(data: bytes) -> list[str]:
    """The beginning of the text."""
    part = data[: 2**16]
    lines = io.StringIO(part.decode(errors="ignore"), newline="")
    found = [line for line, _ in zip(lines, range(HEAD_LINES), strict=False)]
    if len(part) < len(data) and len(found) < HEAD_LINES:  # the last may be cut: wide tables have long lines
        position = data.find(b"\n", 2**16)
        longer = data[: len(data) if position < 0 else position + 1]
        found = [*io.StringIO(longer.decode(errors="ignore"), newline="")]
    return found


def _separator(head: list[str], said: list[str]) -> str:
    """The one that parts most of the last lines, back to the names, into equally many fields."""
    lines = [line for line in head if line.strip()]

    def agree(separator: str) -> int:
        widths = [len(row) for row in _split(lines, separator)]
        width = Counter(widths).most_common(1)[0][0] if widths else 1
        # A title above the names has one field, and a decimal comma in the rows none in the names.
        return 0 if width == 1 else next((i for i, w in enumerate(reversed(widths)) if w != width), len(widths))

    best = max(SEPARATORS, key=agree)  # the first of equals
    best = (
        best if agree(best) else max(SEPARATORS, key=lambda separator: len((_split(lines[:1], separator) or [[]])[0]))
    )
    if not agree(best) and _parted_by_blanks(lines):
        best = " "
    if best in PARTED_BY:
        said.append(f"its columns are parted by {PARTED_BY[best]}")
    return best


def _parted_by_blanks(lines: list[str]) -> bool:
    """Whether blanks part all lines into equally many fields, or the names into one less, as R writes row names."""
    short = (line.strip() if '"' in line else " ".join(line.split()) for line in lines)
    widths = [len(row) for row in _split([f"{line}\n" for line in short], " ")]
    return len(widths) > 2 and len(set(widths[1:])) == 1 and widths[1] > 1 and widths[0] in (widths[1], widths[1] - 1)


def _with_single_blanks(data: bytes) -> bytes:
    """The lines without blanks at their ends, and with one blank between two fields where none is in quotes."""
    data = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", data.replace(b"\r\n", b"\n"))
    return data if b'"' in data else re.sub(rb"[ \t]+", b" ", data)


def _split(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The fields of lines that are not empty; a quoted field may go on over several."""
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    csv.field_size_limit(2**27)
    try:
        return [row for row in reader if row]
    except csv.Error:
        return [line.rstrip("\r\n").split(separator) for line in lines if line.strip()]


def _titles(rows: list[list[str]], said: list[str]) -> int:
    """How many lines stand above the names of the columns: lines of one field, above lines of several."""
    widths = [len(row) for row in rows]
    usual = Counter(widths[1:] or widths).most_common(1)[0][0]
    skip = 0
    while skip < len(rows) - 2 and usual > 1 and (len(rows[skip]) == 1 or _alone(rows[skip])):
        skip += 1
    if skip and len(rows[skip]) > 1:
        said.append(
            f"above the names stands {' '.join(rows[0][0].split())[:40]!r}: {skip} line{'s'[: skip > 1]} left out"
        )
        return skip
    return 0


def _alone(row: list[str]) -> bool:
    """Whether a title stands in the first of several cells, all others empty."""
    return len(row) > 2 and bool(row[0].strip()) and not "".join(row[1:]).strip()


def _names(rows: list[list[str]], header: bool | None, said: list[str]) -> tuple[list[str], int, bool]:
    """The columns' names, how many fields without name follow in the rows below, and whether the first line names."""
    first = [cell.strip() for cell in rows[0]]
    if header is None:
        header = not _is_data(first)
        if not header:
            said.append(
                f"its first line, {', '.join(first)[:40]}, holds values and no names: the columns are called "
                "column_1, column_2, ... (header says otherwise)"
            )
    if not header:
        return [f"column_{i + 1}" for i in range(len(first))], 0, False
    width = max(map(len, rows))
    named = next((i for i in range(len(first), 1, -1) if first[i - 1]), 1)
    below = [row for row in rows[1:] if len(row) == width and not "".join(row[named:]).strip()]
    extra = 0
    if (
        width > named and len(below) == len(rows) - 1 > 0
    ):  # separators at the end of every row, perhaps of the names too
        first, extra = first[:named], width - named
    return first, extra, True


def _rows_are_named(rows: list[list[str]], head: list[str], separator: str) -> bool:
    """Whether each row has one field more than there are names, in quotes or before blanks: R's `write.table`."""
    if len(rows) < 2 or any(len(row) != len(rows[0]) + 1 for row in rows[1:]):
        return False
    return separator == " " or all(line.startswith('"') for line in head if line.strip())


def _different(names: list[str], said: list[str]) -> list[str]:
    """The names, each once: a further column of a name gets a number, and one without its place."""
    found: list[str] = []
    for place, name in enumerate(names, 1):
        new, count = name or ("" if place == 1 else f"column_{place}"), 0
        while new in found:
            new, count = f"{name}.{count + 1}", count + 1
        if new != name:
            what = f"a further column {name!r}" if name else f"column {place}, which has no name,"
            said.append(f"{what} is called {new!r}")
        found.append(new)
    return found


def _is_data(cells: list[str]) -> bool:
    """Whether a first line holds values: a broken number, or numbers alone that are no row of years or the like."""
    if any(re.fullmatch(r"[+-]?[0-9]*[.][0-9]+(?:[eE][+-]?[0-9]+)?", cell) for cell in cells):
        return True
    if len(cells) < 2 or not all(re.fullmatch(r"[+-]?[0-9]+", cell) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    return any(a >= b for a, b in pairwise(numbers))


def _physical(head: list[str], rows: int, separator: str) -> int:
    """How many lines of the file the first rows take."""
    if not rows:
        return 0
    reader = csv.reader(head, delimiter=separator, skipinitialspace=True)
    met = 0
    for row in reader:
        met += bool(row)
        if met == rows:
            break
    return reader.line_num


def _arrow(data: bytes, names: list[str], separator: str, skip: int, words: list[str]) -> Any:
    """The rows below the names, as an Arrow table of texts; None where they are not all alike."""
    import pyarrow as pa
    from pyarrow import csv as pcsv

    body = data
    for _ in range(skip):
        body = body[body.find(b"\n") + 1 :] if b"\n" in body else b""
    if not body.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names})
    # A separator in front of blanks and a quote would be taken for a part of what is quoted.
    if re.search(rb'[,;\t|][ \t]+"', body):
        return None
    lines = max(len(body[: 2**20].split(b"\n", 1)[0]) * 4, 2**20)
    try:
        table = pcsv.read_csv(
            pa.BufferReader(body),
            read_options=pcsv.ReadOptions(
                column_names=names, block_size=min(lines * 8, 2**30), use_threads=len(body) > 2**22
            ),
            parse_options=pcsv.ParseOptions(delimiter=separator, newlines_in_values=b'"' in body),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=words,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    return _trimmed(table, words) if b'""' in body or BLANKS.search(body) else table


def _trimmed(table: Any, words: list[str]) -> Any:
    """Blanks at the ends of cells taken away; what then stands for nothing is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def trim(column: Any) -> Any:
        short = pc.utf8_trim_whitespace(column)
        nothing = pc.and_(pc.not_equal(short, column), pc.is_in(short, pa.array(words, pa.string())))
        nothing = pc.or_(nothing, pc.equal(short, ""))
        return pc.if_else(pc.fill_null(nothing, False), pa.scalar(None, pa.string()), short)

    return pa.table([trim(column) for column in table.columns], table.column_names)


def _by_hand(
    data: bytes, name: str, names: list[str], extra: int, separator: str, skip: int, words: list[str], said: list[str]
) -> Any:
    """The rows one by one: what is wrong with them is said with its row."""
    import pyarrow as pa

    reader = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator, skipinitialspace=True)
    width, rows, line, cut = len(names) + extra, [], 0, 0
    try:
        for row in reader:
            if not row:
                continue
            line += 1
            if line <= skip:
                continue
            if len(row) > len(names) and len(row) != width and not "".join(row[len(names) :]).strip():
                row, cut = [*row[: len(names)], *[""] * extra], cut + 1  # separators at the end of this row alone
            elif extra and len(row) == len(names):
                row = [*row, *[""] * extra]
            if len(row) != width and not (width == 1 and not row):
                shown = separator.join(row)[:60]
                raise DataError(
                    f"{name}: row {line - skip} (line {reader.line_num}) has {len(row)} fields, the first line names "
                    f"{len(names)}: {shown!r} (correct it, or put quotes around a field that holds {separator!r})"
                )
            rows.append(row)
    except csv.Error as error:
        raise FileError(f"{name} cannot be read as CSV: {error} in line {reader.line_num}") from error
    if cut and not extra:
        said.append(
            f"separators stand at the end of {cut} of {len(rows)} rows: the empty fields after them are left out"
        )
    nothing = set(words)
    columns = zip(*rows, strict=True) if rows else [[] for _ in range(width)]
    cells = [[None if (cell := text.strip()) in nothing else cell for text in column] for column in columns]
    return pa.table({f"{i}": pa.array(column, pa.string()) for i, column in enumerate(cells)})


def _without_extra(table: Any, names: list[str], extra: int, rows: list[list[str]], name: str, said: list[str]) -> Any:
    """Fields without a name, at the ends of the rows, dropped where they are all empty."""
    import pyarrow as pa

    for k in range(extra):
        last = table.column(len(names) + k)
        if last.null_count < len(last):
            row = next(i for i, value in enumerate(last.to_pylist()) if value is not None)
            raise DataError(
                f"{name}: row {row + 1} has {len(names) + 1 + k} fields, the first line names {len(names)}: expected a "
                "name for each"
            )
    if extra:
        said.append("a separator stands at the end of every row: the empty field after it is left out")
    return pa.table(table.columns[: len(names)], names)


def _pandas(table: Any) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    if table.num_columns <= 1000:
        return table.to_pandas()
    cells = np.empty((table.num_rows, table.num_columns), object)  # a block each would take ten times as long
    for i, column in enumerate(table.columns):
        cells[:, i] = column.to_pylist()
    return pd.DataFrame(cells, columns=table.column_names, dtype=object)


def _row_names(names: list[Any]) -> Any:
    import pandas as pd

    numbered = all(isinstance(name, str) and re.fullmatch(r"[0-9]{1,15}", name) for name in names)
    return pd.Index([int(name) for name in names] if numbered else names)


def _without_repeats(found: pd.DataFrame, names: list[str], said: list[str]) -> pd.DataFrame:
    """Without rows that are the names again, as files have that were put together."""
    again = found.iloc[:, 0] == names[0]
    if not again.any():
        return found
    again &= (found == names).all(axis=1)
    if again.any():
        count = int(again.sum())
        said.append(
            f"the names stand again in {count} row{'s'[: count > 1]}, which {'are' if count > 1 else 'is'} left out"
        )
        found = found[~again].reset_index(drop=True)
    return found
