"""One recipe here and elsewhere, by seeds: what comes out and what it costs, each run in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

SEEDS = 3


def report(run: Callable[[], float]) -> None:
    """What a run's own process prints: its score, and the seconds of processor time that it took."""
    began = time.process_time()
    print(json.dumps([run(), time.process_time() - began]))


def compare(module: str, how: list[str], contenders: Iterable[str], score: str) -> None:
    """The seeds in turn, a line each, and their means. ``python -m MODULE HOW --run NAME SEED`` runs one of them."""
    contenders = list(contenders)
    heads = (f"{name}, {score} | processor, s" for name in contenders)
    print(f"| seed | {' | '.join(heads)} |\n|{'---|' * (1 + 2 * len(contenders))}")
    rows = []
    for seed in range(SEEDS):
        found = []
        for name in contenders:
            command = [sys.executable, "-m", module, *how, "--run", name, str(seed)]
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found += json.loads(answer.splitlines()[-1])
        rows.append(found)
        print(f"| {seed} | {' | '.join(f'{value:.4g}' for value in found)} |", flush=True)
    print(f"| mean | {' | '.join(f'{value:.4g}' for value in np.mean(rows, 0))} |")
