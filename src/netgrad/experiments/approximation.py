"""One hidden layer approximates any continuous function, the better the wider it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

WIDTHS = (1, 2, 4, 8, 16, 32)
STARTS = 8


def target(x: np.ndarray) -> np.ndarray:
    """A function with a jump in its slope and waves of two lengths, on [-1, 1]."""
    return np.abs(x) + 0.3 * np.sin(6 * x) + 0.1 * np.cos(15 * x)


@experiment(
    "approximation",
    "Universal approximation: one hidden layer of growing width",
    "Pattipati 'Universal Approximation of MLP'; Kelleher 8.2 'Why is network depth important?'",
    seconds=10,
)
def approximation(seed: int = 0) -> Result:
    """The root mean squared error of tanh networks of 1 to 32 hidden units, eight starts of each.

    The theorem is of what a network can do, so the networks are trained with Levenberg-Marquardt, which gets nearest to
    it: after 1,500 steps of L-BFGS (SciPy's in double precision, too) a network of 8 units ends anywhere between 0.006
    and 0.034, for want of steps and not of units.
    """
    x = np.linspace(-1, 1, 200)[:, None]
    y = target(x)
    result, fits, medians = Result(), {}, []
    for width in WIDTHS:
        # Steps of every steepness, spread over the interval: with biases of 0 they would all start in its middle.
        steps = ng.Dense(width, activation="tanh", initializer=ng.Normal(6.0), bias_initializer=ng.Normal(4.0))
        net = ng.Sequential([steps, ng.Dense(1)])
        models = fit_starts(
            net, x, y, STARTS,
            optimizer="levenberg_marquardt", batch_size=None, epochs=300, epochs_per_call=100, seed=seed,
        )  # fmt: skip
        errors = np.array([model.evaluate(x, y)["rmse"] for model in models])
        medians.append(float(np.median(errors)))
        fits[width] = models[int(errors.argmin())].predict(x)
        result.tell(f"{width} hidden units: RMSE, median and worst of {STARTS} starts", [medians[-1], errors.max()])
    falls = all(b < a for a, b in pairwise(medians))
    result.holds("the median error falls with every doubling", "yes", falls, falls)
    near = int((errors < 0.01).sum())
    result.holds("32 units: starts with RMSE below 0.01", "any accuracy", f"{near} of {STARTS}", near >= STARTS - 1)
    result.figures["approximation"] = _draw(x[:, 0], y[:, 0], fits)
    return result


def _draw(x: np.ndarray, y: np.ndarray, fits: dict[int, np.ndarray]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    for axes, (width, fit) in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, fits.items(), strict=True):
        error = float(np.sqrt(np.mean((fit - y) ** 2)))
        axes.plot(x, y, color="0.7", linewidth=4, label="target")
        axes.plot(x, fit, color="black", linewidth=1.2, label="network")
        axes.set_title(f"{width} hidden unit{'s' if width > 1 else ''}, RMSE {error:.3f}", fontsize=10)
    figure.axes[0].legend(frameon=False)
    figure.suptitle("A hidden layer of growing width approximates a function")
    return figure
