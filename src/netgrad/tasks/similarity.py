"""Who is paired with whom: pairs of examples by number, made from neighbours, at random, or by altering examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import as_array, as_examples, default_float
from netgrad.errors import DataError, ShapeError
from netgrad.training.train import counts


def as_pairs(pairs: Any, examples: int, name: str) -> np.ndarray:
    """Checked pairs (P, 2) of the numbers of two different examples; None is no pairs.

    >>> as_pairs([[0, 1], [2, 2]], 3, "similar")
    Traceback (most recent call last):
    netgrad.errors.DataError: similar pairs example 2 with itself at [1]: leave that pair out
    """
    array = as_array([] if pairs is None else pairs, name)
    if array.size == 0:
        return np.zeros((0, 2), int)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ShapeError(f"{name} has shape {array.shape}: expected (P, 2), the numbers of two examples in each row")
    check_numbers(array, examples, name)
    if (itself := array[:, 0] == array[:, 1]).any():
        first = int(itself.argmax())
        raise DataError(f"{name} pairs example {array[first, 0]} with itself at [{first}]: leave that pair out")
    return array.astype(int)


def check_numbers(array: np.ndarray, examples: int, name: str) -> None:
    """Refuse what does not number one of so many examples."""
    if array.dtype.kind not in "iu":
        raise DataError(f"{name} holds {array.dtype.name} values: expected whole numbers, which number examples of x")
    if (unknown := (array < 0) | (array >= examples)).any():
        place = np.argwhere(unknown)[0].tolist()
        raise DataError(
            f"{name} names example {array[tuple(place)]} at {place}: x has {examples:,}, numbered from 0 to "
            f"{examples - 1}"
        )


def in_both(similar: np.ndarray, dissimilar: np.ndarray) -> np.ndarray:
    """The pairs (P, 2) that stand in both, whichever way round, lower number first."""
    both = set(map(tuple, np.sort(similar).tolist())) & set(map(tuple, np.sort(dissimilar).tolist()))
    return np.array(sorted(both), int).reshape(-1, 2)


def neighbour_pairs(x: Any, k: int = 5) -> np.ndarray:
    """Similar pairs (P, 2): each example with its ``k`` nearest ones, each pair once, lower number first.

    x: (N, ...) examples on a scale on which distances mean something; all numbers of one count alike.

    >>> neighbour_pairs([[0.0], [0.1], [5.0], [5.2]], k=1).tolist()
    [[0, 1], [2, 3]]
    """
    from sklearn.neighbors import NearestNeighbors

    rows = as_examples(x, dtype=default_float())
    (k,) = counts(k=k)
    if k >= len(rows):
        raise DataError(f"x has {len(rows):,} examples: each has up to {len(rows) - 1} neighbours, k is {k}")
    near = NearestNeighbors(n_neighbors=k).fit(rows.reshape(len(rows), -1)).kneighbors(return_distance=False)
    every = np.stack([np.repeat(np.arange(len(rows)), k), near.ravel()], axis=1)
    return np.unique(np.sort(every), axis=0)


def random_pairs(examples: int, count: int, besides: Any = None, seed: int = 0) -> np.ndarray:
    """``count`` different pairs (P, 2) of so many examples, drawn at random, none of which stands in ``besides``.

    Where classes are many and of like size, two that are no neighbours are seldom of one class: dissimilar pairs.

    >>> random_pairs(3, 2, besides=[[0, 1]]).tolist()
    [[0, 2], [1, 2]]
    """
    examples, count = counts(examples=examples, count=count)
    taken = np.unique(np.sort(as_pairs(besides, examples, "besides")), axis=0)
    left = examples * (examples - 1) // 2 - len(taken)
    if count > left:
        raise DataError(f"{examples:,} examples have {left:,} pairs besides those given, fewer than {count:,}")
    rng, kept = np.random.default_rng(as_seed(seed)), np.zeros(0, int)
    codes = taken @ [examples, 1]
    if left < 2 * count:  # most of them: go through all
        every = np.stack(np.triu_indices(examples, 1), axis=1) @ [examples, 1]
        kept = rng.choice(np.setdiff1d(every, codes), count, replace=False)
    while len(kept) < count:
        drawn = np.sort(rng.integers(0, examples, (count, 2)))
        new = np.setdiff1d(drawn[drawn[:, 0] < drawn[:, 1]] @ [examples, 1], np.concatenate([codes, kept]))
        kept = np.concatenate([kept, rng.permutation(new)])[:count]
    return np.stack(np.divmod(np.sort(kept), examples), axis=1)


def guessed_pairs(x: Any, k: int, classes: Any, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Similar and dissimilar pairs, (P, 2) each: neighbours and as many random pairs, and where the classes of both
    are known, by these.

    x: (N, ...) as for `neighbour_pairs`. classes: (N,) numbers, below 0 where the class is not known.

    >>> similar, dissimilar = guessed_pairs([[0.0], [0.1], [5.0], [5.2]], 1, [0, 1, -1, 1])
    >>> similar.tolist(), [0, 1] in dissimilar.tolist()
    ([[2, 3]], True)
    """
    near = neighbour_pairs(x, k)
    n = len(np.asarray(classes))
    left = n * (n - 1) // 2 - len(near)
    drawn = random_pairs(n, min(len(near), left), besides=near, seed=seed) if left else np.zeros((0, 2), int)
    pairs = np.concatenate([near, drawn])
    one, two = np.asarray(classes)[pairs].T
    alike = np.where((one >= 0) & (two >= 0), one == two, np.arange(len(pairs)) < len(near))
    return pairs[alike], pairs[~alike]


def altered_pairs(
    x: Any, change: Callable[[np.ndarray, np.random.Generator], Any], copies: int = 1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Similar pairs by augmentation: the examples with altered copies behind them, and the pairs (P, 2) of both.

    change: from examples (N, ...) and a random generator to altered ones of the same shape, what they show unchanged.

    >>> everything, similar = altered_pairs(np.zeros((2, 3)), lambda x, rng: x + rng.normal(size=x.shape))
    >>> everything.shape, similar.tolist()
    ((4, 3), [[0, 2], [1, 3]])
    """
    rows = as_examples(x, dtype=default_float())
    (copies,) = counts(copies=copies)
    rng, parts = np.random.default_rng(as_seed(seed)), [rows]
    for _ in range(copies):
        altered = as_examples(change(rows.copy(), rng), "what change returns", dtype=default_float())
        if altered.shape != rows.shape:
            raise ShapeError(f"change returns examples of shape {altered.shape}: expected {rows.shape}, that of x")
        parts.append(altered)
    of = np.tile(np.arange(len(rows)), copies)
    return np.concatenate(parts), np.stack([of, len(rows) + np.arange(len(of))], axis=1)
