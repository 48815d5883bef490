"""The figures of a report on sequences, in the style of `netgrad.report.figures`."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from netgrad.report.figures import BLUE, INK, ORANGE, logarithmic, styled

DASHES = ("-", "--", ":", "-.")


@styled
def places(from_start: np.ndarray, from_end: np.ndarray | None, name: str) -> Figure:
    """A quantity by time-step, counted from the start and, where lengths differ, from the end of each sequence."""
    panels = [(from_start, "time-step")]
    if from_end is not None:
        panels.append((from_end, "time-steps before the last"))
    fig = Figure(figsize=(8.4, 2.8), layout="constrained")
    axes = fig.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for ax, (values, label), first in zip(axes, panels, (1, 0), strict=False):
        at = np.arange(len(values)) + first
        ax.vlines(at, 0, values, color=ORANGE, linewidth=max(0.8, min(6, 200 / len(values))), alpha=0.85)
        ax.set_xlabel(label)
        ax.set_xlim(at[0] - 0.7, at[-1] + 0.7)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_ylim(bottom=0)
    if from_end is not None:
        axes[1].invert_xaxis()  # the end on the right, as in the sequence
    axes[0].set_title(name)
    return fig


@styled
def series(
    truth: Sequence[np.ndarray], predicted: Sequence[np.ndarray], titles: Sequence[str], firsts: Sequence[int]
) -> Figure:
    """Predictions beside the truth over time, one panel a sequence. firsts: the number of each one's first step."""
    fig = Figure(figsize=(8.4, 0.4 + 1.9 * len(titles)), layout="constrained")
    axes = fig.subplots(len(titles), 1, squeeze=False)[:, 0]
    for ax, t, p, title, first in zip(axes, truth, predicted, titles, firsts, strict=True):
        at = np.arange(len(t)) + first
        marks = {"marker": "o", "markersize": 3} if len(t) <= 30 else {}
        ax.plot(at, t, color=INK, linewidth=1, label="true", **marks)
        ax.plot(at, p, color=ORANGE, linewidth=1.4, linestyle="--", label="predicted", **marks)
        ax.set_title(title)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.25), borderaxespad=0)
    axes[-1].set_xlabel("time-step")
    return fig


@styled
def forecasts(panels: Sequence[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]) -> Figure:
    """Forecasts, one panel each: title, past (T,), truth, forecast, lower and upper end of its band (H,)."""
    fig = Figure(figsize=(8.4, 0.6 + 1.9 * len(panels)), layout="constrained")
    axes = fig.subplots(len(panels), 1, squeeze=False)[:, 0]
    for ax, (title, past, truth, said, low, high) in zip(axes, panels, strict=True):
        before, after = np.arange(len(past)) - len(past) + 1, np.arange(1, len(truth) + 1)
        marks = {"marker": "o", "markersize": 3} if len(truth) <= 30 else {}
        ax.plot(before, past, color=INK, linewidth=1)
        ax.plot([0, *after], [past[-1], *truth], color=INK, linewidth=1, label="true", **marks)
        ax.plot(after, said, color=ORANGE, linewidth=1.4, linestyle="--", label="forecast", **marks)
        if len(after) > 1:
            ax.fill_between(after, low, high, color=ORANGE, alpha=0.18, linewidth=0)
        else:
            ax.errorbar(after, said, [said - low, high - said], color=ORANGE, capsize=3)
        ax.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(title)
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.25), borderaxespad=0)
    axes[-1].set_xlabel("time-steps ahead")
    return fig


@styled
def ahead(errors: dict[str, np.ndarray], inside: np.ndarray, wanted: float) -> Figure:
    """Errors (H,) by steps ahead, the first of them our own, and the share of values inside the bands (H,)."""
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    left, right = fig.subplots(1, 2)
    for k, (name, values) in enumerate(errors.items()):
        steps = np.arange(1, len(values) + 1)
        marks = {"marker": "os^v"[k % 4], "markersize": 4} if len(values) <= 5 else {}
        colour = ORANGE if not k else (BLUE, INK)[k % 2]
        dash = DASHES[k % len(DASHES)]
        left.plot(steps, values, color=colour, linestyle=dash, label=name.replace("_", " "), **marks)
    left.set_title("root mean squared error")
    left.set_ylim(bottom=0)
    left.legend(fontsize=8)
    right.bar(np.arange(1, len(inside) + 1), inside, color=BLUE, alpha=0.6)
    right.axhline(wanted, color=INK, linewidth=0.8, linestyle="--")
    right.set_title("share of values inside the bands")
    right.set_ylim(0, 1)
    for ax in (left, right):
        ax.set_xlabel("time-steps ahead")
        ax.xaxis.get_major_locator().set_params(integer=True)
    return fig


@styled
def through_time(states: tuple[str, np.ndarray] | None, arriving: dict[str, np.ndarray]) -> Figure:
    """How far back gradients reach. states: a layer's name and `jacobian_norms` by steps before the end (N, K);
    arriving: by layer, the norms of delta that the last step's loss causes (N, K). NaN where a sequence has no step.
    """
    panels = (states is not None) + bool(arriving)
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    axes = list(fig.subplots(1, panels, squeeze=False)[0])
    if states is not None:
        ax = axes[0]
        _curve(ax, states[1], BLUE, "-", "")
        ax.axhline(1, color=INK, linewidth=0.8, linestyle=":")
        ax.set_title(f"effect on the last state of {states[0]}")
    if arriving:
        ax = axes[-1]
        for k, (name, values) in enumerate(arriving.items()):
            _curve(ax, values, (ORANGE, BLUE)[k % 2], DASHES[k % len(DASHES)], name)
        ax.set_title("delta that the last step's loss causes")
        if ax.get_legend_handles_labels()[0]:  # none where no gradient arrives
            ax.legend()
    for ax in axes:
        logarithmic(ax)
        ax.set_xlabel("time-steps before the last")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.invert_xaxis()
    return fig


def _curve(ax: mpl.axes.Axes, values: np.ndarray, colour: str, dashes: str, name: str) -> None:
    """The median over sequences, and the middle 80 % of them as a band. Zeros have no logarithm and are left out."""
    values = np.where(values > 0, values, np.nan)
    values = values[:, np.isfinite(values).any(0)]
    if not values.size:
        return
    low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9], axis=0)
    at = np.arange(len(middle))
    ax.plot(at, middle, color=colour, linestyle=dashes, label=name or None)
    if len(values) > 1:
        ax.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)


@styled
def surprise(lines: Sequence[str], bits: Sequence[np.ndarray], most: float = 8) -> Figure:
    """Lines of at most 80 symbols, each shaded by the bits it cost; ``most`` bits and more are shaded fully."""
    fig = Figure(figsize=(8.4, 0.3 + 0.27 * len(lines)))
    ax = fig.add_axes((0, 0, 1, 1))
    for row, (line, costs) in enumerate(zip(lines, bits, strict=True)):
        for k, (symbol, cost) in enumerate(zip(line, costs, strict=True)):
            shade = min(cost / most, 1.0)
            ax.add_patch(mpl.patches.Rectangle((k, row), 1, 1, color=ORANGE, alpha=0.75 * shade, lw=0))
            ax.text(k + 0.5, row + 0.52, symbol, ha="center", va="center", fontsize=9, family="DejaVu Sans Mono")
    ax.set(xlim=(0, 80), ylim=(len(lines), 0))
    ax.set_axis_off()
    return fig


@styled
def attention(panels: Sequence[tuple[str, np.ndarray, Sequence[str] | None, Sequence[str] | None]]) -> Figure:
    """Maps of attention, each with its title, its weights (T, S), and what its rows and columns are called."""
    across = min(len(panels), 4)
    down = -(-len(panels) // across)
    named = any(words for _, _, *both in panels for words in both)
    across, down = (min(across, 2), -(-len(panels) // min(across, 2))) if named else (across, down)
    fig = Figure(figsize=(8.4, 8.4 / across * down), layout="constrained")
    grid = fig.subplots(down, across, squeeze=False).ravel()
    for ax, (title, weights, rows, columns) in zip(grid, panels, strict=False):
        for t, s in zip(*np.nonzero(weights > 0.01), strict=True):  # cells as shapes: ink and paper are the page's
            ax.add_patch(mpl.patches.Rectangle((s, t), 1, 1, color=BLUE, alpha=float(min(1, weights[t, s])), lw=0))
        ax.set(xlim=(0, weights.shape[1]), ylim=(weights.shape[0], 0), title=title)
        ax.grid(False)
        for axis, words, size in ((ax.yaxis, rows, len(weights)), (ax.xaxis, columns, weights.shape[1])):
            if words and size <= 40:
                axis.set_ticks(np.arange(size) + 0.5, [word.replace("\n", "⏎") for word in words])
            else:
                axis.get_major_locator().set_params(integer=True)
        if columns and max(map(len, columns)) > 2:
            ax.tick_params(axis="x", rotation=60)
    for ax in grid[len(panels) :]:
        ax.set_axis_off()
    return fig
