"""Hints that make training work better, each by a small measurement: targets in range, enough examples, restarts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.logic import CORNERS, XOR
from netgrad.experiments.starts import fit_starts

STARTS = 8
RATIOS = (5, 10, 30)  # examples a weight
SETS, SIGMA = 24, 0.05


@experiment(
    "target-ranges",
    "Targets that a saturating unit can reach",
    "Pattipati 'Backprop Practicalities': tanh with 1.716 and 2/3, targets -1 and +1, ranges 0.15 to 0.85",
    seconds=4,
)
def target_ranges(seed: int = 0) -> Result:
    """XOR, 2-4-1, with targets 0 and 1 and with 0.15 and 0.85, eight starts: where the net input of the output ends."""
    result = Result()
    unit = ng.ScaledTanh()
    ends = np.array([-1.0, 1.0])
    a = np.asarray(unit.f(jnp.asarray(ends)))
    # The text rounds alpha to three decimals, which is half a thousandth of a.
    result.close("1.716 tanh(2/3 z) at z = -1 and 1: the targets", ends, a, 5e-4)
    slope = float(unit.df(jnp.asarray(1.0), jnp.asarray(a[1]))) / float(unit.df(jnp.asarray(0.0), jnp.asarray(0.0)))
    result.tell("its slope there, as a share of that at 0 (tanh's own at its targets: 0)", slope)
    reached = {}
    for low, high in ((0.0, 1.0), (0.15, 0.85)):
        net = ng.Sequential([ng.Dense(4, activation="logistic", initializer=ng.Normal(2.0)),
                             ng.Dense(1, activation="logistic")])  # fmt: skip
        models = fit_starts(
            net, CORNERS, low + (high - low) * XOR[:, None], STARTS, loss="squared_error",
            optimizer="levenberg_marquardt", batch_size=None, epochs=200, epochs_per_call=200, seed=seed,
        )  # fmt: skip
        z = np.array([np.abs(model.trace(CORNERS, XOR[:, None])["dense_2"].z).max() for model in models])
        reached[high] = z
    edge = float(np.log(0.85 / 0.15))
    result.most(f"targets 0.15 and 0.85: the output's |z| ends at ln(0.85/0.15) = {edge:.4f}", "in range",
                reached[0.85], np.abs(reached[0.85] - edge) < 0.01)  # fmt: skip
    result.most("targets 0 and 1: |z| runs away, over twice that", "saturates", reached[1.0], reached[1.0] > 2 * edge)
    return result


@experiment(
    "sample-size",
    "Ten examples a weight, and the prediction error of a network that is large for its examples",
    "Pattipati 'Backprop Practicalities': N = 10 N_W, PE = 2E/N + 2 N_W/N sigma^2",
    seconds=5,
)
def sample_size(seed: int = 0) -> Result:
    """Networks like the one that made the examples, 3-2-1, trained on 24 sets each of 5, 10 and 30 examples a weight.

    They begin at its weights, so that no poor minimum but the examples alone decide, and sigma^2 is the variance of the
    noise on the targets.
    """
    result, rng = Result(), np.random.default_rng(seed)
    net = ng.Sequential([ng.Dense(2, activation="tanh", initializer=ng.Normal(1.0)),
                         ng.Dense(1, initializer=ng.Normal(1.0))])  # fmt: skip
    weights = 2 * 4 + 3
    truth = ng.untrained(net, np.zeros((1, 3)), np.zeros((1, 1)), seed=seed)
    x_new = rng.normal(size=(4000, 3))
    y_new = truth.outputs(x_new)["dense_2"]
    excess = []
    for ratio in RATIOS:
        n, found = ratio * weights, []
        for _ in range(SETS):
            x = rng.normal(size=(n, 3))
            y = truth.outputs(x)["dense_2"] + SIGMA * rng.normal(size=(n, 1))
            model = ng.fit(
                net, x, y, params=truth.params, optimizer="levenberg_marquardt", batch_size=None,
                epochs=60, epochs_per_call=60,
            )  # fmt: skip
            E = 0.5 * float(np.sum((model.outputs(x)["dense_2"] - y) ** 2))
            new = float(np.mean((model.outputs(x_new)["dense_2"] - y_new) ** 2)) + SIGMA**2
            found.append((ng.prediction_error(E, n, weights, SIGMA**2), new, new - 2 * E / n))
        predicted, new, gap = np.median(found, axis=0) / SIGMA**2
        excess.append(new - 1)
        what = f"{ratio} examples a weight: squared error on new ones over sigma^2, median of {SETS} sets"
        result.tell(what, f"{new:.3f}; in training less by {gap:.3f}, PE {predicted:.3f}")
    # The formula's own uncertainty: it holds in the limit of many examples; the next term is of order (N_W/N)^2.
    wanted = 1 / np.array(RATIOS)
    near = np.abs(np.array(excess) - wanted) < 2 * wanted**2 + 2 * wanted / SETS**0.5
    shown = ", ".join(f"{value:.3f}" for value in excess)
    result.holds("what is added by learning from so few", f"N_W/N: {', '.join(f'{w:.3f}' for w in wanted)}", shown,
                 bool(near.all()))  # fmt: skip
    result.holds("at 10 examples a weight", "enough", f"{excess[1]:.0%} above the noise", excess[1] < 0.2)
    return result


@experiment(
    "restarts",
    "Several starts, and the best of them kept",
    "Pattipati 'Backprop Practicalities': restart, multi-start",
    seconds=4,
)
def restarts(seed: int = 0) -> Result:
    """XOR by 2-2-1, which has poor minima: 64 starts as 64 runs, and as 16 runs that keep the best of four."""
    result, of = Result(), 4
    net = ng.Sequential([ng.Dense(2, activation="tanh", initializer=ng.Normal(1.0)), ng.Dense(1)])
    models = fit_starts(
        net, CORNERS, XOR[:, None].astype(float), 64, loss="binary_cross_entropy",
        optimizer="adam", learning_rate=0.05, batch_size=None, epochs=1000, epochs_per_call=500, seed=seed,
    )  # fmt: skip
    loss = np.array([model.evaluate(CORNERS, XOR[:, None].astype(float))["loss"] for model in models])
    solved = np.array([bool(((model.outputs(CORNERS)["dense_2"][:, 0] > 0) == XOR).all()) for model in models])
    best = loss.reshape(-1, of).argmin(1)
    kept = solved.reshape(-1, of)[np.arange(len(best)), best]
    result.tell("single starts that find XOR", f"{solved.sum()} of {solved.size}")
    result.holds(f"best of {of} by training loss: finds XOR more often", "yes", f"{kept.sum()} of {kept.size}",
                 kept.mean() > solved.mean() or bool(solved.all()))  # fmt: skip
    result.figures["restarts"] = _draw(np.sort(loss), np.sort(loss.reshape(-1, of).min(1)))
    return result


def _draw(single: np.ndarray, best: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for values, style, name in ((single, "--", "one start"), (best, "-", "best of four")):
        axes.step(values, (1 + np.arange(len(values))) / len(values), style, color="black", where="post", label=name)
    axes.set(xlabel="loss in the end", ylabel="share of runs below", title="XOR by two hidden units", ylim=(0, 1.05))
    axes.set_xscale("log")
    axes.legend(frameon=False, fontsize=9)
    return figure


@experiment(
    "gaussian-prior",
    "Weight decay is a Gaussian prior on the weights",
    "Allauzen 'Regularization L2'",
    seconds=3,
)
def gaussian_prior(seed: int = 0) -> Result:
    """The mode of p(w | data) for noise N(0, sigma^2) and a prior N(0, tau^2), in closed form and by training with L2.

    -ln p(w | data) = sum (t - x w)^2 / 2 sigma^2 + sum w^2 / 2 tau^2 + constants; times sigma^2 / N that is the mean
    loss with `netgrad.L2` of strength sigma^2 / (N tau^2).
    """
    result, rng = Result(), np.random.default_rng(seed)
    n, sigma, tau = 30, 0.5, 0.4
    x = rng.normal(size=(n, 6))
    y = x @ rng.normal(scale=tau, size=(6, 1)) + sigma * rng.normal(size=(n, 1))
    mode = np.linalg.solve(x.T @ x / sigma**2 + np.eye(6) / tau**2, x.T @ y / sigma**2)
    with jax.enable_x64(True):
        net = ng.Sequential([ng.Dense(1, bias=False)])
        fitted = ng.fit(
            net, x, y, penalty=ng.L2(sigma**2 / (n * tau**2)), loss="squared_error", optimizer="lbfgs",
            batch_size=None, epochs=100, epochs_per_call=100, seed=seed,
        )  # fmt: skip
        found = np.asarray(fitted.params["dense_1"]["W"])
    plain = np.linalg.lstsq(x, y, rcond=None)[0]
    result.close("weights of largest posterior probability, and those trained with L2", mode[:, 0], found[:, 0], 1e-6)
    result.holds("shorter than without the prior", "yes", f"{np.linalg.norm(found):.3f} < {np.linalg.norm(plain):.3f}",
                 bool(np.linalg.norm(found) < np.linalg.norm(plain)))  # fmt: skip
    return result
