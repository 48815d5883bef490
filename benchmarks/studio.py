"""What being watched costs a training at full speed: `python -m benchmarks.studio`.

Epochs a second of the process that trains, with frames as the studio sends them and without any, in turn; small and
large networks.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from netgrad.studio.worker import Worker

SECONDS, ROUNDS = 4.0, 3
DESIGNS: dict[str, dict[str, Any]] = {
    "two spirals, 8-8, 162 parameters": {"data": "spiral", "layers": [{"kind": "dense", "units": 8}] * 2},
    "digits, 900-900, 877,510 parameters": {"data": "digits", "layers": [{"kind": "dense", "units": 900}] * 2},
}


def speed(worker: Worker, watched: bool) -> float:
    """Epochs a second over some seconds, frames made and written as JSON where it is watched."""
    trainer, begun = worker.at_work, time.perf_counter()
    before = trainer.at
    while time.perf_counter() < begun + SECONDS:
        if watched:
            worker.turn()
        else:
            trainer.advance()
    return (trainer.at - before) / (time.perf_counter() - begun)


def main() -> None:
    """Print a line for each design."""
    frames = 0

    def send(message: dict[str, Any]) -> None:
        nonlocal frames
        json.dumps(message)
        frames += message["kind"] == "frame"

    for name, design in DESIGNS.items():
        worker = Worker({"gallery": True}, send)
        worker.obey({"do": "design", "design": design})
        worker.obey({"do": "speed", "speed": 0})
        worker.obey({"do": "play"})
        speed(worker, True)
        frames, shares, speeds = 0, [], []
        for _ in range(ROUNDS):
            alone, watched = speed(worker, False), speed(worker, True)
            speeds.append(watched)
            shares.append(1 - watched / alone)
        seen = frames / (ROUNDS * SECONDS)
        print(
            f"{name}: {statistics.median(speeds):,.1f} epochs a second watched, {seen:.1f} frames a second, "
            f"{statistics.median(shares):.1%} lost to being watched"
        )


if __name__ == "__main__":
    main()
