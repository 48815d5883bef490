"""Ridge regression with the strength of its penalty told by examples held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STRENGTHS = np.logspace(-5, 2, 8)  # of the penalty, in mean squares of an input summed over the examples


@dataclass(frozen=True)
class Ridge:
    """A linear map: y = x W + b, W (d, outputs). alpha: the strength of the penalty on W."""

    W: np.ndarray
    b: np.ndarray
    alpha: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """What it says of examples (N, d)."""
        return np.asarray(x @ self.W + self.b, np.float64)

    def times(self, factor: float) -> Ridge:
        """The map that says this much of it."""
        return Ridge(factor * self.W, factor * self.b, self.alpha)

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, alpha: float) -> Ridge:
        """The map of these examples."""
        return _Solved(x, y).at(alpha)


Fold = tuple[np.ndarray, np.ndarray]  # which examples to learn from, and which to look at


def strength(
    x: np.ndarray, y: np.ndarray, truth: np.ndarray, folds: Sequence[Fold]
) -> tuple[float, list[np.ndarray], float]:
    """The strength of the penalty that forecasts the examples of the folds best which these do not learn from, what
    each fold's map says of its own with it, and the sum of their squared errors.

    x (N, d), y (N, outputs): the examples; truth: y with NaN where nothing is known.

    >>> x = np.arange(24.0).reshape(12, 2) % 5
    >>> first = np.arange(12) < 8
    >>> alpha, (said,), error = strength(x, x @ [[2.0], [1.0]], x @ [[2.0], [1.0]], [(first, ~first)])
    >>> bool(np.abs(said - x[8:] @ [[2.0], [1.0]]).max() < 1e-3), alpha == float(STRENGTHS[0])
    (True, True)
    """
    solved = [(_Solved(x[learned], y[learned]), x[seen], truth[seen]) for learned, seen in folds]
    tried = []
    for alpha in STRENGTHS:
        said = [fold.at(float(alpha)).predict(own) for fold, own, _ in solved]
        error = sum(float(np.nansum((told - own) ** 2)) for told, (_, _, own) in zip(said, solved, strict=True))
        tried.append((float(alpha), said, error))
    return min(tried, key=lambda found: found[2])


class _Solved:
    """The inputs' squares, which serve every strength of the penalty."""

    def __init__(self, x: np.ndarray, y: np.ndarray):
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self.x_mean, self.y_mean = x.mean(0), y.mean(0)
        centred = x - self.x_mean
        self.square = centred.T @ centred
        self.unit = float(np.trace(self.square)) / len(self.square) or 1.0
        self.product = centred.T @ (y - self.y_mean)

    def at(self, alpha: float) -> Ridge:
        penalised = self.square + alpha * self.unit * np.eye(len(self.square))
        W = np.linalg.solve(penalised, self.product)  # eigenvectors would take ten times as long
        return Ridge(W, self.y_mean - self.x_mean @ W, alpha)
