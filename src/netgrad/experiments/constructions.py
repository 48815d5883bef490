"""Universal approximation by construction, without training: staircases, and sums of cosines made of them; then XOR."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.logic import CORNERS, XOR
from netgrad.experiments.starts import fit_starts
from netgrad.network import forward

SOURCE = "Pattipati 'Universal Approximation of MLP' 1 to 3"


def staircase(f: Any, low: float, high: float, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Edges and heights of ``steps`` steps that follow f on [low, high], and where they begin: the middle of each."""
    edges = np.linspace(low, high, steps + 1)
    middles = f((edges[:-1] + edges[1:]) / 2)
    return edges[1:-1], np.diff(middles), float(middles[0])


def evaluate(directions: Any, edges: Any, heights: Any, start: float, x: np.ndarray) -> np.ndarray:
    """A network of one hidden layer of threshold units U[directions' x - edges], weighed by heights: its outputs."""
    net = ng.Sequential([ng.Dense(len(edges), activation="threshold"), ng.Dense(1)])
    params = {
        "dense_1": {"W": jnp.asarray(directions, float), "b": -jnp.asarray(edges, float)},
        "dense_2": {"W": jnp.asarray(heights, float)[:, None], "b": jnp.array([start], float)},
    }
    return np.asarray(forward(net, params, {}, {"x": jnp.asarray(x, float)}).outputs["dense_2"])[:, 0]


@experiment("staircase", "Any continuous function by steps, without training", SOURCE, seconds=4)
def stairs(seed: int = 0) -> Result:
    """sin on [0, 2 pi] by 8 to 128 steps; then a function of two inputs as cosines of sums, each cosine by steps."""
    result, fits = Result(), {}
    x = np.linspace(0, 2 * np.pi, 1000)
    for steps in (8, 32, 128):
        edges, heights, start = staircase(np.sin, 0, 2 * np.pi, steps)
        fits[steps] = evaluate(np.ones((1, len(edges))), edges, heights, start, x[:, None])
        error = np.abs(fits[steps] - np.sin(x)).max()
        bound = np.pi / steps  # half a step's width times the steepest slope, 1
        result.holds(
            f"{steps} steps: largest error", f"any accuracy; at most {bound:.4f}", error, error <= bound + 1e-5
        )

    # cos x1 cos 2 x2 = 1/2 (cos(x1 + 2 x2) + cos(x1 - 2 x2)): the text's identity, one staircase along each sum.
    grid = np.stack(np.meshgrid(*[np.linspace(-np.pi, np.pi, 40)] * 2), -1).reshape(-1, 2)
    wanted = np.cos(grid[:, 0]) * np.cos(2 * grid[:, 1])
    sums = [np.array([1.0, 2.0]), np.array([1.0, -2.0])]
    identity = sum(np.cos(grid @ w) for w in sums) / 2
    result.close("cos a cos b as half the cosines of a + b and a - b: largest difference", 0.0,
                 np.abs(identity - wanted).max(), 1e-12)  # fmt: skip
    for steps in (48, 384):
        edges, heights, start = staircase(np.cos, -3 * np.pi, 3 * np.pi, steps)
        directions = np.concatenate([np.outer(w, np.ones(len(edges))) for w in sums], axis=1)
        found = evaluate(directions, [*edges, *edges], [*heights / 2, *heights / 2], start, grid)
        error, bound = np.abs(found - wanted).max(), 3 * np.pi / steps
        result.holds(f"two inputs, 2 x {steps} steps: largest error", f"any accuracy; at most {bound:.4f}", error,
                     error <= bound + 1e-5)  # fmt: skip
    result.figures["staircase"] = _draw_stairs(x, fits)
    return result


@experiment("xor-boundaries", "XOR by trained networks of 2 to 12 hidden units", SOURCE, seconds=8)
def xor_boundaries(seed: int = 0) -> Result:
    """2-2-1, 2-4-1, 2-8-1 and 2-12-1 of logistic units, 16 starts of each: how many find XOR, and their boundaries."""
    starts, result, models, shares = 16, Result(), {}, []
    for units in (2, 4, 8, 12):
        net = ng.Sequential([ng.Dense(units, activation="logistic", initializer=ng.Normal(1.0)), ng.Dense(1)])
        tried = fit_starts(
            net, CORNERS, XOR[:, None].astype(float), starts, loss="binary_cross_entropy", optimizer="adam",
            learning_rate=0.05, batch_size=None, epochs=1000, epochs_per_call=500, seed=seed,
        )  # fmt: skip
        right = [bool(((m.outputs(CORNERS)["dense_2"][:, 0] > 0) == XOR).all()) for m in tried]
        shares.append(sum(right))
        models[units] = tried[right.index(True)] if any(right) else tried[0]
        result.holds(f"2-{units}-1: starts that find XOR", "it can", f"{sum(right)} of {starts}", any(right))
    result.holds("more units, more starts find it", "", f"{shares[0]} and {shares[-1]}", shares[0] <= shares[-1])
    result.figures["xor-boundaries"] = _draw_boundaries(models)
    return result


def _draw_stairs(x: np.ndarray, fits: dict[int, np.ndarray]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8), layout="constrained")
    for axes, (steps, fit) in zip(figure.subplots(1, 3, sharey=True), fits.items(), strict=True):
        axes.plot(x, np.sin(x), color="0.7", linewidth=4)
        axes.plot(x, fit, color="black", linewidth=1.2)
        axes.set_title(f"{steps} steps", fontsize=10)
    figure.suptitle("sin as a sum of threshold units", fontsize=10)
    return figure


def _draw_boundaries(models: dict[int, ng.Model]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.9), layout="constrained")
    line = np.linspace(-0.5, 1.5, 120)
    grid = np.stack(np.meshgrid(line, line), -1)
    for axes, (units, model) in zip(figure.subplots(1, 4, sharey=True), models.items(), strict=True):
        z = model.outputs(grid.reshape(-1, 2))["dense_2"].reshape(grid.shape[:2])
        axes.contourf(line, line, z, levels=[-1e9, 0, 1e9], colors=["white", "0.8"])
        axes.contour(line, line, z, levels=[0], colors="black")
        for marker, value in (("o", 0), ("x", 1)):
            axes.plot(*CORNERS[value == XOR].T, marker, color="black")
        axes.set_title(f"2-{units}-1", fontsize=10)
    figure.suptitle("Where trained networks put the boundary of XOR", fontsize=10)
    return figure
