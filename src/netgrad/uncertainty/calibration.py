"""Whether what a model says of its own sureness is true: of classes its probabilities, of values its bands.

A classifier is calibrated where of all that it gives the probability p, a share p is so. The expected calibration error
is the mean distance of both over bins of probability, weighted by their examples (Naeini et al. 2015); dividing all
net inputs by one temperature, fitted on examples apart, is the least change that mends it (Guo et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import norm

from netgrad.curvature.weights import output_layer
from netgrad.errors import DataError, NetgradError
from netgrad.layers.activation import Identity
from netgrad.layers.dense import Dense

if TYPE_CHECKING:
    from netgrad.training.model import Model


@dataclass(frozen=True, eq=False)
class Calibration:
    """By bin of the most probable class's probability: examples, mean probability (confidence), share right (accuracy).

    error: the expected calibration error; nll: the mean negative log-likelihood of the true classes.
    """

    examples: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float
    nll: float

    def figure(self) -> Any:
        """The reliability diagram (matplotlib): on the diagonal where it is calibrated."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4, 4), layout="constrained")
        axes, full = figure.subplots(), self.examples > 0
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        axes.plot(self.confidence[full], self.accuracy[full], "o-", color="black", markersize=4)
        axes.set(xlabel="probability given", ylabel="share right", xlim=(0, 1), ylim=(0, 1))
        axes.set_title(f"calibration error {self.error:.3f}", fontsize=10)
        return figure


def reliability(p: Any, y: Any, bins: int = 10) -> Calibration:
    """Of probabilities (N, classes) and class numbers (N,).

    >>> reliability([[0.8, 0.2], [0.8, 0.2], [0.3, 0.7]], [0, 1, 1]).error.__round__(3)
    0.3
    """
    p, y = np.asarray(p, float), np.asarray(y)
    if p.ndim != 2 or y.shape != p.shape[:1] or len(y) == 0:
        raise DataError(f"probabilities (N, classes) and class numbers (N,) are expected: {p.shape}, {y.shape}")
    if not isinstance(bins, int) or bins < 1:
        raise NetgradError(f"bins must be a whole number of at least 1, found {bins!r}")
    top, right = p.max(1), p.argmax(1) == y
    place = np.minimum((top * bins).astype(int), bins - 1)
    examples = np.bincount(place, minlength=bins)
    sums = (np.bincount(place, weights=values, minlength=bins) for values in (top, right.astype(float)))
    confidence, accuracy = (total / np.maximum(examples, 1) for total in sums)
    error = float((examples * np.abs(confidence - accuracy)).sum() / len(y))
    own = p[np.arange(len(y)), y.astype(int)]
    return Calibration(examples, confidence, accuracy, error, float(-np.log(np.maximum(own, 1e-300)).mean()))


def calibration(model: Model, x: Any, y: Any, bins: int = 10, spread: bool = False) -> Calibration:
    """Of a classifier on examples that it was not trained on; with ``spread`` of what its posterior makes of it.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> model = ng.fit(ng.Sequential([ng.Dense(2)]), x, (x[:, 0] > 0).astype(int), epochs=30)
    >>> ng.uncertainty.calibration(model, x, (x[:, 0] > 0).astype(int)).error < 0.3
    True
    """
    logits, labels = _classes(model, x, y)
    if not spread:
        p = np.exp(_log_p(logits))
    else:
        given = np.asarray(model.predict_proba(x, spread=True)[0])
        p = np.concatenate([1 - given, given], axis=1) if given.shape[1] == 1 else given
    return reliability(p, labels, bins)


def with_temperature(model: Model, x: Any, y: Any) -> tuple[Model, float]:
    """The classifier with its net inputs divided by the temperature that is likeliest on these examples, and that.

    x, y: examples apart from those of training. Its last layer, which must be linear and dense, is scaled, so that
    labels stay as they are.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = (x[:, 0] + np.random.default_rng(1).normal(size=200) > 0).astype(int)
    >>> model = ng.fit(ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(2)]), x[:50], y[:50], epochs=200)
    >>> cooler, T = ng.uncertainty.with_temperature(model, x[50:], y[50:])
    >>> T > 1, bool((cooler.predict(x) == model.predict(x)).all())
    (True, True)
    """
    logits, labels = _classes(model, x, y)
    layer = output_layer(model.network)
    node = next((node for node in model.network.nodes if node.params == layer), None)
    views = any(path.startswith(f"{layer}/") for view in model.network.views for path in view.paths)
    if node is None or not isinstance(node.layer, Dense) or not isinstance(node.layer.activation, Identity) or views:
        raise NetgradError(f"a temperature scales a linear dense last layer with weights of its own, found {layer}")

    def nll(log_T: float) -> float:
        return -float(_log_p(logits / np.exp(log_T))[np.arange(len(labels)), labels].mean())

    T = float(np.exp(minimize_scalar(nll, bounds=(-5, 5), method="bounded").x))
    scaled = {name: value / T for name, value in model.params[layer].items()}
    params = {**model.params, layer: scaled}
    return replace(model, params=params, posterior=None, optimizer_state=None, tested=None), T


def coverage(model: Model, x: Any, y: Any, levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95)) -> dict[float, float]:
    """The share of targets within the bands of each level, for a regression with a posterior (`netgrad.posterior`).

    >>> import netgrad as ng, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(400, 1))
    >>> y = x[:, 0] + rng.normal(size=400)
    >>> model = ng.posterior(ng.fit(ng.Sequential([ng.Dense(1)]), x[:200], y[:200], epochs=60), x[:200], y[:200])
    >>> 0.85 < ng.uncertainty.coverage(model, x[200:], y[200:])[0.95] < 1
    True
    """
    for level in levels:
        if not 0 < level < 1:
            raise NetgradError(f"a level is the share of targets that a band is to hold, between 0 and 1: {level!r}")
    value, spread = model.predict(x, spread=True)
    away = np.abs(np.asarray(y, float).reshape(value.shape) - value) / np.maximum(spread, np.finfo(float).tiny)
    return {float(level): float((away <= norm.ppf(0.5 + level / 2)).mean()) for level in levels}


def _classes(model: Model, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Net inputs (N, classes), those of one unit beside 0, and class numbers (N,)."""
    terms = model.objective.terms
    shape = model.network.shapes(model.shapes)[dict(model.network.outputs)[terms[0][0]]]
    if len(terms) != 1 or not terms[0][1].logits or terms[0][1].task == "regression" or len(shape) != 1:
        raise NetgradError(
            "calibration is of classifiers with one output (N, classes), trained by softmax_cross_entropy or "
            "binary_cross_entropy"
        )
    name = terms[0][0]
    batch = model.batch(x, y)
    logits, labels = np.asarray(model.run_batch(batch)[0][name], float), np.asarray(batch.y[name])
    if terms[0][1].task == "multilabel":
        if logits.shape[1] > 1:
            raise NetgradError(f"calibration is of classes that exclude each other, found {logits.shape[1]} labels")
        return np.concatenate([np.zeros_like(logits), logits], axis=1), np.round(labels[:, 0]).astype(int)
    return logits, labels if labels.ndim == 1 else labels.argmax(1)


def _log_p(logits: np.ndarray) -> np.ndarray:
    found: np.ndarray = log_softmax(logits, axis=1)
    return found
