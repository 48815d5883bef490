"""Plain forecasts, each a linear map of the window, and how they are weighed: what a network has to add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from netgrad.training.ridge import Fold, Ridge, strength

SMOOTHINGS = (0.0, 0.1, 0.2, 0.4, 0.7)  # the factors that are tried; 0 is the mean of the window
MOST_LINEAR = 4000  # numbers in a window of which a linear map is learned
ALL_OF_IT = 0.98  # of the squared error of a map of the target's past, below which all of the window is mapped
PERSISTENCE, SEASONAL, SMOOTHED, RIDGE = "persistence", "seasonal naive", "smoothing", "ridge"
NETWORK = "network"  # what corrects them
UNLEARNED = 2.0  # times the weight that what learns nothing begins with
CLOSEST = 1e-4  # of the largest squared error in a part of the time, below which none counts as smaller


@dataclass(frozen=True)
class Baseline:
    """A plain forecast, as a linear map of examples (N, d).

    map: learned from all windows; early: from those that the first fold learns from; said: what the map of each fold
    says of the windows that the fold looks at.
    """

    name: str
    map: Ridge
    early: Ridge
    said: list[np.ndarray]


def plain_maps(window: int, horizon: int, season: int) -> list[tuple[str, list[np.ndarray]]]:
    """Maps (window, horizon) of the target's own past that nothing is learned for, several to choose from under a name.

    All say the change since the last value: persistence none, seasonal naive that to the same step of the season
    before, smoothing that to the exponentially weighed mean of the window.

    >>> (_, [still]), (_, [naive]), (_, [mean, *_]) = plain_maps(4, 2, 4)
    >>> still.any(), naive.T.tolist(), mean[:, 0].tolist()
    (np.False_, [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]], [0.25, 0.25, 0.25, 0.25])
    """
    found = [(PERSISTENCE, [np.zeros((window, horizon))])]
    if 1 < season <= window:
        ahead = np.arange(1, horizon + 1)
        naive = np.zeros((window, horizon))
        naive[window - 1 + ahead - season * -(-ahead // season), ahead - 1] = 1
        found.append((SEASONAL, [naive]))
    smoothed = []
    for factor in SMOOTHINGS:
        weight = (1 - factor) ** np.arange(window)[::-1]
        smoothed.append(np.repeat(weight[:, None] / weight.sum(), horizon, axis=1))
    return [*found, (SMOOTHED, smoothed)]


def baselines(
    flat: np.ndarray, y: np.ndarray, truth: np.ndarray, split: Sequence[Fold], own: np.ndarray, season: int
) -> list[Baseline]:
    """The plain forecasts of examples (N, d), of which these inputs (d,) are the target's own past.

    y, truth (N, horizon): the change since the last value, unknown ones as 0 and as NaN.
    """
    past, horizon, found = flat[:, own], y.shape[1], list[Baseline]()
    for name, maps in plain_maps(past.shape[1], horizon, season):
        told = [past @ W for W in maps]
        errors = [sum(_square(said[look], truth[look]) for _, look in split) for said in told]
        best = int(np.argmin(errors))
        whole = _whole(Ridge(maps[best], np.zeros(horizon), 0.0), own)
        found.append(Baseline(name, whole, whole, [told[best][look] for _, look in split]))
    mapped = [used for used in ([own] if own.all() else [own, ~own | own]) if used.sum() <= MOST_LINEAR]
    return [*found, mapping(flat, y, truth, split, mapped)] if mapped else found


def mapping(
    flat: np.ndarray, y: np.ndarray, truth: np.ndarray, split: Sequence[Fold], inputs: Sequence[np.ndarray]
) -> Baseline:
    """Ridge regression of the first of these inputs, or of the last where those forecast better."""
    found = [(used, *strength(flat[:, used], y, truth, split)) for used in inputs]
    used, alpha, said, _ = found[-1] if found[-1][-1] < ALL_OF_IT * found[0][-1] else found[0]
    x, first = flat[:, used], split[0][0]
    early = Ridge.of(x[first], y[first], alpha)
    return Baseline(RIDGE, _whole(Ridge.of(x, y, alpha), used), _whole(early, used), said)


def _whole(told: Ridge, used: np.ndarray) -> Ridge:
    """A map of some inputs as one of all."""
    W = np.zeros((len(used), told.W.shape[1]))
    W[used] = told.W
    return replace(told, W=W)


def _square(said: np.ndarray, truth: np.ndarray) -> float:
    return float(np.nansum((said - truth) ** 2))


def weights(found: Sequence[Baseline], truth: Sequence[np.ndarray]) -> np.ndarray:
    """What each counts for, by its errors on the examples that the folds look at: in proportion to the likelihood
    of these errors, a horizon counting as one observation, since neighbouring windows miss alike.

    So with little to tell them apart all count, and with much the best alone. Errors are compared fold by fold, in
    logarithms, so that a restless time does not outvote all others; and persistence and seasonal naive, which have
    nothing to learn the past by heart with, begin with twice the weight. truth: of each fold (N, horizon).
    Sources: Yao, Vehtari, Simpson & Gelman, "Using stacking to average Bayesian predictive distributions" (2018), on
    weights by held-out likelihood; Makridakis, Spiliotis & Assimakopoulos, "The M4 competition" (2020), on plain
    forecasts combined.

    >>> off = np.ones((20, 2))
    >>> two = [Baseline(str(miss), None, None, [miss * off]) for miss in (1, 2)]
    >>> weights(two, [0 * off]).round(4).tolist()
    [0.999, 0.001]
    """
    known = [np.isfinite(part) for part in truth]
    observations = max(sum(float(part.any(1).sum()) for part in known) / truth[0].shape[1], 1.0)
    errors = np.array([[_square(*pair) for pair in zip(one.said, truth, strict=True)] for one in found])
    sizes = np.array([part.sum() for part in known])
    sizes = np.where(errors.any(0), sizes, 0)  # a fold in which nothing ever changes tells nothing
    if not sizes.any():
        return np.full(len(found), 1 / len(found))
    logarithms = np.log(np.maximum(errors, CLOSEST * errors.max(0)) + (errors.max(0) == 0)) @ sizes / sizes.sum()
    prior = np.array([UNLEARNED if one.name in (PERSISTENCE, SEASONAL) else 1.0 for one in found])
    likely = prior * np.exp(-observations / 2 * (logarithms - logarithms.min()))
    return np.asarray(likely / likely.sum())


def blended(found: Sequence[Baseline], share: np.ndarray) -> Baseline:
    """The mean of plain forecasts, weighed, which is a linear map again."""

    def mean(maps: Sequence[Ridge]) -> Ridge:
        W, b = (sum(part * each for part, each in zip(share, of, strict=True)) for of in
                ([m.W for m in maps], [m.b for m in maps]))  # fmt: skip
        return Ridge(np.asarray(W), np.asarray(b), 0.0)

    folds = zip(*(one.said for one in found), strict=True)
    said = [np.tensordot(share, np.stack(fold), 1) for fold in folds]
    return Baseline("plain", mean([one.map for one in found]), mean([one.early for one in found]), said)


def worth(wanted: np.ndarray, more: np.ndarray) -> float:
    """How much of a correction (N, horizon) to count, between 0 and 1, by what was wanted of it on examples that
    nothing was learned from: least squares, less by twice the square of its standard error over its own.

    So a correction counts for nothing unless it is clear that it helps. As many neighbouring examples as there are
    steps in a horizon, which miss alike, are one observation of the error.

    >>> rng = np.random.default_rng(0)
    >>> more, noise = rng.normal(size=(2, 60, 2))
    >>> round(worth(0.5 * more + 0.1 * noise, more), 1), worth(noise, more), worth(more[:2], more[:2])
    (0.5, 0.0, 0.0)
    """
    known = np.isfinite(wanted)
    wanted, more = np.where(known, wanted, 0.0), np.where(known, more, 0.0)
    square, horizon = float((more**2).sum()), wanted.shape[1]
    blocks = np.arange(len(wanted)) // horizon
    count = int(blocks[-1]) + 1
    share = float((more * wanted).sum()) / square if square else 0.0
    if share <= 0 or count < 2:
        return 0.0
    slope = np.bincount(blocks, (more * (wanted - share * more)).sum(1))
    error = float(np.sqrt((slope**2).sum() * count / (count - 1))) / square
    return float(np.clip(share * (1 - 2 * (error / share) ** 2), 0, 1))
