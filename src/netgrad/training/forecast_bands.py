"""Bands around forecasts: how far they reach at each step ahead, by the errors on what was held out."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

MANY = 30  # horizons held out by which the usual error of each step is known by itself
NARROWEST, WIDEST = 1 / 3, 3.0  # what a calm or a wild window makes of a band


def restlessness(x: np.ndarray) -> np.ndarray:
    """The root mean squared change from step to step (N,) in windows (N, T, d) of the target's past, channel 0."""
    past = np.asarray(x[:, :, 0], np.float64)
    change = np.diff(past, axis=1) if past.shape[1] > 1 else past
    return np.asarray(np.sqrt((change**2).mean(1)))


def widths(x: np.ndarray, usual: float) -> np.ndarray:
    """What bands are wider by (N,) from windows more restless than usual, or narrower from calm ones: half way, as a
    square root, since no window tells its future's spread for sure. usual: of training; 0 for bands that stay.

    >>> still = np.zeros((1, 4, 1))
    >>> widths(still, 1.0).round(2), widths(still + 4 * np.arange(4)[:, None], 1.0), widths(still, 0.0)
    (array([0.33]), array([2.]), array([1.]))
    """
    if not usual:
        return np.ones(len(x))
    return np.clip(np.sqrt(restlessness(x) / usual), NARROWEST, WIDEST)


def reaches(residuals: np.ndarray, coverage: float) -> tuple[float, ...]:
    """How far bands reach at each step ahead, so that they hold a share of residuals (N, horizon) like these.

    Split conformal prediction: as far as the order statistic (n + 1) * coverage of the residuals' sizes. All steps are
    looked at together, each residual beside the usual size of its step, which where few horizons are held out does
    not fall from step to step. Neighbouring windows miss alike, so n counts horizons, not windows; where so few are
    held out that none of them reaches far enough, the usual size times the quantile of Student's t.

    Sources: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005); Stankeviciute, Alaa & van der
    Schaar, "Conformal time-series forecasting" (2021).

    >>> residuals = np.arange(1.0, 100.0)[:, None]
    >>> reaches(residuals, 0.9), np.round(reaches(residuals[:3], 0.9), 2).tolist(), reaches(residuals * np.nan, 0.9)
    ((90.0,), [5.87], (0.0,))
    """
    known = np.isfinite(residuals)
    horizon = int(residuals.shape[1])
    if not known.any():
        return (0.0,) * horizon
    count = known.sum(0)
    size: np.ndarray = np.sqrt(_mean_square(residuals, known, count))
    n = max(float(known.any(1).sum()) / horizon, 1.0)
    if n < MANY:
        from scipy.optimize import isotonic_regression  # takes a tenth of a second, which other trainings would pay

        size = np.asarray(isotonic_regression(size, weights=np.maximum(count, 1e-9)).x)
    told = np.abs(residuals) / np.where(size > 0, size, 1.0)
    ordered, place = np.sort(told[known]), coverage * (1 + 1 / n)
    if place < 1:
        far = float(ordered[int(np.ceil(round(place * len(ordered), 9))) - 1])
    else:
        far = float(stdtrit(max(n, 2.0), 0.5 + coverage / 2) * np.sqrt(1 + 1 / n))
    return tuple(float(reach) for reach in far * size)


def _mean_square(residuals: np.ndarray, known: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Of what is known at each step; of all steps where nothing is known of one."""
    square = np.where(known, residuals, 0.0) ** 2
    return np.asarray(np.where(count, square.sum(0) / np.maximum(count, 1), square.sum() / count.sum()))
