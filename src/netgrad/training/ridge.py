"""Ridge regression with the strength of its penalty told by examples held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STRENGTHS = np.logspace(-5, 2, 8)  # of the penalty, in mean squares of an input summed over the examples


@dataclass(frozen=True)
class Ridge:
    """A linear map: y = x W + b, W (d, outputs). alpha: the strength of the penalty on W. said: what it said of the
    examples held out."""

    W: np.ndarray
    b: np.ndarray
    alpha: float
    said: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """What it says of examples (N, d)."""
        return np.asarray(x @ self.W + self.b, np.float64)

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, alpha: float) -> Ridge:
        """The map of these examples."""
        return _Solved(x, y).at(alpha)


def ridge(x: np.ndarray, y: np.ndarray, x_held: np.ndarray, y_held: np.ndarray) -> Ridge:
    """The map of examples x (N, d), y (N, outputs) whose penalty is that which forecasts those held out best.

    y_held may have NaN where nothing is known.

    >>> x = np.arange(12.0).reshape(6, 2) % 5
    >>> told = ridge(x, x @ [[2.0], [1.0]] + 3, x, x @ [[2.0], [1.0]] + 3)
    >>> np.round(told.predict(np.array([[1.0, 1.0]])), 2)
    array([[6.]])
    """
    solved = _Solved(x, y)
    best, least = None, np.inf
    for strength in STRENGTHS:
        tried = solved.at(float(strength))
        said = tried.predict(x_held)
        error = float(np.nanmean((said - y_held) ** 2))
        if best is None or error < least:
            best, least = Ridge(tried.W, tried.b, tried.alpha, said), error
    assert best is not None
    return best


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
        return Ridge(W, self.y_mean - self.x_mean @ W, alpha, np.zeros(0))
