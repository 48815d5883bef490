"""`python -m benchmarks.pretraining`: a deep logistic network on MNIST with few labels, pre-trained and not, ten seeds.

Five hidden layers of 100 logistic units; 500 labelled pictures, and for pre-training 10,000 without labels. Fine-
tuned by gradient descent, all alike. Of each seed and way: accuracy on the 10,000 test pictures, and how fast the
lowest layer learns by the labels, |dE/dW| of the lowest over that of the highest hidden layer, before the first step
and after the last. Every result is a line of JSON as soon as it is there, and what stands in the file is not measured
again. MNIST comes from NETGRAD_DATA, or is fetched.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine

WAYS = ("nothing", "autoencoder", "rbm")
LAYERS, UNITS, LABELLED, EXAMPLES, SEEDS = 5, 100, 500, 10_000, 10


def measured(way: str, seed: int) -> dict[str, float]:
    """One network."""
    import netgrad as ng
    from netgrad.data import datasets

    mnist = datasets.load("mnist").flat()
    own = np.random.default_rng(seed).permutation(len(mnist.x))[:EXAMPLES]
    x, few, labels = mnist.x[own], mnist.x[own[:LABELLED]], mnist.y[own[:LABELLED]]
    hidden = (ng.Dense(UNITS, activation="logistic", initializer=ng.Xavier()) for _ in range(LAYERS))
    net = ng.Sequential([*hidden, ng.Dense(10)])
    params = None
    if way != "nothing":
        settings: dict[str, Any] = {"epochs": 10, "batch_size": 20, "seed": seed}
        params = ng.tasks.pretrain(net, x, by=way, **settings)
    start = ng.untrained(net, few, labels, seed=seed, params=params)
    model = ng.fit(
        start, few, labels, optimizer="sgd", learning_rate=0.3, epochs=100, epochs_per_call=100, batch_size=10,
        seed=seed,
    )  # fmt: skip
    accuracy = float((model.predict(mnist.x_test) == mnist.y_test).mean())
    return {"accuracy": accuracy, "before": pace(start, few, labels), "after": pace(model, few, labels)}


def pace(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    """The gradient's norm in the lowest hidden layer, as a share of that in the highest."""
    trace = model.trace(x, y, reduction="mean")
    low, high = (float(np.linalg.norm(trace[f"dense_{k}"].dW)) for k in (1, LAYERS))
    return low / high


def main() -> None:
    """Measure what is not there yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench/pretraining.jsonl"))
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(row["way"], row["seed"]) for row in rows}
    for seed in range(SEEDS):
        for way in WAYS:
            if (way, seed) not in done:
                rows.append({"way": way, "seed": seed} | measured(way, seed))
                with given.out.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
                print(rows[-1], flush=True)
    print(machine.description())
    print("| pre-trained by | accuracy | lowest layer's gradient by the highest's, at the start | in the end |")
    print("|---|---|---|---|")
    for way in WAYS:
        cells = []
        for name in ("accuracy", "before", "after"):
            values = [row[name] for row in rows if row["way"] == way]
            cells.append(f"{np.median(values):.3g} ({min(values):.3g} to {max(values):.3g})")
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
