"""One hidden layer approximates any continuous function, the better the wider it is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment

WIDTHS = (1, 2, 4, 8, 16, 32)


def target(x: np.ndarray) -> np.ndarray:
    """A function with a jump in its slope and waves of two lengths, on [-1, 1]."""
    return np.abs(x) + 0.3 * np.sin(6 * x) + 0.1 * np.cos(15 * x)


@experiment(
    "approximation",
    "Universal approximation: one hidden layer of growing width",
    "Pattipati 'Universal Approximation of MLP'; Kelleher 8.2 'Why is network depth important?'",
    seconds=25,
)
def approximation(seed: int = 0) -> Result:
    """The root mean squared error of tanh networks of 1 to 32 hidden units, trained with L-BFGS."""
    x = np.linspace(-1, 1, 200)[:, None]
    y = target(x)
    result, fits = Result(), {}
    for width in WIDTHS:
        net = ng.Sequential([ng.Dense(width, activation="tanh", initializer=ng.Normal(3.0)), ng.Dense(1)])
        model = ng.fit(net, x, y, optimizer="lbfgs", batch_size=None, epochs=1500, epochs_per_call=100, seed=seed)
        fits[width] = model.predict(x)
        result.tell(f"{width} hidden units: RMSE", model.evaluate(x, y)["rmse"])
    errors = [float(np.sqrt(np.mean((fits[w] - y[:, 0]) ** 2))) for w in WIDTHS]
    falls = all(b < a for a, b in pairwise(errors))
    result.holds("the error falls with every doubling", "yes", falls, falls)
    result.holds("32 units: RMSE below 0.01", "any accuracy", f"{errors[-1]:.4f}", errors[-1] < 0.01)
    result.figures["approximation"] = _draw(x[:, 0], y[:, 0], fits, errors)
    return result


def _draw(x: np.ndarray, y: np.ndarray, fits: dict[int, np.ndarray], errors: list[float]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    for axes, (width, fit), error in zip(
        figure.subplots(2, 3, sharex=True, sharey=True).flat, fits.items(), errors, strict=True
    ):
        axes.plot(x, y, color="0.7", linewidth=4, label="target")
        axes.plot(x, fit, color="black", linewidth=1.2, label="network")
        axes.set_title(f"{width} hidden unit{'s' if width > 1 else ''}, RMSE {error:.3f}", fontsize=10)
    figure.axes[0].legend(frameon=False)
    figure.suptitle("A hidden layer of growing width approximates a function")
    return figure
