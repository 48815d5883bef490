"""From the numbers of a column to the scale that a network computes on.

Normalisation of inputs and target: Kelleher, chapter 8, "Data preparation".
"""

from __future__ import annotations

from sys import float_info
from typing import Any

import numpy as np

from netgrad.errors import DataError, unknown_name

# From the smallest value to the largest: what a unit reaches, and for the others what it reaches without saturating
# (Pattipati, "Backprop Practicalities").
RANGES = {"range": (0.0, 1.0), "symmetric": (-1.0, 1.0), "logistic": (0.15, 0.85), "tanh": (-1.716, 1.716)}
OF_TARGETS = ("standardise", *RANGES, "none")
SCALINGS = (*OF_TARGETS, "robust")
LIMIT = 3.0  # what "robust" keeps scaled numbers within
ROUNDING = 8  # units in the last place that a constant's values may differ by, computed in different ways
COARSE = 1000  # units in the last place that a column must spread over


def scale_of(x: np.ndarray, scaling: str, name: str = "") -> tuple[np.ndarray, np.ndarray]:
    """The offset and the factor of each column of `x` (N, d) with which (x - offset) * factor is scaled.

    "standardise" gives mean 0 and standard deviation 1, "none" changes nothing. "range" gives the interval [0, 1],
    "symmetric" [-1, 1], "logistic" [0.15, 0.85] and "tanh" [-1.716, 1.716] (`netgrad.ScaledTanh`). "robust"
    gives median 0 and a distance of 1 between the quartiles (2 between the extremes where the quartiles are equal), so
    that wild values do not decide the scale of all others; `clipped` brings these themselves nearer.
    A constant column's factor is 0: it says nothing in training, so it may say nothing later.

    >>> scale_of(np.array([[1.0, 5.0], [3.0, 5.0]]), "range")
    (array([1., 5.]), array([0.5, 0. ]))
    >>> scale_of(np.array([[1.0], [3.0]]), "symmetric")
    (array([2.]), array([1.]))
    """
    if scaling not in SCALINGS:
        raise unknown_name("scaling", scaling, SCALINGS)
    if scaling == "none":
        return np.zeros(x.shape[1]), np.ones(x.shape[1])
    largest = np.abs(x).max()
    if largest > 1e150:  # its square would be infinite
        where = f"column {name!r} holds " if name else ""
        raise DataError(f"{where}numbers as large as {largest:g} cannot be scaled: expected less than 1e150")
    x = np.asarray(x, np.float64)
    low, high = x.min(axis=0), x.max(axis=0)
    constant = high - low <= np.maximum(ROUNDING * np.spacing(np.abs(x).max(axis=0)), 1e-100)
    above = x - low  # moments of what is left without the offset: those of x itself would be rounded as coarsely as x
    offset, spread = low + above.mean(axis=0), above.std(axis=0)
    if scaling in RANGES:
        begin, end = RANGES[scaling]
        spread = (high - low) / (end - begin)
        offset = low - begin * spread
    if scaling == "robust":
        lower, middle, upper = np.quantile(above, (0.25, 0.5, 0.75), axis=0)
        offset, spread = low + middle, np.where(upper > lower, upper - lower, (high - low) / 2)
    return np.where(constant, low, offset), np.where(constant, 0, 1 / np.where(constant, 1, spread))


def clipped(z: np.ndarray, limit: float = LIMIT) -> np.ndarray:
    """Scaled numbers brought smoothly within plus and minus ``limit``: z / sqrt(1 + (z / limit)^2).

    What is near 0 hardly moves, and a value far out still differs from one further out. Source: Holzmueller,
    Grinsztajn & Steinwart, "Better by default" (NeurIPS 2024).

    >>> clipped(np.array([-1000.0, 0.5, 3.0])).round(3)
    array([-3.   ,  0.493,  2.121])
    """
    with np.errstate(over="ignore"):  # of the largest numbers the square is infinite
        return np.where(np.abs(z) > 1e8 * limit, np.sign(z) * limit, z / np.sqrt(1 + (z / limit) ** 2))


def too_coarse(values: Any, x: np.ndarray, name: str) -> str:
    """What is to be said where float64 cannot tell a column's values apart finely enough to learn from them.

    values: as they were given, of whole numbers perhaps; x: the same as float64 (N,), without missing ones.
    """
    step, spread = np.spacing(np.abs(x).max()), float(np.ptp(x))
    if spread >= COARSE * step:
        return ""
    beyond = np.abs(x).max() >= 2**53  # whole numbers that float64 rounds to one
    if spread <= ROUNDING * step and not (beyond and len(set(map(str, values))) > 1):
        return ""  # a constant
    return (
        f"column {name!r} holds numbers near {x[0]:.6g} that differ by less than {COARSE:,} roundings of a float "
        f"({step:.2g}): subtract a constant from them before they are read, or name the column as categorical"
    )


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number.

    >>> is_number(1), is_number(1.5), is_number(True), is_number(float("nan")), is_number("1"), is_number(10**400)
    (True, True, False, False, False, False)
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return -float_info.max <= value <= float_info.max
