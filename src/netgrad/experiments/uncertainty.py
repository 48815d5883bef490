"""What a network does not know: bands, moderated probabilities, relevant inputs; and a hidden layer left to chance."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

SETS = 8


@experiment(
    "posterior",
    "The Laplace posterior: bands that hold what they promise, and probabilities that know of their doubt",
    "Pattipati 'Predictive Posterior for Regression', 'Predictive Posterior for Classification'",
    seconds=12,
)
def posterior(seed: int = 0) -> Result:
    """Sigma_z = 1/beta + G' H^-1 G on examples with a gap, eight noises; sigma(y / sqrt(1 + pi s^2 / 8)) far away."""
    result, rng = Result(), np.random.default_rng(seed)
    x = np.concatenate([rng.uniform(-1, -0.3, 75), rng.uniform(0.3, 1, 75)])[:, None]
    new = np.concatenate([rng.uniform(-1, -0.3, 200), rng.uniform(0.3, 1, 200)])[:, None]
    net = ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)])
    inside, inside_gap, kept = [], [], None
    for _ in range(SETS):
        y, y_new = (np.sin(3 * at[:, 0]) + 0.2 * rng.normal(size=len(at)) for at in (x, new))
        model = ng.fit(
            net, x, y, optimizer="levenberg_marquardt", batch_size=None, epochs=60, epochs_per_call=60,
            penalty=ng.L2(1e-4), seed=seed,
        )  # fmt: skip
        model = ng.posterior(model, x, y)
        value, spread = model.predict(new, spread=True)
        inside.append(np.mean(np.abs(y_new - value) < 1.96 * spread))
        s = ng.uncertainty.predictive(model, [[0.0], [0.65]]).covariance[:, 0, 0]
        inside_gap.append(s[0] / s[1])
        kept = kept or (model, y)
    result.holds(f"95 % bands hold so many of {SETS} x 400 new targets", "95 %", f"{np.mean(inside):.1%}",
                 0.92 < np.mean(inside) < 0.98)  # fmt: skip
    result.most("variance of the output in the gap, over that among the examples", "more than 1",
                inside_gap, np.array(inside_gap) > 1)  # fmt: skip
    labels = (x[:, 0] + 0.3 * rng.normal(size=150) > 0).astype(int)
    several = fit_starts(
        ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)]), x, labels[:, None].astype(float), SETS,
        loss="binary_cross_entropy", optimizer="levenberg_marquardt", batch_size=None, epochs=40, epochs_per_call=40,
        penalty=ng.L2(1e-3), seed=seed,
    )  # fmt: skip
    less = []
    for model in several:
        made = ng.posterior(model, x, labels[:, None].astype(float), alpha=0.15)
        p, _ = made.predict_proba([[4.0], [-4.0]], spread=True)
        less.append(np.abs(p - 0.5).mean() - np.abs(made.predict_proba([[4.0], [-4.0]]) - 0.5).mean())
    result.most("far from all examples the corrected probability is nearer 1/2 by", "hedges", less, np.array(less) < 0)
    result.notes.append(
        "The text prints sigma(g / sqrt(1 + ...)) with g the probability; the net input y is meant, of which s^2 is "
        "the variance. Its J for classification lacks the minus before the sum."
    )
    assert kept is not None
    result.figures["posterior"] = _bands(kept[0], x, kept[1])
    return result


def _bands(model: ng.Model, x: np.ndarray, y: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    at = np.linspace(-1.8, 1.8, 200)[:, None]
    value, spread = model.predict(at, spread=True)
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(at[:, 0], value - 1.96 * spread, value + 1.96 * spread, color="0.88", label="95 % band")
    axes.plot(at[:, 0], value, color="black", linewidth=1, label="network")
    axes.plot(x[:, 0], y, ".", color="0.45", markersize=3, label="examples")
    axes.set(ylim=(-3, 3), xlabel="x", title="What 150 examples say, and where they say nothing")
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    return figure


@experiment(
    "relevance",
    "Automatic relevance determination finds the inputs that tell nothing",
    "Pattipati 'Automatic Relevance Determination'",
    seconds=10,
)
def relevance(seed: int = 0) -> Result:
    """Two inputs that matter and six of noise, four sets of 150 examples: which come first."""
    result, rng = Result(), np.random.default_rng(seed)
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    first, shares, found = [], [], None
    for _ in range(4):
        x = rng.normal(size=(150, 8))
        y = np.sin(1.5 * x[:, 0]) + 0.5 * x[:, 1] + 0.1 * rng.normal(size=150)
        model = ng.fit(net, x, y, epochs=60, epochs_per_call=60, learning_rate=0.02, penalty=ng.L2(1e-3), seed=seed)
        found = ng.relevance(model, x, y, rounds=15)
        first.append(set(found.names[:2]) == {"x0", "x1"})
        shares.append(sum(found.shares[:2]))
    result.most("the two that matter come first; their share of all effects", "yes", shares, first)
    assert found is not None
    result.figures["relevance"] = found.figure()
    return result


@experiment(
    "extreme-learning",
    "Extreme learning machines: a random hidden layer is enough, if it is large",
    "Pattipati 'Extreme Learning Machines'",
    seconds=6,
)
def extreme_learning(seed: int = 0) -> Result:
    """Eight random layers each of 10, 50 and 300 units; ridge by the text's formula, lambda by leaving one out."""
    from netgrad.estimators import ELMRegressor

    result, rng = Result(), np.random.default_rng(seed)
    x, new = rng.uniform(-1, 1, (200, 2)), rng.uniform(-1, 1, (400, 2))
    y, y_new = (np.sin(4 * at[:, 0]) * at[:, 1] + 0.05 * rng.normal(size=len(at)) for at in (x, new))
    r2 = {}
    for K in (10, 50, 300):
        r2[K] = np.array(
            [ELMRegressor(K, alpha="loo", scale=3.0, random_state=seed * SETS + i).fit(x, y).score(new, y_new)
             for i in range(SETS)]
        )  # fmt: skip
        result.tell(f"{K} hidden units: R2 on new examples, median of {SETS}", float(np.median(r2[K])))
    result.most("300 random units explain over 90 %", "K reasonably large", r2[300], r2[300] > 0.9)
    result.most("more than 10 do", "yes", r2[300] - r2[10], r2[300] > r2[10])
    elm = ELMRegressor(50, alpha=0.1, random_state=seed).fit(x, y)
    h = elm.hidden(x)
    h, z = h - h.mean(0), y - y.mean()
    v = np.linalg.solve(h.T @ h + 0.1 * np.eye(50), h.T @ z)
    result.close("output weights: the minimum of 1/2 sum (z - v'h)^2 + lambda/2 v'v", v[:8], elm.coef_[:8], 1e-6)
    return result
