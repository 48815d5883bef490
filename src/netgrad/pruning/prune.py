"""Pruning: weights, units or filters that matter least are taken out, and the rest is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.curvature.gauss_newton import gauss_newton
from netgrad.curvature.structures import check_memory
from netgrad.curvature.weights import Weights
from netgrad.errors import NetgradError
from netgrad.pruning.masks import maskable, masked, masks
from netgrad.pruning.surgeon import cost, positive, surgery, without
from netgrad.pruning.units import without_units

if TYPE_CHECKING:
    from netgrad.training.model import Model

METHODS = ("magnitude", "obd", "obs")
OF = ("weights", "units")


def prune(
    model: Model,
    x: Any,
    y: Any,
    *,
    share: float = 0.5,
    method: str = "obs",
    of: str = "weights",
    rounds: int = 1,
    mu: float | None = None,
    retrain: Mapping[str, Any] | None = None,
) -> Model:
    """A trained model without its least important weights: a mask keeps them at 0, also in the model file.

    Args:
        x, y: the examples that it was trained on.
        share: of the weights (or units) that are there now, how many go; above 0, below 1.
        method: "obs", the optimal brain surgeon: one after the other, the one whose going costs least when all others
            make up for it, and they do (`netgrad.pruning.surgeon`), for up to some thousand weights; "obd", optimal
            brain damage, w_i^2 Q_ii / 2, which takes them for independent; "magnitude", |w|.
        of: "weights" of dense layers and convolutions, never biases; or "units", the hidden units of dense layers and
            the filters of convolutions as a whole, by "obd" or "magnitude": `netgrad.pruning.smaller` then makes a
            smaller network of it.
        rounds: in so many rounds, with training in between.
        mu: added to the diagonal of Q for "obs"; by default what makes it positive definite, if it is not.
        retrain: arguments of `netgrad.fit` for training after each round, {"epochs": 20}; none by default.

    Q is the Gauss-Newton matrix of the error (`netgrad.curvature`), the sum over examples of x~ x~' in the text.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> model = ng.fit(ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)]), x, x[:, 0] * x[:, 1], epochs=50)
    >>> pruned = ng.prune(model, x, x[:, 0] * x[:, 1], share=0.5, retrain={"epochs": 20})
    >>> int((pruned.effective["dense_1"]["W"] == 0).sum() + (pruned.effective["dense_2"]["W"] == 0).sum())  # of 30
    15
    """
    _check(share, method, of, rounds)
    step = without_units if of == "units" else _without_weights
    count = step(model, x, y, method, mu, None)[1]
    for i in range(1, rounds + 1):
        left = round(count * (1 - share) ** (i / rounds))
        model = _trained(step(model, x, y, method, mu, left)[0], x, y, retrain)
    return model


def _without_weights(
    model: Model, x: Any, y: Any, method: str, mu: float | None, left: int | None
) -> tuple[Model, int]:
    """The model with so many weights left, and how many there are; with None only those are counted."""
    paths = maskable(model)
    keep = masks(model, paths)
    count = int(sum(mask.sum() for mask in keep.values()))
    if left is None:
        return model, count
    if left < 1:
        raise NetgradError(f"of {count} weights none would be left: take a smaller share")
    weights = Weights.of(model.network, model.params)
    places = dict(weights.spans())
    w = weights.vector(model.params)
    there = np.zeros(weights.count, bool)  # weights that may go
    for path in paths:
        there[places[path]] = keep[path].ravel()
    if method == "obs":
        w, there = _by_surgery(model, x, y, weights, w, there, count - left, mu)
    else:
        worth = np.abs(w) if method == "magnitude" else 0.5 * w**2 * _diagonal(model, x, y)
        gone = np.flatnonzero(there)[np.argsort(worth[there], kind="stable")[: count - left]]
        there[gone] = False
    after = {path: there[places[path]].reshape(keep[path].shape) for path in paths}
    return masked(model, weights.tree(w, model.params), after), count


def _diagonal(model: Model, x: Any, y: Any) -> np.ndarray:
    found: np.ndarray = gauss_newton(model, x, y, "diagonal").diagonal()
    return found


def _by_surgery(
    model: Model, x: Any, y: Any, weights: Weights, w: np.ndarray, there: np.ndarray, many: int, mu: float | None
) -> tuple[np.ndarray, np.ndarray]:
    check_memory("full", weights.count, 2)
    places = dict(weights.spans())
    prunable = np.zeros(len(w), bool)
    for path in maskable(model):
        prunable[places[path]] = True
    alive = np.flatnonzero(there | ~prunable)  # what a mask hides already is no weight, and has no part in Q
    Q = gauss_newton(model, x, y, "full").matrix()[np.ix_(alive, alive)]
    inverse = np.linalg.inv(positive(Q, mu)[0])
    own, may = w[alive], there[alive]
    for _ in range(many):
        left = np.flatnonzero(may)
        i = int(left[np.argmin(cost(own[left], inverse.diagonal()[left]))])
        own, inverse = surgery(own, inverse, i), without(inverse, i)
        may[i] = False
    w, there = w.copy(), there.copy()
    w[alive], there[alive] = own, may
    return w, there


def _trained(model: Model, x: Any, y: Any, retrain: Mapping[str, Any] | None) -> Model:
    if retrain is None:
        return model
    from netgrad.training.fit import fit

    trained: Model = fit(model, x, y, **retrain)
    return trained


def _check(share: float, method: str, of: str, rounds: int) -> None:
    if method not in METHODS:
        raise NetgradError(f"unknown method {method!r}: take one of {', '.join(METHODS)}")
    if of not in OF:
        raise NetgradError(f"pruned are {' or '.join(OF)}, found {of!r}")
    if of == "units" and method == "obs":
        raise NetgradError("the optimal brain surgeon takes single weights: for units take method='obd' or 'magnitude'")
    if not (isinstance(share, int | float) and 0 < share < 1):
        raise NetgradError(f"share must lie between 0 and 1, so that something goes and something is left: {share!r}")
    if not isinstance(rounds, int) or rounds < 1:
        raise NetgradError(f"rounds must be a whole number of at least 1, found {rounds!r}")
