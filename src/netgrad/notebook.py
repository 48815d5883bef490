"""What networks, traces and histories show of themselves in a notebook: plain HTML and SVG, without scripts or styles
of other pages. All texts are escaped, since names may come from a stranger's file."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence

MAPS, CELLS = 8, 4096  # that are drawn of a layer, and cells of all of them: each is an element of the page
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
WIDTH, HEIGHT = 480, 120


def table(head: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] = (), left: int = 1) -> str:
    """A table of texts; the first ``left`` columns are set to the left, the others, numbers, to the right.

    >>> table(["layer", "units"], [["a<b", "3"]])
    '<table><thead><tr><th style="text-align:left">layer</th><th style="text-align:right">units</th></tr></thead>\
<tbody><tr><td style="text-align:left">a&lt;b</td><td style="text-align:right">3</td></tr></tbody></table>'
    """

    def line(cells: Sequence[str], tag: str) -> str:
        inside = (
            f'<{tag} style="text-align:{"left" if i < left else "right"}">{html.escape(cell)}</{tag}>'
            for i, cell in enumerate(cells)
        )
        return f"<tr>{''.join(inside)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    end = f"<tfoot>{line(foot, 'th')}</tfoot>" if foot else ""
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody>{end}</table>"


def curves(lines: Mapping[str, Sequence[float]]) -> str:
    """Lines over their index, on a logarithmic scale where all values are positive; "" where there is none to draw.

    >>> curves({"loss": [1.0, 0.5, 0.1]}).count("<polyline"), curves({"loss": [1.0]})
    (1, '')
    """
    values = [v for line in lines.values() for v in line if math.isfinite(v)]
    longest = max((len(line) for line in lines.values()), default=0)
    if longest < 2 or not values:
        return ""
    scale = math.log10 if min(values) > 0 else float
    low, high = scale(min(values)), scale(max(values))
    drawn, labels = [], []
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        points = " ".join(
            f"{i / (longest - 1) * WIDTH:.1f},{HEIGHT - (scale(v) - low) / ((high - low) or 1) * HEIGHT:.1f}"
            for i, v in enumerate(line)
            if math.isfinite(v)
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        labels.append(f'<span style="color:{colour}">{html.escape(name)}</span>')
    frame = f'viewBox="-2 -2 {WIDTH + 4} {HEIGHT + 4}" width="{WIDTH}" height="{HEIGHT}" role="img"'
    about = f"{min(values):.3g} to {max(values):.3g}{', logarithmic' if scale is math.log10 else ''}"
    return f"<div><svg {frame}>{''.join(drawn)}</svg><br>{' '.join(labels)} ({about})</div>"


def maps(weights: Mapping[str, Sequence[Sequence[float]]]) -> str:
    """Weights between 0 and 1 (rows, columns) as maps beside each other by name, a darker cell for a larger weight; ""
    where they would be too large for a page.

    >>> maps({"head 1": [[1.0, 0.0], [0.5, 0.5]]}).count("<rect"), maps({"head 1": [[0.1] * 100] * 100})  # and a frame
    (4, '')
    """
    shown = dict(list(weights.items())[:MAPS])
    if not shown or sum(len(rows) * len(rows[0]) for rows in shown.values()) > CELLS:
        return ""
    drawn = []
    for name, rows in shown.items():
        cells = [
            f'<rect x="{s}" y="{t}" width="1" height="1" fill="{COLOURS[0]}" fill-opacity="{min(1, max(0, w)):.2f}"/>'
            for t, row in enumerate(rows)
            for s, w in enumerate(row)
            if w >= 0.01
        ]
        frame = f'<rect x="0" y="0" width="{len(rows[0])}" height="{len(rows)}" fill="none" stroke="#888"'
        size = f'viewBox="0 0 {len(rows[0])} {len(rows)}" width="120" height="{120 * len(rows) // len(rows[0])}"'
        drawn.append(
            f'<span style="display:inline-block;margin:4px"><svg {size} role="img">{frame} stroke-width="0.05"/>'
            f"{''.join(cells)}</svg><br>{html.escape(name)}</span>"
        )
    return f"<div>{''.join(drawn)}</div>"
