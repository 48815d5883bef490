"""Which weights a network can do without, and what taking them out costs."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts
from netgrad.pruning import cost, inverse_by_rows, positive, surgery

STARTS = 4
SHARES = (0.2, 0.4, 0.6, 0.75)


@experiment(
    "pruning",
    "The optimal brain surgeon: which weight costs least, and what the others make up for",
    "Pattipati 'Backprop Practicalities', network pruning",
    seconds=14,
)
def pruning(seed: int = 0) -> Result:
    """A sigmoid neuron with the Q of the text; then 4-8-1 by three methods, four starts, without training in between.

    Q = sum g (1 - g) [g (1 - g) + E^n (2 g - 1)] x x' for E = 1/2 sum (z - g)^2, against second differences; about
    sum x~ x~' with x~ = g (1 - g) x.
    """
    result, rng = Result(), np.random.default_rng(seed)
    _neuron(result, rng)
    x = rng.normal(size=(200, 4))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * x[:, 2]
    net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    models = fit_starts(
        net, x, y, STARTS, loss="squared_error", optimizer="levenberg_marquardt", batch_size=None,
        epochs=80, epochs_per_call=80, seed=seed,
    )  # fmt: skip
    errors: dict[str, list[list[float]]] = {name: [] for name in ng.pruning.METHODS}
    for model in models:
        for name, found in errors.items():
            pruned = [ng.prune(model, x, y, share=share, method=name) for share in SHARES]
            found.append([2 * one.evaluate(x, y)["loss"] for one in pruned])
    curves = {name: np.array(found) for name, found in errors.items()}
    better = curves["magnitude"][:, 1] / curves["obs"][:, 1]
    result.most(f"{SHARES[1]:.0%} of the weights out: error by magnitude over that by the surgeon", "above 1", better,
                better > 1)  # fmt: skip
    for name, curve in curves.items():
        shown = ", ".join(f"{value:.3g}" for value in np.median(curve, axis=0))
        result.tell(f"{name}: squared error with {', '.join(f'{s:.0%}' for s in SHARES)} out, median", shown)
    result.figures["pruning"] = _draw(curves)
    return result


def _neuron(result: Result, rng: np.random.Generator) -> None:
    """The text's own case, where everything can be written out."""
    x = rng.normal(size=(60, 4))
    z = 1 / (1 + np.exp(-(x @ [2.0, -1.0, 0.1, 0.0] + 0.3 * rng.normal(size=60))))

    def error(w: np.ndarray) -> float:
        return float(0.5 * np.sum((z - 1 / (1 + np.exp(-x @ w))) ** 2))

    w = np.zeros(4)
    for _ in range(200):  # Gauss-Newton to the minimum
        g = 1 / (1 + np.exp(-x @ w))
        rows = (g * (1 - g))[:, None] * x
        w = w + np.linalg.solve(rows.T @ rows + 1e-9 * np.eye(4), rows.T @ (z - g))
    g = 1 / (1 + np.exp(-x @ w))
    s = g * (1 - g)
    Q = (x * (s * (s + (z - g) * (2 * g - 1)))[:, None]).T @ x
    step, eye = 1e-4, np.eye(4)
    numeric = np.array([[(error(w + step * (a + b)) - error(w + step * (a - b)) - error(w - step * (a - b))
                          + error(w - step * (a + b))) / (4 * step**2) for a in eye] for b in eye])  # fmt: skip
    result.close("Q of the sigmoid neuron, and second differences of E", numeric.ravel(), Q.ravel(), 1e-4)
    rows = s[:, None] * x
    near = np.linalg.norm(Q - rows.T @ rows) / np.linalg.norm(Q)
    result.holds("sum of x~ x~' is about Q", "about", f"apart by {near:.1%}", bool(near < 0.2))
    mu = 1e-6
    apart = float(np.abs(inverse_by_rows(rows, mu) @ (rows.T @ rows + mu * np.eye(4)) - np.eye(4)).max())
    result.holds("the recursion row by row gives (sum x~ x~' + mu I)^-1", "equal", f"to {apart:.1g}", apart < 1e-6)
    inverse = np.linalg.inv(positive(Q)[0])
    J = cost(w, inverse.diagonal())
    i = int(J.argmin())
    after = surgery(w, inverse, i)
    result.holds("the weight that costs least is one of the two that are nearly 0", "yes", f"w{i + 1} = {w[i]:.3f}",
                 i in (2, 3))  # fmt: skip
    result.close(
        "what its going costs: J_i, and the rise of E itself", J[i], error(after) - error(w), 0.2 * J[i] + 1e-6
    )


def _draw(curves: dict[str, np.ndarray]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    left = 1 - np.array(SHARES)
    for (name, rows), style in zip(curves.items(), (":", "--", "-"), strict=True):
        axes.semilogy(left, np.median(rows, axis=0), style, color="black", label=name)
    axes.set(xlabel="share of the weights left", ylabel="squared error", title="4-8-1 pruned, without training on")
    axes.invert_xaxis()
    axes.legend(frameon=False, fontsize=9)
    return figure
