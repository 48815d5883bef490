"""`python -m benchmarks.drawing`: pictures drawn in steps beside a plain variational autoencoder, three seeds.

Scikit-learn's digits, 8 x 8, black and white. Both have 32 numbers of code, for the drawing network in four steps of 8,
and as many epochs; rates were chosen by one seed. Of each: the bound on the negative log-likelihood in nats a picture,
the error of reconstruction plus the codes' divergences, the mean over 20 drawn codes a picture, on the pictures that
training saw and on others. The canvas after every step, of pictures drawn from codes alone, is a figure beside the
table.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.data import datasets
from netgrad.network import behind, forward

STEPS, SIDE, EPOCHS, SEEDS = 4, 8, 400, 3
RATES = {"plain": 0.001, "drawing": 0.004}


def network(kind: str) -> ng.Network:
    """64-256-(32, 32)-256-64, or the drawing one."""
    if kind == "drawing":
        return ng.architectures.draw((SIDE, SIDE, 1), 96, code=32 // STEPS, steps=STEPS)
    encoder = [ng.Dense(256, activation="relu"), ng.Dense(64), ng.Gaussian()]
    return ng.Autoencoder(encoder, [ng.Dense(256, activation="relu"), ng.Dense(SIDE**2)])


def bound(model: ng.Model, x: np.ndarray, draws: int = 20) -> float:
    """Nats a picture, of codes that are drawn."""
    net = model.network
    codes = [node.name for node in net.nodes if isinstance(node.layer, ng.Gaussian)]

    @jax.jit
    def one(key: jax.Array) -> jax.Array:
        run = forward(net, model.params, model.state, {net.inputs[0]: x}, key=key)
        (logits,) = run.outputs.values()
        total = jnp.sum(jnp.logaddexp(0, logits) - x * logits)
        for name in codes:
            mean, log_variance = run.saved[name]["mean"], run.saved[name]["log_variance"]
            total += 0.5 * jnp.sum(mean**2 + jnp.exp(log_variance) - 1 - log_variance)
        return total / len(x)

    return float(np.mean([one(jax.random.key(i)) for i in range(draws)]))


def strokes(model: ng.Model, n: int, seed: int = 0) -> np.ndarray:
    """The canvas (n, STEPS, SIDE, SIDE) after every step, of pictures from drawn codes."""
    decoder = behind(model.network, {f"code_{t}" for t in range(1, STEPS + 1)})
    keys = jax.random.split(jax.random.key(seed), STEPS)
    codes = {f"code_{t}": jax.random.normal(keys[t - 1], (n, 32 // STEPS)) for t in range(1, STEPS + 1)}
    run = forward(decoder, model.params, model.state, codes)
    written = [run.saved[name]["a"] for name in ("write", *(f"canvas_{t}" for t in range(2, STEPS + 1)))]
    return np.asarray(jax.nn.sigmoid(jnp.stack(written, axis=1))[..., 0])


def shown(canvases: np.ndarray) -> Any:
    """A column for each picture, a row for each step."""
    from matplotlib.figure import Figure

    n, steps = canvases.shape[:2]
    figure = Figure(figsize=(0.6 * n, 0.6 * steps), layout="constrained")
    for row in range(steps):
        for column in range(n):
            axes = figure.add_subplot(steps, n, row * n + column + 1)
            axes.imshow(1 - canvases[column, row], cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
    return figure


def main() -> None:
    """Train, print the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer, to see that it runs")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    digits = datasets.load("digits", seed=0).flat()
    x, unseen = ((part > 0.5).astype(np.float32) for part in (digits.x, digits.x_test))
    print("| network | weights | bound, training pictures | others |\n|---|---|---|---|", flush=True)
    for kind, rate in RATES.items():
        found = []
        for seed in range(SEEDS):
            model = ng.fit(
                network(kind), x, loss="binary_cross_entropy", epochs=given.epochs, batch_size=50, learning_rate=rate,
                schedule="cosine", clip_norm=5.0, seed=seed,
            )  # fmt: skip
            found.append((bound(model, x), bound(model, unseen)))
            if kind == "drawing" and not seed:
                shown(strokes(model, 12)).savefig(given.out / "drawing.png", dpi=80)
        known, others = (", ".join(f"{v:.2f}" for v in column) for column in zip(*found, strict=True))
        weights = sum(v.size for v in jax.tree.leaves(model.params))
        print(f"| {kind} | {weights:,} | {known} | {others} |", flush=True)


if __name__ == "__main__":
    main()
