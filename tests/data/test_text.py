"""Characters to integers and back, and streams whose rows continue from chunk to chunk."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netgrad.data.text import Vocabulary, read_text, stream_batches, windows
from netgrad.errors import DataError, FileError


@given(st.text(min_size=1))
def test_any_text_there_and_back_also_through_json(text):
    vocabulary = Vocabulary.from_config(json.loads(json.dumps(Vocabulary(text).to_config())))
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int32
    assert sorted(set(ids.tolist())) == list(range(len(vocabulary)))
    assert vocabulary.decode(ids) == text


def test_unknown_symbols_and_integers():
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("").shape == (0,)
    with pytest.raises(DataError, match="'ü' at position 2 is not one of the 2 that the model knows: 'ab'"):
        vocabulary.encode("abü")
    for ids in ([2], [-1]):
        with pytest.raises(DataError, match="expected 0 to 1"):
            vocabulary.decode(ids)
    with pytest.raises(DataError, match="no symbols"):
        Vocabulary("")
    with pytest.raises(FileError, match="not the description"):
        Vocabulary.from_config({})


@given(st.integers(1, 5), st.integers(1, 7), st.integers(0, 60))
def test_rows_continue_where_they_stopped(batch, steps, more):
    ids = np.arange(batch * steps + 1 + more)
    x, y = stream_batches(ids, batch, steps)
    assert x.shape[1:] == (batch, steps)
    np.testing.assert_array_equal(y, x + 1)
    rows = x.swapaxes(0, 1).reshape(batch, -1)  # each row of the batch, chunk after chunk
    np.testing.assert_array_equal(np.diff(rows, axis=1), 1)
    # The rows together are the stream from its beginning; at most one chunk and one symbol are left out.
    np.testing.assert_array_equal(rows.ravel(), np.arange(rows.size))
    assert len(ids) - rows.size <= batch * steps


def test_windows():
    x, y = windows(np.arange(10), steps=3)
    np.testing.assert_array_equal(x, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    np.testing.assert_array_equal(y, x + 1)


def test_streams_that_are_too_short():
    with pytest.raises(DataError, match=r"has 6 symbols: 2 x 3 steps .* at least 7"):
        stream_batches(np.arange(6), 2, 3)
    with pytest.raises(DataError, match="has 3 symbols"):
        windows(np.arange(3), 3)
    with pytest.raises(DataError, match="at least 1"):
        stream_batches(np.arange(6), 0, 3)
    with pytest.raises(DataError, match="a stride of 0"):
        windows(np.arange(9), 3, 0)


def test_files(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes("zwölf\r\n".encode())
    assert read_text(path) == "zwölf\n"
    for content, error, message in (
        (b"\xff\xfe", FileError, "is not UTF-8 text: byte 0"),
        (b"", DataError, "is empty"),
    ):
        path.write_bytes(content)
        with pytest.raises(error, match=message):
            read_text(path)
    with pytest.raises(FileError, match="there is no file"):
        read_text(tmp_path / "nothing.txt")
    with pytest.raises(FileError, match="is a folder: expected a file"):
        read_text(tmp_path)
