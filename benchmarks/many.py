"""Many small networks: 32 starts of one network trained at once as one program, against one after the other."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np

import netgrad as ng

STARTS, EPOCHS = 32, 200


def run(names: list[str], rounds: int, seconds: float, quick: bool = False) -> dict[str, Any]:
    """Seconds of both ways, compiled programs warm, alternating."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(2)])

    def train(**settings: Any) -> float:
        begin = time.perf_counter()
        ng.fit(net, x, y, epochs=EPOCHS, epochs_per_call=EPOCHS, batch_size=50, **settings)
        return time.perf_counter() - begin

    def one_by_one() -> float:
        return sum(train(seed=seed) for seed in range(STARTS))

    train(seed=0), train(starts=STARTS)
    times = [(train(starts=STARTS), one_by_one()) for _ in range(rounds)]
    return {"at_once": median(t[0] for t in times), "one_by_one": median(t[1] for t in times)}


def render(results: dict[str, Any]) -> str:
    """One sentence."""
    ratio = results["one_by_one"] / results["at_once"]
    return (
        f"{STARTS} networks 10-16-2, {EPOCHS} epochs: {results['at_once']:.2f} s at once, "
        f"{results['one_by_one']:.2f} s one after the other, {ratio:.1f} times faster."
    )
