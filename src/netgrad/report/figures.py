"""The figures of a report, each a function from numbers to a `matplotlib.figure.Figure`.

All ink is one colour and the background is left transparent, so that `svg` can hand the ink over to the page around
it: the figures follow a light or a dark page. Lines differ in their dashes and marks as well as in colour.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from html import escape
from typing import Any

import matplotlib as mpl
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from netgrad.training.history import History

INK = "#1b1f24"
BLUE, ORANGE = "#2f86c9", "#d9730d"
STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "text.parse_math": False,  # names of classes and columns may hold dollar signs
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "netgrad",
}
MOST_POINTS = 2000  # of a scatter plot: more are not told apart, and make the file large
CAPTION, LINES = 17, 6  # letters and lines of a caption
LONGEST = 24  # letters of a name beside an axis
MOST_CLASSES = 30  # of a confusion matrix that can be read


def shortened(name: Any) -> str:
    """A name that has room beside an axis.

    >>> shortened("a name that goes on and on and on")
    'a name that goes on and…'
    """
    text = str(name)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator: draw in the report's style, whatever the user's own matplotlib settings are."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Figure:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(STYLE)
            return draw(*args, **kwargs)

    return drawn


@styled
def learning_curve(history: History) -> Figure:
    """Loss, and what else was measured on the validation examples, over the epochs."""
    measured = [c for c in history.columns if c.startswith("val_") and c != "val_loss"][:1]
    fig = Figure(figsize=(8.4, 3), layout="constrained")
    axes = fig.subplots(1, 1 + len(measured), squeeze=False)[0]
    epochs = history["epoch"]
    marks = {"marker": "o", "markersize": 3} if len(epochs) <= 3 else {}
    axes[0].plot(epochs, history["loss"], color=BLUE, label="training", **marks)
    if "val_loss" in history:
        axes[0].plot(epochs, history["val_loss"], color=ORANGE, linestyle="--", label="validation", **marks)
        axes[0].legend()
    axes[0].set_title("loss")
    for number, event in enumerate((e for e in history.events if e["epoch"] > 0), 1):
        axes[0].axvline(event["epoch"], color=INK, linewidth=0.8, linestyle=":")
        place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "fontsize": 8}
        axes[0].annotate(str(number), (event["epoch"], 1), (2, 0), **place)
    shown = np.concatenate([history[c] for c in ("loss", "val_loss") if c in history])
    if shown.min() > 0 and shown.max() / shown.min() > 50:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_major_formatter("{x:g}")
    for ax, column in zip(axes[1:], measured, strict=True):
        ax.plot(epochs, history[column], color=ORANGE, linestyle="--", **marks)
        ax.set_title(f"{column.removeprefix('val_')} on validation examples")
    for ax in axes:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    return fig


def confusion(truth: Any, predicted: Any, classes: Sequence[Any]) -> np.ndarray:
    """How often each class (rows) was taken for each class (columns), (C, C).

    >>> confusion(["a", "b", "b"], ["a", "b", "a"], ["a", "b"])
    array([[1, 0],
           [1, 1]])
    """
    place = {value: k for k, value in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, ([place[t] for t in truth], [place[p] for p in predicted]), 1)
    return counts


@styled
def confusion_matrix(counts: np.ndarray, classes: Sequence[Any]) -> Figure:
    """The counts of `confusion`, each cell shaded by its share of the row."""
    n = len(classes)
    names = [shortened(c) for c in classes]
    longest = max(map(len, names))
    turned = longest > 6
    cells = 0.3 + max(0.42, min(0.9, 0.11 * len(str(counts.max())) + 0.2)) * n
    beside, below = 0.6 + 0.085 * longest, 0.6 + (0.06 * longest if turned else 0.1)  # what the names take
    fig = Figure(figsize=(cells + beside, cells + below), layout="constrained")
    ax = fig.subplots()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for i in range(n):
        for k in range(n):
            if counts[i, k]:
                colour = BLUE if i == k else ORANGE
                alpha = 0.15 + 0.55 * share[i, k]
                ax.add_patch(mpl.patches.Rectangle((k - 0.46, i - 0.46), 0.92, 0.92, color=colour, alpha=alpha, lw=0))
                weight = "normal" if i == k else "bold"
                ax.text(k, i, str(counts[i, k]), ha="center", va="center", weight=weight)
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    turn: Any = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    ax.set_xticks(range(n), names, **turn)
    ax.set_yticks(range(n), names)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    return fig


@styled
def pictures(images: np.ndarray, captions: Sequence[str]) -> Figure:
    """Images (N, height, width, channels), each with its caption, broken where it is wider than its place."""
    across = 6
    told = [_broken(caption) for caption in captions]
    rows = [told[i : i + across] for i in range(0, len(told), across)]
    lines = [max(text.count("\n") + 1 for text in row) for row in rows]
    heights = [1.35 + 0.19 * n for n in lines]
    fig = Figure(figsize=(8.4, sum(heights)), layout="constrained")
    grid = fig.subplots(len(rows), across, squeeze=False, gridspec_kw={"height_ratios": heights})
    axes = grid.ravel()
    for ax, image, caption in zip(axes, images, told, strict=False):
        grey = image.shape[-1] == 1
        low, high = float(image.min()), float(image.max())
        shown = (image - low) / (high - low) if high > low else np.zeros_like(image)
        ax.imshow(shown[..., 0] if grey else shown, cmap="gray_r" if grey else None, vmin=0, vmax=1)
        ax.set_title(caption, fontsize=9, loc="center")
    for ax in axes:
        ax.set_axis_off()
    return fig


def _broken(caption: str) -> str:
    """A caption in lines as wide as a picture's place; of very many the middle is left out.

    >>> _broken("bicycle, taken for motor scooter, moped\\n1.5%").splitlines()
    ['bicycle, taken', 'for motor', 'scooter, moped', '1.5%']
    """
    lines = []
    for line in caption.split("\n"):
        lines += textwrap.wrap(line, CAPTION) or [""]
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 2], "...", lines[-1]])


def sensible(values: np.ndarray) -> tuple[float, float]:
    """Between what an axis shows these values: all of them, unless a few stand so far out that the others would not be
    told apart; then the middle 99.8 %.

    >>> sensible(np.array([1.0, 2.0, 4.0]))
    (1.0, 4.0)
    >>> sensible(np.append(np.linspace(0, 1, 2000), 1e6))[1] < 2
    True
    """
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    inner, outer = (float(v) for v in np.quantile(values, [0.001, 0.999]))
    far_out = high - low > 5 * (outer - inner) > 0
    if far_out and (low <= 0 or high / low > 5 * outer / inner):  # of what is positive a logarithm brings much closer
        low, high = inner, outer
    return (low, high) if high > low else (low - 0.5, high + 0.5)


@styled
def quantities(truth: np.ndarray, predicted: np.ndarray, name: str) -> Figure:
    """A regression: predicted against true values, and how far they lie apart."""
    fig = Figure(figsize=(8.4, 3.6), layout="constrained")
    left, right = fig.subplots(1, 2)
    every = max(1, -(-len(truth) // MOST_POINTS))
    low, high = sensible(np.concatenate([truth, predicted]))
    left.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=":")
    left.plot(truth[::every], predicted[::every], "o", color=BLUE, markersize=4, alpha=0.6, markeredgewidth=0)
    left.set(title=name, xlabel="true", ylabel="predicted")
    if low > 0 and high / low > 100:  # most of such quantities stand close together at the lower end
        left.set(xscale="log", yscale="log")
        for axis in (left.xaxis, left.yaxis):
            axis.set_minor_formatter(mpl.ticker.NullFormatter())
    margin = (high / low) ** 0.04 if left.get_xscale() == "log" else 0.04 * (high - low)
    ends = (low / margin, high * margin) if left.get_xscale() == "log" else (low - margin, high + margin)
    left.set(xlim=ends, ylim=ends)
    for axis in (left.xaxis, left.yaxis):
        plain_numbers(axis)
    outside = int(((truth < low) | (truth > high) | (predicted < low) | (predicted > high)).sum())
    if outside:
        left.text(0.02, 0.98, f"{outside} beyond", transform=left.transAxes, va="top", fontsize=8)
    _histogram(right, predicted - truth, BLUE)
    plain_numbers(right.xaxis)
    right.axvline(0, color=INK, linewidth=0.8, linestyle=":")
    right.locator_params(axis="x", nbins=6)
    right.set(title="residuals", xlabel="predicted - true", ylabel="examples")
    return fig


def logarithmic(ax: Any) -> None:
    """Make the axis of y, which is drawn already, logarithmic, with numbers that need no mathematical typesetting."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    decades = np.log10(high / low)  # where there is hardly a power of ten, ticks between them
    between = (1,) if decades > 2 else (1, 2, 5) if decades > 1 else (1, 1.5, 2, 3, 5, 7)
    ax.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=between, numticks=7))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(mpl.ticker.NullLocator())


def plain_numbers(axis: Any) -> None:
    """Write the numbers of an axis as people do, 12,000 and 0.05, rather than as 1.2 and a power of ten beside it."""
    axis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: _plain(value)))


def _plain(value: float) -> str:
    """A number beside an axis.

    >>> _plain(12000.0), _plain(0.05), _plain(-2e-7), _plain(3e9), _plain(0.0)
    ('12,000', '0.05', '-2e-07', '3e+09', '0')
    """
    size = abs(value)
    return f"{value:,.0f}" if 1000 <= size < 1e9 else f"{value:.4g}"


def _histogram(ax: Any, values: np.ndarray, colour: str) -> None:
    """Of the middle 99.8 %, so that one outlier does not squeeze all the others into one bar."""
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, [0.001, 0.999]) if values.size else (0, 0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=int(np.clip(np.sqrt(values.size), 8, 40)), range=(low, high))
    ax.stairs(counts, edges, fill=True, color=colour, alpha=0.75)
    ax.set_ylim(bottom=0)


def svg(figure: Figure, alt: str, prefix: str) -> str:
    """The figure as an SVG element that takes its ink from the page's text. prefix: keeps its ids apart from others'.

    alt: what a reader who cannot see it is told.
    """
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    label = escape(alt, quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def png(figure: Figure, dots: int = 150) -> bytes:
    """The figure as a PNG file on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dots, facecolor="white")
    return buffer.getvalue()
