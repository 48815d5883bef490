"""What batch normalisation is for: higher learning rates, and less dependence on the initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.data import datasets
from netgrad.errors import DivergenceError
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS, HIDDEN, UNITS = 4, 4, 50
RATES = (0.01, 0.1, 1.0)
SIGMAS = (0.01, 0.1, 1.0)


def network(normalised: bool, sigma: float | None = None) -> ng.Network:
    """64 pixels, four hidden layers of 50 rectified units, 10 outputs; weights N(0, sigma^2), by default as usual."""
    initializer = None if sigma is None else ng.Normal(sigma)
    layers: list[ng.Layer] = []
    for _ in range(HIDDEN):
        if normalised:  # between the weighted sum and its activation, where the text has it
            layers += [ng.Dense(UNITS, initializer=initializer), ng.BatchNorm(), ng.ReLU()]
        else:
            layers += [ng.Dense(UNITS, initializer=initializer, activation="relu")]
    return ng.Sequential([*layers, ng.Dense(10, initializer=initializer)])


def accuracies(net: ng.Network, rate: float, data: datasets.Dataset, seed: int) -> np.ndarray:
    """Every start's accuracy on the test digits after 15 epochs of plain descent; one that diverged guesses."""
    try:
        models = fit_starts(
            net, data.x, data.y, STARTS, optimizer="sgd", learning_rate=rate, batch_size=32, epochs=15, seed=seed
        )
    except DivergenceError:
        return np.full(STARTS, 0.1)
    found = [np.mean(next(iter(model.outputs(data.x_test).values())).argmax(-1) == data.y_test) for model in models]
    return np.array(found)


@experiment(
    "batch-normalisation",
    "Batch normalisation: higher rates, and less dependence on the first weights",
    "Pattipati 'Batch Normalization'",
    seconds=40,
)
def batch_normalisation(seed: int = 0) -> Result:
    """8x8 digits, five weight layers, with and without: over learning rates, and over the spread of the first weights.

    Four starts of each. The text prints no values: what it says is held as an order.
    """
    data = datasets.load("digits", seed=seed).flat()
    result, curves = Result(), {}
    for what, values in (("rate", RATES), ("sigma", SIGMAS)):
        found: dict[bool, np.ndarray] = {}
        for normalised in (False, True):
            tried = [
                accuracies(network(normalised), value, data, seed) if what == "rate"
                else accuracies(network(normalised, value), 0.1, data, seed) for value in values
            ]  # fmt: skip
            found[normalised] = np.array(tried)
            shown = ", ".join(f"{value:g}: {np.median(a):.1%}" for value, a in zip(values, tried, strict=True))
            name = "learning rate" if what == "rate" else "standard deviation of the first weights"
            with_it = "with batch normalisation" if normalised else "without"
            result.tell(f"accuracy by {name}, {with_it}, median of {STARTS}", shown)
        curves[what] = found
    rates, sigmas = curves["rate"], curves["sigma"]
    result.most("the highest rate, 1: more accurate with it", "allows higher rates", rates[True][-1],
                rates[True][-1] > rates[False][-1])  # fmt: skip
    lost = {normalised: sigmas[normalised].max(0) - sigmas[normalised].min(0) for normalised in sigmas}
    what = f"accuracy between the best and the worst first weights; without it {np.median(lost[False]):.3g}"
    result.most(what, "depends less on them", lost[True], lost[True] < lost[False])
    result.figures["batch-normalisation"] = _draw(curves)
    return result


def _draw(curves: dict[str, dict[bool, np.ndarray]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    labels = {"rate": "learning rate", "sigma": "standard deviation of the first weights"}
    for axes, (what, values) in zip(figure.subplots(1, 2, sharey=True), (("rate", RATES), ("sigma", SIGMAS)),
                                    strict=True):  # fmt: skip
        for normalised, style in ((True, "o-"), (False, "s--")):
            found = curves[what][normalised]
            label = "with" if normalised else "without"
            axes.semilogx(values, np.median(found, axis=1), style, color="black", label=label)
            axes.fill_between(values, found.min(1), found.max(1), color="0.8" if normalised else "0.9", linewidth=0)
        axes.set(xlabel=labels[what], ylim=(0, 1.02))
    figure.axes[0].set_ylabel("accuracy on test digits")
    figure.axes[0].legend(frameon=False, fontsize=9)
    figure.suptitle("Batch normalisation, five layers on 8x8 digits", fontsize=10)
    return figure
