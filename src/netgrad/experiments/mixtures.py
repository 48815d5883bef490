"""An inverse problem: several answers to one question, which a mixture density says and a mean cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS = 8
ANSWERS = (0.21, 0.79)  # besides 0.5: t + 0.3 sin(2 pi t) = 0.5


@experiment(
    "inverse-problem",
    "A mixture density finds all answers where their mean is none",
    "Bishop (1994); Pattipati, applications: handwriting generation (Graves 2013)",
    seconds=5,
)
def inverse_problem(seed: int = 0) -> Result:
    """x = t + 0.3 sin(2 pi t) + noise, learned the other way round, t from x: around x = 0.5 three t lead to one x.

    Eight first weights, the same data; 1000 examples.
    """
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 1, 1000)
    x = (t + 0.3 * np.sin(2 * np.pi * t) + rng.uniform(-0.1, 0.1, 1000))[:, None].astype(np.float32)
    loss = ng.MixtureDensity(3)
    net = ng.Sequential([ng.Dense(20, activation="tanh"), ng.Dense(loss.units(1))])
    settings: dict[str, Any] = {
        "epochs": 300,
        "epochs_per_call": 300,
        "batch_size": 100,
        "learning_rate": 0.01,
        "seed": seed,
    }
    models = fit_starts(net, x, t, STARTS, loss=loss, **settings)
    plain = ng.fit(ng.Sequential([ng.Dense(20, activation="tanh"), ng.Dense(1)]), x, t, **settings)
    away: list[float] = []
    density: list[float] = []
    for model in models:
        logits, means, _ = (np.asarray(v) for v in loss.parts(model.outputs([[0.5]])["dense_2"]))
        weights = np.exp(logits[0]) / np.exp(logits[0]).sum()
        there = means[0, weights > 0.1, 0]
        away.append(max(float(np.abs(there - answer).min()) for answer in ANSWERS))
        density.append(-model.evaluate(x, t)["loss"])
    rmse = plain.evaluate(x, t)["rmse"]
    alone = -0.5 * np.log(2 * np.pi * np.e * rmse**2)  # a single normal distribution around the mean
    result = Result()
    result.most("both outer answers to x = 0.5, 0.21 and 0.79: distance", "found", away, np.less(away, 0.1))
    result.most(
        "mean log-likelihood, against one normal distribution", "larger", density, np.greater(density, alone + 0.3)
    )
    result.tell("log-likelihood of a squared error's mean and variance", float(alone))
    return result
