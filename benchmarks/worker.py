"""One contender on one work in a process of its own: asked over a pipe for a round of steps, it answers with times.

python -m benchmarks.worker CONTENDER WORK train|predict

Or it does a whole training and ends: CONTENDER TRAINING fit|fit-quick.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.trainings import TRAININGS
from benchmarks.works import find


def peak_memory() -> float:
    """The largest resident size of this process so far, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main() -> None:
    """Lines in: seconds for a round. Lines out: JSON with the seconds of every step in it."""
    started = time.perf_counter()
    contender, mode = CONTENDERS[sys.argv[1]], sys.argv[3]
    if mode.startswith("fit"):
        training = TRAININGS[sys.argv[2]]
        epochs = 2 if mode == "fit-quick" else training.epochs
        module = importlib.import_module(f"benchmarks.contenders.{contender.module}")
        module.fit(training.work, epochs, training.batch, contender.variant)
        return
    work = find(sys.argv[2])
    answers = sys.stdout
    sys.stdout = sys.stderr  # frameworks that print must not disturb the answers

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    module = importlib.import_module(f"benchmarks.contenders.{contender.module}")
    imported = time.perf_counter()
    make = getattr(module, {"train": "make", "predict": "make_prediction"}[mode])
    step = make(work, contender.variant)
    step()
    answer(import_seconds=imported - started, first_step_seconds=time.perf_counter() - imported)
    for line in sys.stdin:
        times, end = [], time.perf_counter() + float(line)
        while not times or time.perf_counter() < end:
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        answer(times=times, peak_memory=peak_memory())


if __name__ == "__main__":
    main()
