"""Cross-entropy against squared error where logistic units are saturated, and on the wrong side."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment


@experiment(
    "saturation",
    "Cross-entropy learns where squared error stands still",
    "Pattipati 'What Made Deep Learning Feasible?', second solution",
    seconds=5,
)
def saturation(seed: int = 0) -> Result:
    """One logistic unit of target 0 at z = 0, 4 and 8; then two clouds of points learnt from wrong, large weights."""
    result, rng = Result(), np.random.default_rng(seed)
    with jax.enable_x64(True):
        for z in (0.0, 4.0, 8.0):
            g = 1 / (1 + np.exp(-z))
            entropy = float(ng.BinaryCrossEntropy().delta(jnp.array([[z]]), jnp.array([[0.0]]))[0, 0])
            net = ng.Sequential([ng.Dense(1, activation="logistic")])
            untrained = ng.untrained(net, np.array([[1.0]]), np.array([[0.0]]), loss="squared_error")
            params = {"dense_1": {"W": jnp.array([[z]]), "b": jnp.zeros(1)}}
            delta = float(
                replace(untrained, params=params).trace(np.array([[1.0]]), np.array([[0.0]]))["dense_1"].delta[0, 0]
            )
            result.close(f"z = {z:g}: cross-entropy's delta is g - t", g, entropy, 1e-12)
            result.close(f"z = {z:g}: squared error's is (g - t) g (1 - g)", g * g * (1 - g), delta, 1e-12)
    x = np.concatenate([rng.normal(-1, 0.5, (100, 2)), rng.normal(1, 0.5, (100, 2))])
    y = np.repeat([0.0, 1.0], 100)[:, None]
    wrong = {"dense_1": {"W": jnp.full((2, 1), -8.0), "b": jnp.zeros(1)}}
    common: dict = {"optimizer": "sgd", "learning_rate": 0.5, "batch_size": None, "epochs": 200, "params": wrong}
    common |= {"epochs_per_call": 100}
    net = ng.Sequential([ng.Dense(1, activation="logistic")])
    squares = ng.fit(net, x, y, loss="squared_error", **common)
    crossed = ng.fit(ng.Sequential([ng.Dense(1)]), x, y, loss="binary_cross_entropy", **common)
    shares = [float(((m.outputs(x)["dense_1"] > at) == y).mean()) for m, at in ((squares, 0.5), (crossed, 0.0))]
    result.holds("200 steps from saturated, wrong weights: accuracy with squared error", "gradient saturates",
                 shares[0], shares[0] < 0.5)  # fmt: skip
    result.holds("with cross-entropy", "avoids it", shares[1], shares[1] > 0.95)
    return result
