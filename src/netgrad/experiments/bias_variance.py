"""The expected loss taken apart into noise, bias and variance, as a penalty grows."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment

SETS, EXAMPLES, SIGMA = 40, 20, 0.3
ALPHAS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
GRID = np.linspace(-1, 1, 101)[:, None]


def truth(x: np.ndarray) -> np.ndarray:
    """The function that the examples show with noise."""
    return np.sin(np.pi * x[:, 0])


@experiment(
    "bias-variance",
    "The expected loss is noise plus bias plus variance",
    "Z&M 26.4, expected loss",
    seconds=8,
)
def bias_variance(seed: int = 0) -> Result:
    """The same network trained on 40 sets of 20 noisy examples for each strength of L2."""
    result, rng = Result(), np.random.default_rng(seed)
    sets = []
    for _ in range(SETS):
        x = rng.uniform(-1, 1, (EXAMPLES, 1))
        sets.append((x, truth(x) + SIGMA * rng.normal(size=EXAMPLES)))
    unseen = truth(GRID) + SIGMA * rng.normal(size=(2000, len(GRID)))  # fresh noise, to measure the loss itself
    parts = []
    for alpha in ALPHAS:
        predicted = np.array([_trained(x, y, alpha, seed).predict(GRID) for x, y in sets])
        bias = np.mean((predicted.mean(0) - truth(GRID)) ** 2)
        variance = predicted.var(0).mean()
        # E (y - a)^2 over every pair of a training set and a fresh response, from its first two moments.
        loss = np.mean((unseen**2).mean(0) - 2 * unseen.mean(0) * predicted.mean(0) + (predicted**2).mean(0))
        parts.append((bias, variance, loss))
        total = SIGMA**2 + bias + variance
        # 2,000 responses at each of 101 places leave the measured loss a standard error of up to 0.0007.
        result.holds(
            f"alpha {alpha:g}: noise + bias^2 + variance against the measured loss",
            "equal",
            f"{total:.3f} and {loss:.3f}",
            abs(total - loss) < 0.002,
        )
        result.tell(f"alpha {alpha:g}: bias^2, variance", f"{bias:.4f}, {variance:.4f}")
    bias, variance, loss = np.array(parts).T
    result.holds("bias grows with the penalty", "yes", f"{bias[0]:.4f} to {bias[-1]:.4f}", bias[-1] > 2 * bias[0])
    falls = bool((np.diff(variance) < 0).all())
    result.holds("variance falls with the penalty", "yes", f"{variance[0]:.4f} to {variance[-1]:.4f}", falls)
    best = int(loss.argmin())
    result.holds("the smallest loss lies between", "yes", f"alpha {ALPHAS[best]:g}", 0 < best < len(ALPHAS) - 1)
    result.figures["bias-variance"] = _draw(bias, variance, loss)
    return result


def _trained(x: np.ndarray, y: np.ndarray, alpha: float, seed: int) -> ng.Model:
    net = ng.Sequential([ng.Dense(20, activation="tanh", initializer=ng.Normal(2.0)), ng.Dense(1)])
    return ng.fit(
        net, x, y, penalty=ng.L2(alpha), optimizer="lbfgs", batch_size=None, epochs=200, epochs_per_call=200, seed=seed
    )


def _draw(bias: np.ndarray, variance: np.ndarray, loss: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(ALPHAS, loss, "o-", color="black", label="expected loss")
    axes.semilogx(ALPHAS, variance, "s--", color="0.35", label="variance")
    axes.semilogx(ALPHAS, bias, "^-.", color="0.55", label="bias squared")
    axes.axhline(SIGMA**2, color="black", linestyle=":", linewidth=1, label="noise")
    axes.set(xlabel="strength alpha of the L2 penalty", ylabel="mean squared error", ylim=(0, None))
    axes.set_title(f"{SETS} training sets of {EXAMPLES} examples", fontsize=10)
    axes.legend(frameon=False, fontsize=9)
    return figure
