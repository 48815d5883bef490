"""Prediction: the time of one example (latency), of 64, and of ten thousand (throughput), NumPy arrays in and out."""

from __future__ import annotations

from typing import Any

from benchmarks.processes import measure
from benchmarks.works import find

WORKS = tuple(f"{work}/examples={n}" for work in ("mlp-1000", "lenet-1000", "reber-lstm") for n in (1, 64, 10000))


def run(names: list[str], rounds: int, seconds: float, quick: bool = False) -> dict[str, Any]:
    """Seconds a call, by work and contender; quick: of one work."""
    works = WORKS[:1] if quick else WORKS
    return {name: measure(find(name), names, min(rounds, 3), seconds, "predict", True) for name in works}


def render(results: dict[str, Any]) -> str:
    """Markdown, in milliseconds."""
    names = list(dict.fromkeys(name for measured in results.values() for name in measured))
    lines = [
        "Prediction, milliseconds a call:",
        "",
        "| work | " + " | ".join(names) + " |",
        "|" + "---|" * (len(names) + 1),
    ]
    for key, measured in results.items():
        cells = [f"{1e3 * measured[n]['step']:.3g}" if "step" in measured.get(n, {}) else "" for n in names]
        lines.append(f"| {find(key).title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
