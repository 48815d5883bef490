"""Who is paired with whom: neighbours by brute force, random pairs that are none, altered copies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netgrad as ng
from netgrad.tasks import altered_pairs, neighbour_pairs, random_pairs


@given(st.integers(2, 12), st.integers(1, 11), st.integers(0, 99))
def test_neighbours_are_those_of_the_smallest_distances(n, k, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2, 2))
    if k >= n:
        with pytest.raises(ng.DataError, match=f"each has up to {n - 1} neighbours, k is {k}"):
            neighbour_pairs(x, k)
        return
    away = np.linalg.norm((x[:, None] - x[None]).reshape(n, n, -1), axis=2) + np.diag(np.full(n, np.inf))
    expected = {tuple(sorted((i, int(j)))) for i in range(n) for j in away[i].argsort()[:k]}
    assert list(map(tuple, neighbour_pairs(x, k).tolist())) == sorted(expected)


@given(st.integers(2, 30), st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_random_pairs_are_different_and_none_of_those_given(n, taken, share, seed):
    every = np.stack(np.triu_indices(n, 1), axis=1)
    rng = np.random.default_rng(seed)
    besides = rng.permutation(every)[: int(taken * (len(every) - 1))]
    left = len(every) - len(besides)
    count = max(1, int(share * left))
    drawn = random_pairs(n, count, besides[:, ::-1], seed)
    assert drawn.shape == (count, 2)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    assert len(set(map(tuple, drawn.tolist()))) == count
    assert not set(map(tuple, drawn.tolist())) & set(map(tuple, besides.tolist()))
    np.testing.assert_array_equal(drawn, random_pairs(n, count, besides, seed))
    with pytest.raises(ng.DataError, match=f"pairs besides those given, fewer than {left + 1:,}"):
        random_pairs(n, left + 1, besides)


def test_altered_copies_are_alike_their_originals():
    x = np.arange(6.0).reshape(3, 2)
    everything, similar = altered_pairs(x, lambda v, rng: v + rng.normal(scale=0.1, size=v.shape), copies=2)
    np.testing.assert_array_equal(everything[:3], x)
    assert similar.tolist() == [[0, 3], [1, 4], [2, 5], [0, 6], [1, 7], [2, 8]]
    away = np.abs(everything[similar[:, 0]] - everything[similar[:, 1]])
    assert ((away > 0) & (away < 1)).all()
    with pytest.raises(ng.ShapeError, match=r"change returns examples of shape \(2, 2\): expected \(3, 2\)"):
        altered_pairs(x, lambda v, rng: v[:2])
