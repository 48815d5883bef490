"""The optimal brain surgeon: what one weight's going costs, and how the others make up for it.

With E near its minimum a parabola of second derivative Q, taking weight i to 0 at the least cost,
min 1/2 dw' Q dw with dw_i + w_i = 0, gives (Hassibi & Stork 1993; Pattipati, "Network pruning")

    dw = -w_i / [Q^-1]_ii Q^-1 e_i,    J_i = w_i^2 / (2 [Q^-1]_ii).
"""

from __future__ import annotations

import numpy as np

from netgrad.errors import NetgradError


def cost(w: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """J_i of every weight, (P,), of the diagonal of Q^-1; small weights with a large uncertainty cost least.

    >>> cost(np.array([1.0, 2.0]), np.array([0.5, 4.0])).tolist()
    [1.0, 0.5]
    """
    return w**2 / (2 * variances)


def surgery(w: np.ndarray, inverse: np.ndarray, i: int) -> np.ndarray:
    """The weights without weight i, and what the others make up: w + dw.

    >>> surgery(np.array([1.0, 1.0]), np.array([[1.0, -0.5], [-0.5, 1.0]]), 0).tolist()
    [0.0, 1.5]
    """
    after = w - w[i] / inverse[i, i] * inverse[:, i]
    after[i] = 0.0
    return after


def without(inverse: np.ndarray, i: int) -> np.ndarray:
    """Q^-1 of the weights that are left when i is gone: its row and column of it become 0.

    >>> without(np.linalg.inv([[2.0, 1.0], [1.0, 2.0]]), 0).round(6).tolist()
    [[0.0, 0.0], [0.0, 0.5]]
    """
    column = inverse[:, i]
    after = inverse - np.outer(column, column) / column[i]
    after[i, :] = after[:, i] = 0.0
    return after


def inverse_by_rows(rows: np.ndarray, mu: float) -> np.ndarray:
    """(mu I + sum of x x')^-1, of the rows x one after the other: Q^-1 -= Q^-1 x x' Q^-1 / (1 + x' Q^-1 x).

    No matrix is solved; the start mu I is what "add mu I" asks for. (P, P) from (M, P).

    >>> inverse_by_rows(np.array([[1.0, 0.0], [1.0, 1.0]]), 1.0).tolist()
    [[0.4, -0.2], [-0.2, 0.6]]
    """
    inverse = np.eye(rows.shape[1]) / mu
    for x in np.asarray(rows, float):
        along = inverse @ x
        inverse -= np.outer(along, along) / (1 + x @ along)
    return inverse


def positive(Q: np.ndarray, mu: float | None = None) -> tuple[np.ndarray, float]:
    """Q + mu I, positive definite, and mu; by default 0, or what lifts the smallest eigenvalue to a millionth of the
    largest.

    Raises `NetgradError` where the mu that is given does not do.

    >>> matrix, mu = positive(np.diag([4.0, -2.0]))
    >>> round(mu, 4), bool(np.linalg.eigvalsh(matrix).min() > 0)
    (2.0, True)
    """
    values = np.linalg.eigvalsh(Q)
    least = 1e-6 * max(abs(values[-1]), abs(values[0]), np.finfo(float).tiny)
    if mu is None:
        mu = float(max(0.0, least - values[0]))
    elif not values[0] + mu > 0:
        raise NetgradError(
            f"Q + mu I is not positive definite: its smallest eigenvalue is {values[0]:.3g}, give a mu above "
            f"{-values[0]:.3g}, or leave it out"
        )
    return Q + mu * np.eye(len(Q)), mu
