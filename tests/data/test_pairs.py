"""Pairs of texts as networks learn from them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netgrad.data import Pairs
from netgrad.errors import DataError, FileError

TEXTS = st.lists(st.text("abc ", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=5)


@settings(max_examples=30)
@given(TEXTS, st.booleans())
def test_what_goes_in_comes_back(texts, words):
    pairs = Pairs(texts, texts[::-1], words=words)
    known = Pairs.from_config(json.loads(json.dumps(pairs.to_config())))
    for i, text in enumerate(texts[::-1]):
        n = pairs.lengths["target"][i]
        assert pairs.y[i, n - 1] == pairs.boundary == pairs.x["target"][i, 0]
        np.testing.assert_array_equal(pairs.x["target"][i, 1:n], pairs.y[i, : n - 1])
        assert known.target.decode(pairs.y[i, : n - 1]) == (" ".join(text.split()) if words else text)
        m = pairs.lengths["source"][i]
        assert known.source.decode(pairs.x["source"][i, :m]) == (" ".join(texts[i].split()) if words else texts[i])
    assert pairs.x["target"].max() < pairs.classes == known.classes


def test_what_is_refused():
    with pytest.raises(DataError, match="2 sources and 1 targets: expected a target for each source"):
        Pairs(["a", "b"], ["a"])
    with pytest.raises(DataError, match="source 1 is empty"):
        Pairs(["a", ""], ["a", "b"])
    with pytest.raises(DataError, match="the word 'three' is not one of the 2 that the model knows"):
        Pairs(["one two"], ["a"], words=True).source.encode("one three")
    with pytest.raises(DataError, match="a vocabulary of no words"):
        Pairs([" "], ["a"], words=True)
    with pytest.raises(FileError, match="not the description of Pairs"):
        Pairs.from_config({"source": None})
