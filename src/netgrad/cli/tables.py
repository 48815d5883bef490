"""What the commands show in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from netgrad.diagnosis.finding import Diagnosis
from netgrad.diagnosis.measures import HEADER, Measures
from netgrad.report.layers import QUANTITIES, LayerRow
from netgrad.training.forecaster import RIVALS
from netgrad.training.history import History


def console() -> Console:
    """The standard output, now: made anew for each use, since a test or a pipe may have replaced it."""
    return Console(highlight=False)


def layers(rows: Sequence[LayerRow], caption: str = "") -> Table:
    """Units and parameters of each layer, and mean and spread of z, a and delta where they were traced."""
    table = grid(caption=caption)
    table.add_column("layer", style="bold", no_wrap=True)
    for name in ("output", "parameters"):
        table.add_column(name, justify="right", min_width=len(name), no_wrap=True)  # never cut inside the word
    measured = [q for q in QUANTITIES if any(q in row.values for row in rows)]
    for quantity in measured:
        table.add_column(quantity, justify="right")  # a narrow terminal breaks "mean ± deviation" at its spaces
    for row in rows:
        size = "x".join(map(str, row.shape))
        cells = [row.cell(quantity) for quantity in measured]
        table.add_row(row.name, size, f"{row.parameters:,}" if row.parameters else "", *cells)
    if len(rows) > 1:
        table.add_section()
        table.add_row("", "total", f"{sum(row.parameters for row in rows):,}", *[""] * len(measured))
    return table


def history(history: History, last: int = 5) -> Table:
    """The last epochs of a run."""
    table = grid(caption=f"stopped: {history.stopped}" if history.stopped else "")
    for column in history.columns:
        table.add_column(column, justify="right")
    for row in history.rows[-last:]:
        table.add_row(*(number(row.get(column)) for column in history.columns))
    return table


def facts(values: dict[str, Any]) -> Table:
    """Names and values in two columns; a dict's parts one below the other."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key.replace('_', ' ')} {number(part)}" for key, part in value.items())
        if shown := number(value):
            table.add_row(name, escape(shown))
    return table


def findings(diagnosis: Diagnosis, only_serious: bool = False) -> Table:
    """What a diagnosis found, worst first, one sentence each."""
    colours = {"fault": "bold red", "warning": "yellow", "note": "dim"}
    table = grid(caption=diagnosis.summary)
    for column in ("", "finding", "what, where and by how much", "what to do"):
        table.add_column(column, overflow="fold")
    for f in diagnosis.serious if only_serious else diagnosis:
        what = f"{f.message} ({f.where}; {f.numbers})"
        table.add_row(f"[{colours[f.severity]}]{f.severity}[/]", f.name.replace("_", " "), escape(what), f.remedy)
    return table


def measures(found: Measures) -> Table:
    """What was measured of each layer, and of the whole network below it."""
    table = grid(caption="\n".join(found.lines))
    for name in HEADER:
        table.add_column(name, justify="left" if name == "layer" else "right")
    for row in found.rows:
        table.add_row(*map(escape, row))
    return table


def number(value: Any) -> str:
    """A value in a cell; numbers with four digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(number, value)) if isinstance(value, list | tuple) else str(value)


def score_line(scores: dict[str, float]) -> str:
    """Test scores in words: accuracy in per cent, errors in the target's own units, the loss last."""
    words = []
    rivals = [f"{name.replace('_', ' ')} {scores[name]:.4g}" for name in RIVALS if name in scores]
    for name, value in sorted(scores.items(), key=lambda item: item[0] == "loss"):
        if name in RIVALS:
            continue
        if name.endswith("accuracy"):
            words.append(f"{name.replace('_', ' ')} {100 * value:.2f} %")
        elif name == "in_band":
            words.append(f"{100 * value:.0f} % within the bands")
        else:
            words.append(f"{name.upper()} {value:.4g}" if name in ("rmse", "mae") else f"{name} {value:.4f}")
    return ", ".join(words) + (f"; RMSE of {', '.join(rivals)}" if rivals else "")


def grid(**settings: Any) -> Table:
    """An empty table in the common style."""
    return Table(box=box.SIMPLE_HEAD, caption_justify="left", pad_edge=False, **settings)
