"""Text at character level: symbols to integers, and a stream of them cut into batches.

Streams for truncated backpropagation through time: Pattipati, lectures 9-10 (sequences).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.data.files import regular
from netgrad.errors import DataError, FileError


def read_text(path: str | Path) -> str:
    """The whole text of a UTF-8 file, with every line ending as one newline character.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "line.txt")
    >>> _ = path.write_text("to be")
    >>> read_text(path)
    'to be'
    """
    try:
        text = regular(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{path} is not UTF-8 text: byte {error.start} cannot be read") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from error
    if not text:
        raise DataError(f"{path} is empty: expected text")
    return text


class Vocabulary:
    """The symbols that a model knows, each with its integer: its place in sorted order.

    >>> vocabulary = Vocabulary("hello")
    >>> vocabulary.symbols, len(vocabulary)
    ('ehlo', 4)
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0], dtype=int32)
    >>> vocabulary.decode([1, 3, 2, 0])
    'hole'
    >>> vocabulary.encode("help")
    Traceback (most recent call last):
    netgrad.errors.DataError: the symbol 'p' at position 3 is not one of the 4 that the model knows: 'ehlo'
    """

    def __init__(self, text: Iterable[str]):
        self.symbols = "".join(sorted(set(text)))
        if not self.symbols:
            raise DataError("a vocabulary of no symbols: expected a text with at least one")
        self._codes = _codes(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """The integers (len(text),), int32, of the text's symbols."""
        codes = _codes(text)
        ids = np.minimum(np.searchsorted(self._codes, codes), len(self) - 1)
        unknown = self._codes[ids] != codes
        if unknown.any():
            position = int(np.argmax(unknown))
            known = self.symbols if len(self) <= 40 else self.symbols[:40] + "..."
            raise DataError(
                f"the symbol {text[position]!r} at position {position} is not one of the {len(self)} "
                f"that the model knows: {known!r}"
            )
        return ids.astype(np.int32)

    def decode(self, ids: Any) -> str:
        """The text of the integers (T,)."""
        ids = np.asarray(ids)
        if ids.size and not (ids.min() >= 0 and ids.max() < len(self)):
            raise DataError(f"{ids.min()} to {ids.max()} are no symbols: expected 0 to {len(self) - 1}")
        return "".join(self.symbols[i] for i in ids)

    def to_config(self) -> dict[str, Any]:
        """The vocabulary as plain JSON values."""
        return {"symbols": self.symbols}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Vocabulary:
        """The vocabulary that `to_config` described; raises `FileError` if the description is not one."""
        symbols = config.get("symbols") if isinstance(config, dict) else None
        if not isinstance(symbols, str) or not symbols:
            raise FileError("this is not the description of a Vocabulary: it has no symbols")
        return cls(symbols)


def stream_batches(ids: np.ndarray, batch: int, steps: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """One long stream of symbols (L,) as chunks whose rows continue where they stopped in the chunk before.

    The stream is cut into `batch` pieces that run side by side, and those into chunks of `steps` time-steps,
    so that the hidden state at the end of a chunk is carried into the next. Returns inputs and targets, each
    (chunks, batch, steps); the target is the next symbol. Of the end of the stream, less than one chunk and
    one symbol is left out.

    >>> x, y = stream_batches(np.arange(13), batch=2, steps=3)
    >>> x[0], x[1]
    (array([[0, 1, 2],
           [6, 7, 8]]), array([[ 3,  4,  5],
           [ 9, 10, 11]]))
    >>> y[1]
    array([[ 4,  5,  6],
           [10, 11, 12]])
    """
    _check_stream(ids, steps, batch)
    chunks = (len(ids) - 1) // (batch * steps)
    used = chunks * batch * steps

    def cut(stream: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(stream.reshape(batch, chunks, steps).swapaxes(0, 1))

    return cut(ids[:used]), cut(ids[1 : used + 1])


def streams(ids: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """One long stream of symbols (L,) as ``rows`` long rows that lie side by side, and the symbol after each.

    For truncated backpropagation through time with ``ng.fit(..., truncate=20)``, which cuts the rows into pieces and
    carries the hidden states on. Returns inputs and targets, each (rows, (L - 1) // rows).

    >>> x, y = streams(np.arange(8), rows=2)
    >>> x, y
    (array([[0, 1, 2],
           [3, 4, 5]]), array([[1, 2, 3],
           [4, 5, 6]]))
    """
    _check_stream(ids, 1, rows)
    steps = (len(ids) - 1) // rows
    return ids[: rows * steps].reshape(rows, steps), ids[1 : rows * steps + 1].reshape(rows, steps)


def windows(ids: np.ndarray, steps: int, stride: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Windows of `steps` symbols of a stream (L,), each `stride` (default: `steps`) after the one before.

    Returns inputs and targets, each (N, steps); the target is the next symbol. For training that starts each
    window from an empty hidden state.

    >>> windows(np.arange(6), steps=3, stride=1)[0]
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    """
    _check_stream(ids, steps, 1)
    stride = steps if stride is None else stride
    if stride < 1:
        raise DataError(f"a stride of {stride}: expected at least 1")
    view = np.lib.stride_tricks.sliding_window_view(ids, steps + 1)[::stride]
    return view[:, :-1], view[:, 1:]


def _check_stream(ids: np.ndarray, steps: int, batch: int) -> None:
    if steps < 1 or batch < 1:
        raise DataError(f"batches of {batch} rows and {steps} steps: expected at least 1 of each")
    if len(ids) < batch * steps + 1:
        raise DataError(
            f"the stream has {len(ids)} symbols: {batch} x {steps} steps and the symbol after them need at "
            f"least {batch * steps + 1} (take fewer rows or steps)"
        )


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
