"""How far off the predictions of a regression may be, beside how far off they are; for models with a posterior."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from netgrad.report import figures
from netgrad.report.judgement import Judgement
from netgrad.report.section import Section
from netgrad.training.model import Model

WIDE = 1.96  # deviations to either side hold 95 in 100


def bands_judged(model: Model, x: Any, judgement: Judgement) -> Iterator[Section]:
    """The 95 % bands of the posterior and the share of these examples that lie within; nothing without a posterior."""
    if model.posterior is None:
        return
    value, spread = (np.asarray(part, float).reshape(-1) for part in model.predict(x, spread=True))
    inside = float(np.mean(np.abs(judgement.truth - value) <= WIDE * spread))
    text = f"Of these examples {inside:.1%} lie within their 95 % bands, noise included, which the posterior makes."
    figure = _draw(judgement.truth, value, spread, str(model.card.get("target", "target")))
    alt = f"Examples in the order of their predictions, with bands that hold {inside:.1%} of them"
    yield Section("Bands", text, figures.svg(figure, alt, "bands"))


@figures.styled
def _draw(truth: np.ndarray, value: np.ndarray, spread: np.ndarray, name: str) -> Figure:
    order = np.argsort(value, kind="stable")
    order = order[np.linspace(0, len(order) - 1, min(len(order), figures.MOST_POINTS)).astype(int)]
    at, low, high = np.arange(len(order)), (value - WIDE * spread)[order], (value + WIDE * spread)[order]
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    axes = fig.subplots()
    axes.fill_between(at, low, high, color=figures.BLUE, alpha=0.2, linewidth=0, label="95 % band")
    axes.plot(at, value[order], color=figures.BLUE, linewidth=1, label="prediction")
    axes.plot(at, truth[order], ".", color=figures.ORANGE, markersize=3, label="truth")
    axes.set(xlabel="examples, by prediction", title=name)
    axes.legend()
    return fig
