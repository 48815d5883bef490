"""The figures of a table's columns, and of how sure a classifier is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from netgrad.report.figures import BLUE, INK, ORANGE, plain_numbers, shortened, styled

LINES = 4  # classes whose probability is drawn: more are not told apart
DASHES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D")
COLOURS = (BLUE, ORANGE, INK, "#5aa469")


@styled
def worths(found: Mapping[str, float]) -> Figure:
    """A bar for each column, the longest at the top."""
    fig = Figure(figsize=(8.4, 0.7 + 0.24 * len(found)), layout="constrained")
    ax = fig.subplots()
    places = np.arange(len(found))
    ax.barh(places, list(found.values()), color=BLUE, alpha=0.75, height=0.7)
    ax.axvline(0, color=INK, linewidth=0.6)
    ax.set_yticks(places, [shortened(name) for name in found])
    ax.set(ylim=(len(found) - 0.4, -0.6), xlabel="the loss grows by")
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    plain_numbers(ax.xaxis)
    return fig


@styled
def dependences(found: Sequence[Any], names: Sequence[str]) -> Figure:
    """A panel for each `netgrad.report.columns.Dependence`, on one scale; ``names`` of the lines in it."""
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    axes = fig.subplots(1, len(found), sharey=True, squeeze=False)[0]
    answers = np.concatenate([one.answers for one in found])
    lines = sorted(np.argsort(-answers.mean(0), kind="stable")[:LINES])  # the classes that are told most often
    for ax, one in zip(axes, found, strict=True):
        for k, line in enumerate(lines):
            style: Any = {"color": COLOURS[k], "marker": MARKS[k], "markersize": 4, "label": shortened(names[line])}
            style |= {"linestyle": "none" if one.named else DASHES[k]}
            ax.plot(one.places, one.answers[:, line], **style)
        ax.set_title(shortened(one.name))
        if one.labels:
            some = range(0, len(one.labels), 1 if one.named else max(1, len(one.labels) // 3))
            told = [shortened(one.labels[i]) for i in some]
            ax.set_xticks(one.places[list(some)], told, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
        else:
            ax.locator_params(axis="x", nbins=5)
            plain_numbers(ax.xaxis)
    plain_numbers(axes[0].yaxis)
    if len(lines) > 1:
        fig.legend(*axes[0].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=len(lines))
    else:
        axes[0].set_ylabel(shortened(names[lines[0]]))
    return fig


@styled
def calibration(sure: np.ndarray, right: np.ndarray, count: np.ndarray) -> Figure:
    """How often groups of predictions are right (G,) beside how sure they are (G,); count (G,) of each."""
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    left, below = fig.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    left.plot(sure, right, "o-", color=BLUE, markersize=4)
    left.set(xlabel="how sure the model is", ylabel="how often it is right", xlim=(0, 1.02), ylim=(0, 1.02))
    below.bar(sure, count, width=0.06, color=BLUE, alpha=0.75)
    below.set(xlabel="how sure the model is", ylabel="examples", xlim=(0, 1.02))
    below.yaxis.get_major_locator().set_params(integer=True)
    plain_numbers(below.yaxis)
    return fig
