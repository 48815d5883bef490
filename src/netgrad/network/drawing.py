"""A network as a drawing: each layer's output to scale, as stacked maps or as a column of units, and arrows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from netgrad.network.graph import Network
from netgrad.network.summary import show_shape, summarise
from netgrad.offered import offers
from netgrad.types import Shape

_ACROSS, _DOWN = 1.7, 2.7  # inches from one node to the next
_ROW = 10  # nodes side by side before a new row begins
_MAPS = 6  # as many maps of a stack are drawn at most


@offers("network.drawing")
def draw(network: Network, in_shapes: Shape | Mapping[str, Shape]) -> Any:
    """The drawing of a network for inputs of these shapes, as a `matplotlib.figure.Figure`. See `Network.draw`."""
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch

    table = summarise(network, in_shapes)
    shapes = dict(table.inputs) | {row.name: row.out_shape for row in table.rows}
    settings = dict.fromkeys(table.inputs, "input") | {row.name: row.settings for row in table.rows}
    parameters = dict.fromkeys(table.inputs, 0) | {row.name: row.parameters for row in table.rows}
    places = _places(network, list(table.inputs))

    width = _ACROSS * (1 + max(x for x, _ in places.values()))
    height = _DOWN * (1 + max(y for _, y in places.values()))
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    sides = {}
    for name, (across, down) in places.items():
        x, y = (across + 0.5) * _ACROSS, (down + 0.5) * _DOWN
        half = _glyph(axes, x, y, shapes[name])
        sides[name] = (x, y, half)
        axes.text(x, y - 0.95, name, ha="center", va="center", fontsize=9, weight="bold")
        axes.text(x, y - 0.78, _wrapped(settings[name]), ha="center", va="top", fontsize=6.5, color="0.3")
        below = show_shape(shapes[name]).replace(" x ", "\u00d7")
        count = f"\n{parameters[name]:,} parameters" if parameters[name] else ""
        clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.text(x, y + 0.68, below + count, ha="center", va="top", fontsize=7.5, bbox=clear)
    for node in network.nodes:
        for source in node.inputs:
            (x0, y0, half0), (x1, y1, half1) = sides[source], sides[node.name]
            beside = x1 > x0
            start = (x0 + half0 + 0.06, y0) if beside else (x0, y0 + 1.05)
            end = (x1 - half1 - 0.06, y1) if beside else (x1, y1 - 1.08)
            bend = "arc3,rad=0.25" if beside and y0 == y1 and x1 - x0 > 1.5 * _ACROSS else "arc3"
            axes.add_patch(
                FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color="0.35", connectionstyle=bend)
            )
    return figure


def _places(network: Network, inputs: list[str]) -> dict[str, tuple[float, float]]:
    """Column and row of every node: as far along as its longest way from an input, side branches below."""
    level = dict.fromkeys(inputs, 0)
    for node in network.nodes:
        level[node.name] = 1 + max(level[name] for name in node.inputs)
    lane: dict[str, int] = {}
    used: dict[int, int] = {}
    for name, at in level.items():
        lane[name] = used.get(at, 0)
        used[at] = lane[name] + 1
    lanes = max(used.values())
    return {name: (at % _ROW, (at // _ROW) * lanes + lane[name]) for name, at in level.items()}


def _glyph(axes: Any, x: float, y: float, shape: Shape) -> float:
    """Draw one output around (x, y); returns half its width. Lengths grow with the logarithm of the sizes."""
    from matplotlib.patches import Rectangle

    style: dict[str, Any] = {"facecolor": "0.93", "edgecolor": "0.2", "linewidth": 0.8}
    if len(shape) < 2:
        tall = _length(shape[0] if shape else 1, 1.0)
        axes.add_patch(Rectangle((x - 0.06, y - tall / 2), 0.12, tall, **style))
        return 0.06
    if len(shape) == 2:  # steps across, units up
        wide, tall, maps = _length(shape[0], 0.9), _length(shape[1], 0.9), 1
    else:
        wide, tall, maps = _length(shape[-2], 0.75), _length(shape[-3], 0.75), min(shape[-1], _MAPS)
    shift = 0.055
    left, top = x - (wide + (maps - 1) * shift) / 2, y - (tall + (maps - 1) * shift) / 2
    for i in range(maps):
        axes.add_patch(Rectangle((left + i * shift, top + i * shift), wide, tall, **style))
    return (wide + (maps - 1) * shift) / 2


def _length(n: int, most: float) -> float:
    return most * min(1.0, 0.12 + 0.88 * math.log2(max(n, 1)) / 8)


def _wrapped(text: str, width: int = 26) -> str:
    """At most two lines; the second is cut where it is longer."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width, max_lines=2, placeholder=" ..."))
