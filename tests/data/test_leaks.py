"""Columns that give the target away."""

import warnings

import numpy as np
import pandas as pd
import pytest

from netgrad.data import TableEncoder, leaks
from netgrad.data.leaks import warn_of_leaks
from netgrad.errors import NetgradWarning

RNG = np.random.default_rng(0)
N = 400
Y = RNG.normal(size=N)
TABLE = pd.DataFrame({
    "noise": RNG.normal(size=N),
    "near": Y + 0.3 * RNG.normal(size=N),
    "cubed": Y**3,
    "grade": np.where(Y > 0, "pass", "fail"),
})  # fmt: skip
ENCODER = TableEncoder().fit(TABLE)
X = ENCODER.transform(TABLE)


def test_what_is_the_target_in_other_words_is_found_and_what_is_only_near_is_not():
    assert leaks(ENCODER, X, Y, True) == ["cubed"]
    assert set(leaks(ENCODER, X, (Y > 0).astype(int), False)) - {"cubed"} == {"grade"}


def test_few_rows_one_class_and_a_single_column_say_nothing():
    assert leaks(ENCODER, X[:150], Y[:150], True) == []
    assert leaks(ENCODER, X, np.zeros(N), True) == []
    alone = TableEncoder().fit(TABLE[["cubed"]])
    assert leaks(alone, alone.transform(TABLE), Y, True) == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (TABLE, "'cubed' alone predicts the target almost perfectly.*leave it out where that is so .drop=cubed"),
        (TABLE.assign(**{f"c{i}": Y for i in range(6)}), "and 2 more each alone predict the target.*leave them out"),
    ],
)
def test_it_is_one_warning(table, words):
    encoder = TableEncoder().fit(table)
    with pytest.warns(NetgradWarning, match=words):
        warn_of_leaks(encoder, encoder.transform(table), Y, True)


def test_rare_classes_are_looked_at_without_a_word_of_scikit_learns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert leaks(ENCODER, X, np.arange(N) // 2, False) == []
