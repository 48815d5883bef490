"""Handwriting, stroke by stroke: an LSTM whose output is a mixture density draws the outlines of digits."""

from __future__ import annotations

from typing import Any

import numpy as np

import netgrad as ng
from netgrad.data import datasets
from netgrad.experiments.base import Result, experiment
from netgrad.experiments.starts import fit_starts

STARTS = 3
STEPS = 24  # of every outline
DRAWN = 64


@experiment(
    "handwriting",
    "Outlines of digits drawn step by step, each step from a mixture density",
    "Pattipati, applications: handwriting generation; Graves (2013)",
    seconds=7,
)
def handwriting(seed: int = 0) -> Result:
    """The pen goes round handwritten zeros and sixes in 24 steps; an LSTM sees the steps so far and says how the
    next one is distributed. Then it draws: where an outline ends, of which nothing was said, is where it began."""
    digits = datasets.load("digits", seed=seed)
    known, others = (digits.x, digits.y), (digits.x_test, digits.y_test)
    steps, unseen = (outlines(x[np.isin(y, (0, 6))]) for x, y in (known, others))
    scale = steps.std()
    steps, unseen = steps / scale, unseen / scale
    loss = ng.MixtureDensity(4, least=0.05)
    net = ng.Sequential([ng.LSTM(64), ng.Dense(loss.units(2))])
    models = fit_starts(
        net, late(steps), steps, STARTS, loss=loss, epochs=80, batch_size=50, learning_rate=0.01, schedule="cosine",
        clip_norm=1.0, seed=seed,
    )  # fmt: skip
    told = [-model.evaluate(late(unseen), unseen)["loss"] for model in models]
    drawn = [draw(model, DRAWN, seed) for model in models]
    gaps = [gap(own) for own in drawn]
    rng = np.random.default_rng(seed)
    shuffled = steps[rng.integers(len(steps), size=(DRAWN, STEPS)), rng.integers(STEPS, size=(DRAWN, STEPS))]
    alone = float(np.mean(normal(unseen.reshape(-1, 2), steps.reshape(-1, 2))))
    straight = float(np.mean(normal((unseen - late(unseen)).reshape(-1, 2), (steps - late(steps)).reshape(-1, 2))))
    result = Result()
    result.tell("mean log-likelihood of an unseen step, by one normal distribution", alone)
    result.tell("by a normal distribution around the step before", straight)
    result.most("by the LSTM with a mixture of four", "larger", told, np.greater(told, max(alone, straight) + 0.5))
    result.tell("from an outline's end to its beginning, in its steps, median: real ones", gap(unseen))
    result.tell("steps in random order", gap(shuffled))
    result.most("drawn ones", "near", gaps, np.less(gaps, 0.6 * gap(shuffled)))
    result.figures["handwriting"] = shown(unseen, drawn[int(np.argmax(told))])
    return result


def outlines(pictures: np.ndarray) -> np.ndarray:
    """Steps (N, 24, 2), of one length, around the longest outline of each picture (N, 8, 8, 1), from its top.

    >>> square = np.zeros((1, 8, 8, 1))
    >>> square[:, 2:6, 2:6] = 1
    >>> steps = outlines(square)
    >>> steps.shape, bool(np.abs(steps.sum(1)).max() < 1e-5)
    ((1, 24, 2), True)
    """
    from contourpy import contour_generator

    made = []
    for picture in pictures[..., 0]:
        lines = contour_generator(z=np.pad(picture, 1)).lines(picture.max() / 2)
        line = max((np.asarray(own) for own in lines), key=len)
        line = np.roll(line[:-1], -int(line[:-1, 1].argmin()), axis=0)  # it is closed: the first point is the last
        line = np.concatenate([line, line[:1]])
        at = np.concatenate([[0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
        even = np.linspace(0, at[-1], STEPS + 1)
        made.append(np.stack([np.diff(np.interp(even, at, line[:, axis])) for axis in (0, 1)], axis=-1))
    return np.stack(made).astype(np.float32)


def late(steps: np.ndarray) -> np.ndarray:
    """Each step one later, after one of nothing."""
    return np.pad(steps, ((0, 0), (1, 0), (0, 0)))[:, :-1]


def draw(model: ng.Model, n: int, seed: int) -> np.ndarray:
    """Outlines (n, 24, 2) that the model draws, each step from what it says of it after those before."""
    steps = np.zeros((n, STEPS, 2), np.float32)
    for t in range(STEPS):
        steps[:, t] = ng.uncertainty.draw(model, late(steps), seed=seed * STEPS + t)[0][:, t]
    return steps


def gap(steps: np.ndarray) -> float:
    """From the end to the beginning, the median, by the length of a step."""
    ends = np.linalg.norm(steps.sum(1), axis=-1)
    return float(np.median(ends / np.linalg.norm(steps, axis=-1).mean(1)))


def normal(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Log-densities of values (N, 2) under the normal distribution of others."""
    mean, covariance = known.mean(0), np.cov(known.T)
    away = values - mean
    square = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    return -0.5 * (square + np.log(np.linalg.det(covariance))) - np.log(2 * np.pi)


def shown(real: np.ndarray, drawn: np.ndarray) -> Any:
    """A row of outlines from pictures, and a row of those that were drawn."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.2), layout="constrained")
    for row, (name, steps) in enumerate((("outlines", real), ("drawn", drawn))):
        for column in range(8):
            axes = figure.add_subplot(2, 8, 8 * row + column + 1)
            line = np.concatenate([np.zeros((1, 2)), steps[column].cumsum(0)])
            axes.plot(line[:, 0], -line[:, 1], color="#2f86c9" if row else "#555555")
            axes.set_aspect("equal", "datalim")
            axes.set(xticks=[], yticks=[])
            if not column:
                axes.set_ylabel(name)
    return figure
