"""Whole trainings in seconds, from the start of the process to the end of the last epoch: import, compilation and all.

What `netgrad reproduce` spends its time on, as a user of each library would write it: the texts' RNN and LSTM on the
Reber grammars, full batch, and their convolutional network on images, mini-batches in random order. The data are as
large as the texts', their values random: they do not change how long a step takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.works import WORKS, Work

NAMES = ("netgrad", "netgrad without kernels", "PyTorch", "PyTorch compiled")


@dataclass(frozen=True)
class Training:
    """A work, trained for so many epochs in batches of so many examples; None: all at once."""

    title: str
    work: Work
    epochs: int
    batch: int | None = None


TRAININGS = {
    "reber-rnn": Training("Reber RNN, 2000 epochs", WORKS["reber-rnn"], 2000),
    "reber-lstm": Training("embedded Reber LSTM, 500 epochs", WORKS["reber-lstm"], 500),
    "lenet": Training(
        "LeNet, 15 epochs of 6000 images in batches of 1000", replace(WORKS["lenet-1000"], examples=6000), 15, 1000
    ),
}


def run(names: list[str], rounds: int, seconds: float, quick: bool = False) -> dict[str, Any]:
    """Seconds by training and contender, the median of at most three runs in turn; quick: a few epochs, once."""
    chosen = [n for n in NAMES if n in names]
    results: dict[str, Any] = {}
    for name in TRAININGS:
        times: dict[str, list[float]] = {n: [] for n in chosen}
        for _ in range(1 if quick else min(rounds, 3)):
            for n in chosen:
                times[n].append(_once(n, name, quick))
        results[name] = {n: median(t) for n, t in times.items()}
    return results


def _once(contender: str, training: str, quick: bool) -> float:
    command = [sys.executable, "-m", "benchmarks.worker", contender, training, "fit-quick" if quick else "fit"]
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | CONTENDERS[contender].environment, capture_output=True)
    return time.perf_counter() - begin


def render(results: dict[str, Any]) -> str:
    """Markdown, in seconds."""
    names = list(next(iter(results.values())))
    lines = ["Whole trainings, seconds from the start of the process:", "", "| training | " + " | ".join(names) + " |"]
    lines.append("|" + "---|" * (len(names) + 1))
    for key, measured in results.items():
        lines.append(f"| {TRAININGS[key].title} | " + " | ".join(f"{measured[n]:.1f}" for n in names) + " |")
    lines.append("| all | " + " | ".join(f"{sum(m[n] for m in results.values()):.1f}" for n in names) + " |")
    return "\n".join(lines)
