"""What watching costs: epochs with and without `netgrad.Watch`, alternated in one process.

python -m benchmarks.watching
"""

from __future__ import annotations

import time
from typing import Any

import jax
import numpy as np

import netgrad as ng
from netgrad import optimizers
from netgrad.training.memory import InMemory
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry

ROUNDS = 15


def works() -> dict[str, tuple[ng.Network, Any, Any, Any, int]]:
    """By name: network, x, y, lengths, examples a step."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(10_000, 28, 28, 1)).astype(np.float32)
    labels = rng.integers(0, 10, 10_000)
    strings = ng.data.reber(400, min_length=30, seed=0)
    layers = [ng.Dense(120, activation="relu"), ng.Dense(84, activation="relu"), ng.Dense(10)]
    lenet = [ng.Conv(6, 5, activation="relu"), ng.MaxPool(2), ng.Conv(16, 5, activation="relu"), ng.MaxPool(2)]
    return {
        "MLP 784-120-84-10, 100 a step": (ng.Sequential(layers), pictures.reshape(10_000, -1), labels, None, 100),
        "LeNet, 100 a step": (ng.Sequential([*lenet, ng.Flatten(), *layers]), pictures, labels, None, 100),
        "Reber LSTM 7-20-7, 40 a step": (
            ng.Sequential([ng.LSTM(20), ng.Dense(7)]), strings.x, strings.y, strings.lengths, 40,
        ),
    }  # fmt: skip


def cost(network: ng.Network, x: Any, y: Any, lengths: Any, size: int, every: int = 100) -> float:
    """Seconds of a watched epoch over those of an unwatched one, the median over pairs."""
    model = ng.untrained(network, x, y, lengths=lengths)
    data = model.batch(x, y, None, lengths)
    plain = optimizers.get("adam")
    runs = []
    for optimizer in (plain, ng.Watch(every).wrap(plain, model)):
        source = InMemory(Supervised.of(model, optimizer), data, size, True, jax.random.key(0))
        carry, _ = source.advance(Carry(model.params, model.state, optimizer.init(model.params)), 0, 2)
        runs.append((source, carry))
    ratios = []
    for i in range(ROUNDS):
        seconds = []
        for source, carry in runs:
            began = time.perf_counter()
            source.advance(carry, 2 * i, 2)
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[1] / seconds[0])
    return float(np.median(ratios))


def main() -> None:
    """Print one line a work."""
    for name, work in works().items():
        print(f"{name}: a watched epoch takes {cost(*work):.3f} times an unwatched one", flush=True)


if __name__ == "__main__":
    main()
