"""Words for numbers of things: one layer or several, one row or many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def digits(value: float) -> str:
    """A number with three digits, without an exponent up to a million.

    >>> digits(0.12345), digits(3692.0), digits(2593111.0), digits(1.5e-9)
    ('0.123', '3,690', '2.59e+06', '1.5e-09')
    """
    return f"{float(f'{value:.3g}'):,.0f}" if 1000 <= abs(value) < 999_500 else f"{value:.3g}"


def shown(value: float) -> str:
    """A skill with two decimals; with three digits where it lies far below 0.

    >>> shown(0.927), shown(-0.04), shown(-7179.66)
    ('0.93', '-0.04', '-7,180')
    """
    return f"{value:.2f}" if not abs(value) >= 10 else digits(value)


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in words.

    >>> listed(["column 1"]), listed([f"column {i}" for i in range(9)])
    ('column 1', 'column 0, column 1, column 2, column 3 and 5 more')
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def columns_of(names: Sequence[str]) -> str:
    """Columns in words, from their names, each of which begins with "column".

    >>> columns_of(["column 'age'"]), columns_of(["column 0", "column 2"])
    ("column 'age'", 'columns 0, 2')
    """
    bare = [name.removeprefix("column ") for name in names]
    return f"column{'s' * (len(names) > 1)} {listed(bare)}"


def layers_of(names: Sequence[str]) -> str:
    """Layers in words.

    >>> layers_of(["dense_1"]), layers_of(["dense_1", "dense_2"])
    ('layer dense_1', 'layers dense_1, dense_2')
    """
    return f"layer{'s' * (len(names) > 1)} {listed(names)}"


def numbered(rows: Sequence[int] | np.ndarray, most: int = 5) -> str:
    """Numbers of rows in words.

    >>> numbered([4]), numbered([4, 7])
    ('row 4', 'rows 4, 7')
    """
    return f"row{'s' * (len(rows) > 1)} {listed([str(int(row)) for row in rows], most)}"


def classes_of(names: Sequence[str]) -> str:
    """Classes in words.

    >>> classes_of(["spruce"]), classes_of(["0", "2"])
    ('class spruce', 'classes 0, 2')
    """
    return f"class{'es' * (len(names) > 1)} {listed(names)}"


def count_of(count: int, noun: str) -> str:
    """So many of something.

    >>> count_of(1, "update"), count_of(3, "update")
    ('1 update', '3 updates')
    """
    return f"{count} {noun}{'s' * (count != 1)}"


def either(*ways: str) -> str:
    """Several things that can be done, those left out that are empty.

    >>> either("a", "", "b"), either("a")
    ('a, or b', 'a')
    """
    given = [way for way in ways if way]
    return ", or ".join([", ".join(given[:-1]), given[-1]] if len(given) > 1 else given)
