"""How a training step's time grows with units, length and number of examples: an LSTM tagger, log-log."""

from __future__ import annotations

from typing import Any

from benchmarks.processes import measure
from benchmarks.works import GROWTH, find

STYLES = {"netgrad": "k-o", "netgrad without kernels": "k:o", "PyTorch": "k--s", "JAX (Equinox)": "k-.^"}


def run(names: list[str], rounds: int, seconds: float, quick: bool = False) -> dict[str, Any]:
    """Seconds a step by axis and value, of the contenders that answer soon; quick: of the two smallest values."""
    chosen = [n for n in names if n not in ("PyTorch compiled", "Keras (JAX)")]
    return {
        axis: {
            str(v): measure(find(f"lstm/{axis}={v}"), chosen, min(rounds, 3), seconds / 2, start_together=True)
            for v in (values[:2] if quick else values)
        }
        for axis, values in GROWTH.items()
    }


def render(results: dict[str, Any]) -> str:
    """Markdown: the ratio of the best other contender to netgrad along each axis."""
    lines = ["Growth of an LSTM's step (best other / netgrad):", ""]
    for axis, points in results.items():
        cells = []
        for value, measured in points.items():
            rest = [r["step"] for n, r in measured.items() if not n.startswith("netgrad") and "step" in r]
            if rest and "step" in measured.get("netgrad", {}):
                cells.append(f"{value}: {min(rest) / measured['netgrad']['step']:.1f}")
        lines.append(f"- {axis}: " + ", ".join(cells))
    return "\n".join(lines)


def draw(results: dict[str, Any]) -> Any:
    """One panel an axis, one line a contender."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    for axes, (axis, points) in zip(figure.subplots(1, 3, sharey=True), results.items(), strict=True):
        for name in dict.fromkeys(n for measured in points.values() for n in measured):
            line = [(int(v), 1e3 * m[name]["step"]) for v, m in points.items() if "step" in m.get(name, {})]
            if line:
                style = STYLES.get(name, "k--v")
                axes.loglog(*zip(*line, strict=True), style, label=name, markersize=4, markerfacecolor="none")
        axes.set(xlabel=axis, title=f"growing {axis}")
        axes.grid(which="both", color="0.92")
    figure.axes[0].set_ylabel("ms a step")
    figure.axes[0].legend(fontsize=7, frameon=False)
    return figure
