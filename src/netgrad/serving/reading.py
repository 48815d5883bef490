"""From the bytes of a stranger's request to values: errors are one line, and no byte costs more than its due."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from netgrad.errors import DataError, ShapeError
from netgrad.types import Shape

HALF = re.compile(rb"\\u[dD][89a-fA-F]")  # JSON's way to write halves of symbols, which may stand alone by mistake
VALUES = (str, int, float, bool, type(None))  # what may stand in the cell of a table


def read_json(body: bytes) -> Any:
    """JSON as RFC 8259 has it: UTF-8, without NaN and infinities. Raises `DataError`.

    >>> read_json(b'{"instances": [[1, 2.5]]}')
    {'instances': [[1, 2.5]]}
    >>> read_json(b"[1, 2")
    Traceback (most recent call last):
    netgrad.errors.DataError: the request is no JSON: Expecting ',' delimiter at line 1, column 6
    """

    def refuse(word: str) -> Any:
        raise DataError(
            f"the request is no JSON: it holds {word}, expected finite numbers, or null where one is missing"
        )

    try:
        content = json.loads(body.decode("utf-8"), parse_constant=refuse)
        if HALF.search(body):
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        return content
    except UnicodeEncodeError:
        raise DataError("the request holds half a symbol, such as \\ud800 alone: expected whole ones") from None
    except UnicodeDecodeError as error:
        raise DataError(f"the request is not UTF-8: byte {error.start} cannot be read") from None
    except json.JSONDecodeError as error:
        raise DataError(f"the request is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise DataError("the request is nested too deeply: expected lists of numbers, or records") from None
    except DataError:
        raise
    except ValueError:  # Python's own limit on the digits of a whole number
        raise DataError("the request holds a number of thousands of digits") from None


def numbers(values: Any, label: str, shape: Shape) -> np.ndarray:
    """Nested lists of numbers as an array (N, *shape) of float64.

    By way of an array of objects: an array of texts would give each of them the room of the longest.
    Raises `ShapeError` and `DataError`, which name the first example that does not fit.

    >>> numbers([[1, 2], [3, 4.5]], "instances", (2,))
    array([[1. , 2. ],
           [3. , 4.5]])
    >>> numbers([[1, 2], [3, "four"]], "instances", (2,))
    Traceback (most recent call last):
    netgrad.errors.DataError: instances[1][1] is a text: expected a number
    >>> numbers([[1, 2], [3]], "instances", (2,))
    Traceback (most recent call last):
    netgrad.errors.ShapeError: instances[1] has the shape (1): expected (2)
    """
    if not isinstance(values, list):
        raise DataError(f"{label} is {kind(values)}: expected a list")
    array = _objects(values)
    if array is None or array.shape[1:] != shape:
        for i, value in enumerate(values):
            one = _objects(value)
            if one is None or one.shape != shape:
                found = "rows of differing length" if one is None else f"the shape {shown(one.shape)}"
                raise ShapeError(f"{label}[{i}] has {found}: expected {shown(shape)}")
        raise ShapeError(f"{label} is empty: expected at least one of {shown(shape)}")
    wrong = set(map(type, array.flat)) - {int, float}
    if wrong:
        place = next(i for i, value in np.ndenumerate(array) if type(value) in wrong)
        raise DataError(f"{label}{''.join(f'[{i}]' for i in place)} is {kind(array[place])}: expected a number")
    try:
        return array.astype(np.float64)
    except OverflowError:
        raise DataError(f"{label} holds a whole number that is too large: expected less than 1e308") from None


def _objects(values: Any) -> np.ndarray | None:
    """Nested lists as an array of objects; None for some of those whose rows differ."""
    try:
        return np.array(values, object)
    except ValueError:
        return None


def shown(shape: Shape) -> str:
    """A shape in an error."""
    return f"({', '.join(map(str, shape))})" if shape else "a single number"


def kind(value: Any) -> str:
    """What a value of JSON is, in an error: the value itself may be megabytes long."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")


@contextmanager
def said() -> Iterator[list[str]]:
    """The warnings of a block, one line each; filled when the block ends.

    Requests are read in one thread alone, so that these are the warnings of one request.
    """
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lines
    lines += [" ".join(str(warning.message).split())[:300] for warning in caught]
