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


UNITS = (1, 2, 4, 8)
EXAMPLES = (40, 160, 640)
NOISE, SETS, BEGINNINGS = 0.1, 3, 4


def waves(x: np.ndarray) -> np.ndarray:
    """Two waves on the square [-1, 1]^2, (N, 1); the first moment of their Fourier transform is 1 * 3 + 0.5 * 4."""
    return np.cos(2 * x[:, :1] + x[:, 1:]) + 0.5 * np.sin(3 * x[:, 1:] - x[:, :1])


@experiment(
    "barron",
    "The error of estimation: more units need more examples",
    "Pattipati 'Backprop Practicalities': Barron (1994), error by smoothness, neurons m, examples N and dimension p",
    seconds=9,
)
def barron(seed: int = 0) -> Result:
    """Networks of m tanh units on N noisy examples of two waves, the best of four starts: their error on new ones.

    Barron: it is at most (2 C)^2 / m, for want of units, and of the order of m p / N log N, for want of examples. All
    N share one program: examples beyond the first N have the weight 0.
    """
    result, rng = Result(), np.random.default_rng(seed)
    new = rng.uniform(-1, 1, (2000, 2))
    inputs = [rng.uniform(-1, 1, (EXAMPLES[-1], 2)) for _ in range(SETS)]
    sets = [(x, waves(x) + NOISE * rng.normal(size=(len(x), 1))) for x in inputs]
    found = np.zeros((len(UNITS), len(EXAMPLES), SETS))
    for i, m in enumerate(UNITS):
        steps = ng.Dense(m, activation="tanh", initializer=ng.Normal(1.0), bias_initializer=ng.Normal(1.0))
        net = ng.Sequential([steps, ng.Dense(1)])
        for j, n in enumerate(EXAMPLES):
            for k, (x, y) in enumerate(sets):
                model = ng.fit(
                    net, x, y, sample_weight=np.arange(len(x)) < n, starts=BEGINNINGS,
                    optimizer="levenberg_marquardt", batch_size=None, epochs=60, epochs_per_call=60, seed=seed,
                )  # fmt: skip
                found[i, j, k] = np.mean((model.predict(new).reshape(-1, 1) - waves(new)) ** 2)
    error = np.median(found, axis=2)
    for i, m in enumerate(UNITS):
        result.tell(f"m = {m}: squared error by {', '.join(map(str, EXAMPLES))} examples", error[i])
    C = 5.0
    m_error, n_error = np.array(UNITS) * error[:, -1], np.array(EXAMPLES) * error[-1]
    few = m_error[:3]
    result.holds(f"{EXAMPLES[-1]} examples: the error is at most (2 C)^2 / m", f"m E up to {(2 * C) ** 2:g}",
                 f"up to {m_error.max():.3g}", bool((m_error <= (2 * C) ** 2).all()))  # fmt: skip
    result.holds("1, 2 and 4 units: m times the error does not grow", "as 1/m or faster",
                 ", ".join(f"{value:.3g}" for value in few), bool((np.diff(few) < 0).all()))  # fmt: skip
    result.holds(f"{UNITS[-1]} units: N times the error does not grow", "as 1/N log N or faster",
                 ", ".join(f"{value:.3g}" for value in n_error), bool((np.diff(n_error) < 0).all()))  # fmt: skip
    worse = error[-1, 0] / error[-2, 0]
    result.holds(f"{EXAMPLES[0]} examples: 8 units do worse than 4", "too many for so few", f"{worse:.1f} times",
                 worse > 1)  # fmt: skip
    result.figures["barron"] = _by_examples(error)
    return result


def _by_examples(error: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    for row, units, style in zip(error, UNITS, (":", "-.", "--", "-"), strict=True):
        axes.plot(EXAMPLES, row, style, color="black", marker=".", label=f"{units} unit{'s' if units > 1 else ''}")
    axes.set(xscale="log", yscale="log", xlabel="examples", ylabel="squared error", title="Two waves, by units")
    axes.set_xticks(EXAMPLES, list(map(str, EXAMPLES)))
    axes.legend(frameon=False, fontsize=9)
    return figure
