"""The figures of a diagnosis, in the style of `netgrad.report.figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from netgrad.report.figures import BLUE, INK, ORANGE, logarithmic, styled

MOST_LAYERS = 12
MOST_UNITS = 128  # of a layer that are drawn
MOST_VALUES = 2000  # a violin is drawn from


@styled
def violins(columns: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """How quantities are distributed in each layer: a panel a quantity, a violin a layer, from the inputs upwards.

    columns: by quantity, then by layer; logarithms of absolute values where the quantity's name begins with "|".
    """
    names = list(dict.fromkeys(name for values in columns.values() for name in values))[:MOST_LAYERS]
    fig = Figure(figsize=(8.4, 1.0 + 0.42 * len(names)), layout="constrained")
    axes = fig.subplots(1, len(columns), sharey=True, squeeze=False)[0]
    for ax, (quantity, by_layer) in zip(axes, columns.items(), strict=True):
        for place, name in enumerate(names):
            values = _thinned(by_layer.get(name, np.empty(0)))
            if quantity.startswith("|"):
                values = np.log10(np.abs(values[values != 0]))
            if len(values) < 2 or np.ptp(values) == 0:
                if len(values):
                    ax.plot(values[0], place, marker="|", markersize=12, color=INK)
                continue
            parts = ax.violinplot(values, [place], orientation="horizontal", widths=0.85, showextrema=False)
            for body in parts["bodies"]:
                body.set(facecolor=ORANGE if "delta" in quantity else BLUE, alpha=0.65, edgecolor=INK, linewidth=0.5)
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            ax.hlines(place, low, high, color=INK, linewidth=2)
            ax.plot(middle, place, "o", color="white", markeredgecolor=INK, markersize=4)
        ax.set_title(f"{quantity}, powers of 10" if quantity.startswith("|") else quantity)
        ax.locator_params(axis="x", nbins=5)
        ax.tick_params(axis="x", labelsize=8)
    axes[0].set_yticks(range(len(names)), names)
    return fig


@styled
def unit_map(answers: Mapping[str, np.ndarray]) -> Figure:
    """How much each hidden unit answers to its input: one cell a unit, darker for less, crossed out where it is dead.

    answers: by layer, the mean derivative of the activation as a share of its largest (units,).
    """
    answers = dict(list(answers.items())[:MOST_LAYERS])
    widest = min(MOST_UNITS, max(len(row) for row in answers.values()))
    fig = Figure(figsize=(8.4, 0.9 + 0.36 * len(answers)), layout="constrained")
    ax = fig.subplots()
    for place, row in enumerate(answers.values()):
        shown = row[:MOST_UNITS]
        cells = [(unit, 0.92) for unit in range(len(shown))]  # all of a layer are one artist: one each takes seconds
        shades = mpl.colors.to_rgba_array([BLUE] * len(shown), 0.06 + 0.6 * (1 - np.clip(shown, 0, 1)))
        ax.broken_barh(cells, (place - 0.4, 0.8), facecolors=shades, linewidth=0)
        dead = np.flatnonzero(shown == 0)[:, None]
        across = np.add(dead, [0, 0.92, np.nan, 0, 0.92, np.nan])
        down = np.tile([place - 0.4, place + 0.4, np.nan, place + 0.4, place - 0.4, np.nan], len(dead))
        ax.plot(across.ravel(), down, color=INK, linewidth=0.8)
    ax.set(xlim=(-0.3, widest + 0.3), ylim=(len(answers) - 0.4, -0.6), xlabel="unit")
    ax.set_yticks(range(len(answers)), list(answers))
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return fig


@styled
def flow(names: Sequence[str], before: np.ndarray, now: np.ndarray) -> Figure:
    """The size of delta in each layer with weights, before the first step and as trained."""
    fig = Figure(figsize=(8.4, 2.6), layout="constrained")
    ax = fig.subplots()
    at = np.arange(len(names))
    for values, label, colour, line, mark in (
        (before, "before the first step", INK, "--", "s"),
        (now, "as trained", ORANGE, "-", "o"),
    ):
        ax.plot(at, np.where(values > 0, values, np.nan), line, marker=mark, color=colour, label=label, markersize=4)
    logarithmic(ax)
    turn: dict[str, Any] = {"rotation": 30, "ha": "right"} if len(names) > 7 else {}
    every = 1 + len(names) // 40
    ax.set_xticks(at[::every], names[::every], **turn)
    ax.set_ylabel("size of delta")
    ax.legend()
    return fig


def _thinned(values: np.ndarray) -> np.ndarray:
    values = values[np.isfinite(values)]
    return values[:: max(1, len(values) // MOST_VALUES)]
