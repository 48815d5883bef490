"""Columns that alone predict the target almost perfectly: often the target in other words, known only afterwards."""

from __future__ import annotations

import warnings

import numpy as np

from netgrad.data.encodings import TableEncoder
from netgrad.errors import warn

FEWEST = 200  # rows, of which fewer may agree by chance
LOOKED_AT = 4000  # rows
NEARLY = 0.99  # of the variance explained, or of every class told, from where on a column is suspect


def leaks(encoder: TableEncoder, x: np.ndarray, y: np.ndarray, quantity: bool) -> list[str]:
    """The names of columns of which each predicts the target almost perfectly by itself.

    encoder: what made the features x (N, d) of a table; y (N,): the target. Measure: R2, or the mean share of each
    class that is told, of a decision tree that sees this column alone, on the half of the rows it was not grown on.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": np.arange(300.0) % 17, "paid": np.arange(300.0) ** 2})
    >>> encoder = TableEncoder().fit(table)
    >>> leaks(encoder, encoder.transform(table), np.arange(300.0), True)
    ['paid']
    """
    if len(y) < FEWEST or len(encoder.columns) < 2:
        return []
    from sklearn.metrics import balanced_accuracy_score, r2_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rows = np.random.default_rng(0).permutation(len(y))[:LOOKED_AT]
    x, y = x[rows], np.asarray(y)[rows]
    half, found, first = len(y) // 2, [], 0
    if len(np.unique(y[half:])) < 2:
        return []
    tree = DecisionTreeRegressor(random_state=0) if quantity else DecisionTreeClassifier(random_state=0)
    measure = r2_score if quantity else balanced_accuracy_score
    for column in encoder.columns:
        own = x[:, first : first + len(column.feature_names)]
        first += own.shape[1]
        with warnings.catch_warnings():  # that a class is rare is no news to the user
            warnings.simplefilter("ignore")
            told = tree.fit(own[:half], y[:half]).predict(own[half:])
            nearly = measure(y[half:], told) > NEARLY
        if nearly:
            found.append(column.name)
    return found


def warn_of_leaks(encoder: TableEncoder, x: np.ndarray, y: np.ndarray, quantity: bool) -> None:
    """One warning about the columns that `leaks` finds, if any."""
    if found := leaks(encoder, x, y, quantity):
        shown = ", ".join(map(repr, found[:5])) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        alone, them = ("each alone predict", "them") if len(found) > 1 else ("alone predicts", "it")
        warn(
            f"{shown} {alone} the target almost perfectly, as what is known only afterwards does: leave {them} out "
            f"where that is so (drop={','.join(found[:5])})"
        )
