"""What a model drew at several epochs, beside the data: pictures, points in the plane, or curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from netgrad.report import figures
from netgrad.report.section import Section
from netgrad.training.history import History
from netgrad.training.model import Model
from netgrad.training.samples import PICTURES

ACROSS = 4  # panels of points or curves beside each other
MOST_ROWS = 12  # epochs that are shown
Drawn = Sequence[tuple[int, np.ndarray]]


def drawn_by_epoch(history: History, x: Any) -> Iterator[Section]:
    """The samples that `netgrad.Samples` kept, and as many of these examples; nothing where none were kept."""
    if not history.samples:
        return
    taken = _spread(history.samples)
    shape = taken[0][1].shape
    data = np.asarray(x, float)[: shape[0]].reshape(-1, *shape[1:])
    epochs = ", ".join(str(epoch) for epoch, _ in taken)
    text = "Made of the same noise at each of these epochs, 0 being the first weights; below, examples of the data."
    alt = f"Samples after {epochs} epochs, and {len(data)} examples of the data"
    yield Section("Samples by epoch", text, figures.svg(sample_grid(taken, data), alt, "samples"))


def given_back(model: Model, x: Any) -> Iterator[Section]:
    """Pictures, and what a model that reconstructs makes of them; nothing for others.

    Pictures that are rows of numbers have the shape that `netgrad.Samples` was told.
    """
    kept = model.history.samples
    shape = kept[0][1].shape[1:] if kept else np.shape(x)[1:]
    if not model.objective.reconstructs or not _are_pictures(shape):
        return
    few = np.asarray(x)[:PICTURES]
    made = np.asarray(model.predict_proba(few))
    error = float(((made - few) ** 2).mean())
    text = f"Some of these examples, and what the decoder makes of their codes; mean squared error {error:.3g}."
    both = [part.reshape(len(few), *shape).astype(float) for part in (made, few)]
    figure = _pictures([("given back", both[0]), ("data", both[1])])
    alt = f"{len(few)} pictures above each other: as they were given back, and as they are"
    yield Section("What is given back", text, figures.svg(figure, alt, "back"))


def sample_grid(taken: Drawn, data: np.ndarray) -> Figure:
    """Samples (n, ...) of several epochs and examples of the data (m, ...): a row of pictures for each epoch where an
    example is (height, width) or (height, width, 1 or 3), else a panel with its points (2,) or curves."""
    rows = [*((f"epoch {epoch}", drawn) for epoch, drawn in taken), ("data", data)]
    return _pictures(rows) if _are_pictures(data.shape[1:]) else _panels(rows)


def _are_pictures(shape: tuple[int, ...]) -> bool:
    return (len(shape) == 2 and min(shape) > 1) or (len(shape) == 3 and shape[-1] in (1, 3))


@figures.styled
def _pictures(rows: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Each row is one picture, its examples side by side on the scale of the data, the last row."""
    data = rows[-1][1]
    height, width = data.shape[1:3]
    count = max(len(drawn) for _, drawn in rows)
    fig = Figure(figsize=(8.4, (0.1 + 7.4 / count * height / width) * len(rows)), layout="constrained")
    low, high = float(data.min()), float(data.max())
    for axes, (name, drawn) in zip(fig.subplots(len(rows), 1, squeeze=False).ravel(), rows, strict=True):
        shown = np.clip((np.asarray(drawn, float) - low) / ((high - low) or 1), 0, 1)
        shown = shown[..., None] if shown.ndim == 3 else shown
        strip = np.ones((height, count * (width + 1) - 1, 3))
        for i, one in enumerate(shown):
            ink = 1 - one if one.shape[-1] == 1 else one  # grey pictures dark on light, as everywhere in the report
            strip[:, i * (width + 1) : i * (width + 1) + width] = ink
        axes.imshow(np.nan_to_num(strip))
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set_visible(False)
    return fig


@figures.styled
def _panels(rows: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """A panel for each, with the axes of the data, a little wider."""
    data = rows[-1][1].reshape(len(rows[-1][1]), -1)
    down = -(-len(rows) // ACROSS)
    fig = Figure(figsize=(8.4, 2.1 * down), layout="constrained")
    every = fig.subplots(down, ACROSS, squeeze=False).ravel()
    points = data.shape[1] == 2
    low, high = data.min(0) if points else data.min(), data.max(0) if points else data.max()
    low, high = low - 0.2 * (high - low) - 1e-9, high + 0.2 * (high - low) + 1e-9
    for axes, (name, drawn) in zip(every, rows, strict=False):
        colour = figures.INK if name == "data" else figures.BLUE
        flat = np.asarray(drawn, float).reshape(len(drawn), -1)
        if points:
            axes.plot(flat[:, 0], flat[:, 1], ".", color=colour, markersize=2)
            axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        else:
            axes.plot(flat[:30].T, color=colour, linewidth=0.7, alpha=0.7)
            axes.set(ylim=(low, high))
        axes.set_title(name)
    for axes in every[len(rows) :]:
        axes.set_axis_off()
    return fig


def _spread(samples: Drawn) -> Drawn:
    """At most `MOST_ROWS` of them, the first and the last among them."""
    at = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), MOST_ROWS)).astype(int))
    return [samples[i] for i in at]
