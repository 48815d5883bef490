"""The Reber grammars against the text's automaton, its examples, and plain rejection sampling."""

from collections import Counter

import numpy as np
import pytest

from netgrad.data.reber import (
    EMBEDDED_REBER,
    REBER,
    SYMBOLS,
    count_mistakes,
    embedded_reber,
    encode,
    is_reber,
    possible_next,
    reber,
)
from netgrad.errors import DataError, ShapeError


def test_the_texts_example_of_inputs_and_targets():
    """Z&M 26.1: X and Y of the Reber string BPTVVE, one column a position, rows B, E, P, S, T, V, X."""
    x, y, lengths, _ = encode(["BPTVVE"])
    assert lengths.tolist() == [6]
    expected_x = [
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    expected_y = [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [1, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(x[0].T, expected_x)
    np.testing.assert_array_equal(y[0].T, expected_y)


@pytest.mark.parametrize(
    ("string", "embedded", "valid"),
    [
        ("BTSSXXTVVE", False, True),
        ("BPTXSE", False, False),
        ("BTXSE", False, True),
        ("BTXS", False, False),
        ("BTXSEE", False, False),
        ("", False, False),
        ("BTBTSSXXTVVETE", True, True),
        ("BPBTSSXXTVVEPE", True, True),
        ("BTBTSSXXTVVEPE", True, False),
        ("BTXSE", True, False),
    ],
)
def test_validity(string, embedded, valid):
    assert is_reber(string, embedded) is valid


def test_the_embedded_grammar_repeats_its_second_symbol():
    assert possible_next("BPBTXSE", embedded=True)[-1] == "P"
    assert possible_next("BTBTXSE", embedded=True)[-1] == "T"


@pytest.mark.parametrize(("generate", "embedded", "shortest"), [(reber, False, 30), (embedded_reber, True, 40)])
def test_strings_are_valid_long_enough_and_encoded_to_the_end(generate, embedded, shortest):
    x, y, lengths, strings = generate(50, seed=3)
    assert all(is_reber(s, embedded) for s in strings)
    assert lengths.min() >= shortest
    assert x.shape == y.shape == (50, lengths.max(), 7)
    assert x.dtype == y.dtype == np.float32
    assert [len(s) for s in strings] == lengths.tolist()
    np.testing.assert_array_equal(x.sum(axis=(1, 2)), lengths)
    for i, string in enumerate(strings):
        assert "".join(SYMBOLS[k] for k in x[i, : lengths[i]].argmax(axis=1)) == string
        # What does come next is among what may come next; after the last symbol nothing may.
        assert (y[i, : lengths[i] - 1] * x[i, 1 : lengths[i]]).sum() == lengths[i] - 1
        assert y[i, lengths[i] - 1 :].sum() == 0


def test_the_same_seed_gives_the_same_strings_and_a_generator_moves_on():
    assert reber(5, seed=7).strings == reber(5, seed=7).strings != reber(5, seed=8).strings
    rng = np.random.default_rng(7)
    assert reber(5, seed=rng).strings != reber(5, seed=rng).strings


@pytest.mark.parametrize(("automaton", "generate", "least"), [(REBER, reber, 9), (EMBEDDED_REBER, embedded_reber, 12)])
def test_the_distribution_is_that_of_rejecting_short_strings(automaton, generate, least):
    rng = np.random.default_rng(0)
    walks = Counter()
    while walks.total() < 4000:
        state, string = next(iter(automaton)), ""
        while edges := automaton[state]:
            symbol = list(edges)[rng.integers(len(edges))]
            string, state = string + symbol, edges[symbol]
        if len(string) >= least:
            walks[string] += 1
    drawn = Counter(generate(4000, least, seed=1).strings)
    for string, count in walks.most_common(8):
        # Two counts of one Poisson mean differ by less than 5 of their standard deviations.
        assert abs(count - drawn[string]) < 5 * np.sqrt(count + drawn[string])
    longer = sum(len(s) > least + 3 for s in walks.elements()) - sum(len(s) > least + 3 for s in drawn.elements())
    assert abs(longer) < 5 * np.sqrt(4000)


def test_excluded_strings_do_not_come():
    training = reber(100, 5, seed=0)
    test = reber(100, 5, seed=1, exclude=training.strings)
    assert not set(test.strings) & set(training.strings)
    assert set(reber(100, 5, seed=1).strings) & set(training.strings)


def test_very_long_strings():
    assert reber(1, 3000).lengths.min() >= 3000


def test_mistakes_are_counted_inside_the_sequences_only():
    _, y, lengths, _ = encode(["BTXSE", "BPTTTVVE"])
    assert count_mistakes(y, y, lengths).total == 0
    beyond = y.copy()
    beyond[0, 5:] = 1
    assert count_mistakes(beyond, y, lengths).total == 0
    missing, extra, both = y.copy(), y.copy(), y.copy()
    missing[0, 0, 2] = 0.5
    extra[1, 7, 0] = 0.51
    both[1, 0] = 1 - both[1, 0]
    for predicted, places in ((missing, [(0, 0)]), (extra, [(1, 7)]), (both, [(1, 0)])):
        mistakes = count_mistakes(predicted, y, lengths)
        assert mistakes.places == places
        assert mistakes.total == mistakes.sequences_wrong == 1
    z = np.where(y > 0, 3.0, -3.0)
    assert count_mistakes(z, y, lengths, threshold=0).total == 0


def test_a_prediction_that_is_not_a_number_is_a_mistake():
    _, y, lengths, _ = encode(["BTXSE"])
    assert count_mistakes(np.full_like(y, np.nan), y, lengths).total == 5


def test_bad_arguments():
    _, y, lengths, _ = encode(["BTXSE"])
    with pytest.raises(ShapeError, match="predicted has shape"):
        count_mistakes(y[:, :2], y, lengths)
    with pytest.raises(DataError, match=r"lengths\[0\] is 9"):
        count_mistakes(y, y, [9])
    with pytest.raises(DataError, match="0 strings asked for"):
        reber(0)
    with pytest.raises(DataError, match="no strings to encode"):
        encode([])
    with pytest.raises(DataError, match=r"'BQ' is no Reber string: 'Q' at position 1, .* P or T"):
        encode(["BQ"])
