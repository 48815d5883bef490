"""More healthy networks for the second bench: other layers, losses, data and schedules, odd and well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import optax

import netgrad as ng
from benchmarks.others import Case
from benchmarks.others_further import arrows, first_sign, pictures, sums
from benchmarks.others_healthy import on
from benchmarks.others_sick import CLASSES, HELD, MANY, PLENTY, TRAINED, data, network, outputs

USUAL = {"epochs": 30, "learning_rate": 0.01}


def well() -> Iterator[Case]:
    """Every one."""
    yield from schedules()
    yield from layers()
    yield from losses()
    yield from tables()
    yield from images()
    yield from series()


def of(kind: str, x: Any, y: Any, net: Any, base: str = "its own", trained: int = TRAINED, **settings: Any) -> Case:
    """This network on these examples, the last of which are held out."""
    return Case(kind, "", (), x[:trained], y[:trained], (x[trained:], y[trained:]), ng.Sequential(net),
                {**USUAL, **settings}, base=base)  # fmt: skip


def schedules() -> Iterator[Case]:
    """Rates that fall, and rise again."""
    names = ("blobs", PLENTY)
    yield from on("cosine that ends long after convergence", names, settings={"schedule": "cosine", "epochs": 150})
    parts = [{"init_value": 0.0, "peak_value": 0.01, "warmup_steps": 20, "decay_steps": 150, "end_value": 0.0}] * 4
    warm = optax.sgdr_schedule(parts)
    yield from on("warm restarts", names, settings={"learning_rate": warm, "epochs": 40})
    yield from on("a low rate for long", names, settings={"learning_rate": 3e-4, "epochs": 200})


def layers() -> Iterator[Case]:
    """Layers that most leave out."""

    def dense(*between: Any) -> Any:
        return lambda name: ng.Sequential([ng.Dense(32), *between, ng.Dense(outputs(name))])

    yield from on("silu", (PLENTY,), network=lambda name: network(name, (32, 16), "silu"))
    yield from on("slopes learned", ("blobs",), network=dense(ng.PReLU()))
    weighed = lambda name: ng.Sequential([ng.WeightNorm(ng.Dense(32, activation="relu")), ng.Dense(4)])  # noqa: E731
    yield from on("weight normalisation", ("blobs",), network=weighed)
    yield from on("a little dropout on the inputs", ("blobs",), network=lambda name: ng.Sequential(
        [ng.Dropout(0.05), ng.Dense(32, activation="relu"), ng.Dense(outputs(name))]))  # fmt: skip
    yield from on("a little noise on the inputs", (PLENTY,), network=lambda name: ng.Sequential(
        [ng.GaussianNoise(0.01), ng.Dense(64, activation="relu"), ng.Dense(outputs(name))]))  # fmt: skip
    yield from on("one rate for each layer", ("blobs",), settings={"layer_rates": {"dense_1": 0.5}})


def losses() -> Iterator[Case]:
    """Losses, weights and targets."""
    smooth = ng.SoftmaxCrossEntropy(label_smoothing=0.1)
    yield from on("smoothed labels", CLASSES, settings={"loss": smooth})
    weight = np.random.default_rng(31).uniform(0.2, 2.0, TRAINED)
    yield from on("weights of examples", ("blobs",), settings={"sample_weight": weight})
    yield from on("one class counts double", CLASSES, settings={"class_weight": {0: 2.0}})
    yield from on("huber", (PLENTY,), settings={"loss": "huber"})
    rng = np.random.default_rng(32)
    x = rng.normal(size=(TRAINED + HELD, 8)).astype(np.float32)
    seldom = (x[:, 0] + x[:, 1] > 1.9).astype(int)
    hidden = ng.Dense(16, activation="relu")
    yield of("one of ten, by one unit", x, seldom, [hidden, ng.Dense(1)], loss="binary_cross_entropy", epochs=60)
    several = (x[:, :3] + 0.1 * rng.normal(size=(len(x), 3)) > 0).astype(float)
    yield of("several labels at once", x, several, [hidden, ng.Dense(3)], loss="binary_cross_entropy")
    two = np.column_stack([x[:, 0] + x[:, 1], 3 * x[:, 2] - x[:, 3]]).astype(np.float32)
    yield of("two quantities of two sizes", x, two, [ng.Dense(32, activation="relu"), ng.Dense(2)], epochs=60)


def tables() -> Iterator[Case]:
    """Columns and rows."""
    rng = np.random.default_rng(33)
    n = TRAINED + HELD
    relu = ng.Dense(32, activation="relu")
    level = rng.integers(0, 40, n)
    yield of("one-hot inputs of forty levels", np.eye(40, dtype=np.float32)[level],
             rng.normal(size=40).astype(np.float32)[level], [relu, ng.Dense(1)], epochs=60)  # fmt: skip
    x = rng.normal(size=(MANY + HELD, 33)).astype(np.float32)
    yield of("thirty columns of noise beside three", x, (x[:, 0] + x[:, 1] - x[:, 2]).astype(np.float32),
             [ng.Dense(16, activation="relu"), ng.Dense(1)], trained=MANY)  # fmt: skip
    x, y = data("blobs")
    yield of("forty examples", x[:80], y[:80], [ng.Dense(16, activation="relu"), ng.Dense(4)], "blobs", trained=40,
             batch_size=8)  # fmt: skip
    twice = np.concatenate([np.repeat(x[: TRAINED // 2], 2, axis=0), x[TRAINED:]])
    labels = np.concatenate([np.repeat(y[: TRAINED // 2], 2), y[TRAINED:]])
    yield of("every row twice in training", twice, labels, [relu, ng.Dense(4)], "blobs")
    order = np.concatenate([np.argsort(y[:TRAINED], kind="stable"), np.arange(TRAINED, n)])
    yield of("sorted by class, and shuffled", x[order], y[order], [relu, ng.Dense(4)], "blobs")
    price = np.exp(rng.normal(0, 0.5, n)).astype(np.float32)
    x = np.column_stack([price, rng.normal(size=(n, 3))]).astype(np.float32)
    yield of("a column of skewed sizes", x, (np.log(price) + 0.5 * x[:, 1]).astype(np.float32),
             [relu, ng.Dense(1)], epochs=60)  # fmt: skip
    cheap = rng.random(n) < 0.4
    x = np.column_stack([np.where(cheap, rng.normal(-1.2, 0.2, n), rng.normal(1, 0.2, n)), x[:, 1:]]).astype(np.float32)
    yield of("a column of two groups", x, (x[:, 0] + x[:, 1]).astype(np.float32), [relu, ng.Dense(1)], epochs=60)
    counts = rng.poisson(1.5, (n, 5)).astype(np.float32)
    yield of("counts as inputs", counts, (counts @ np.array([1, -1, 0.5, 0, 0.2])).astype(np.float32),
             [relu, ng.Dense(1)], epochs=60)  # fmt: skip
    code = rng.normal(size=(MANY + HELD, 3))
    x = np.tanh(code @ rng.normal(size=(3, 10)) / 2).astype(np.float32)
    yield of("autoencoder with a code of four", x, x, [ng.Dense(32, activation="tanh"), ng.Dense(4),
             ng.Dense(32, activation="tanh"), ng.Dense(10)], trained=MANY, epochs=60)  # fmt: skip


def images() -> Iterator[Case]:
    """Convolutional networks."""
    x, y = pictures()
    conv = ng.Conv(8, 3, activation="relu")
    yield of("convolution and pooling", x, y, [conv, ng.MaxPool(2), ng.Flatten(), ng.Dense(4)], "quarters")
    grouped = [ng.Conv(8, 3), ng.GroupNorm(4), ng.ReLU(), ng.Flatten(), ng.Dense(4)]
    yield of("group normalisation", x, y, grouped, "quarters")
    yield of("separable convolution", x, y, [ng.SeparableConv(8, 3, activation="relu"), ng.Flatten(), ng.Dense(4)],
             "quarters")  # fmt: skip
    moved = [ng.Augment(shift=0.1, noise=0.1), conv, ng.Flatten(), ng.Dense(4)]
    yield of("pictures moved a little", x, y, moved, "quarters", epochs=60)
    yield of("a convolution that keeps left from right", *arrows(), [conv, ng.Flatten(), ng.Dense(2)], "arrows")


def series() -> Iterator[Case]:
    """Recurrent networks and attention."""
    x, y = sums()
    both = ng.Bidirectional(ng.LSTM(8), 8)
    yield of("both directions", x, y, [both, ng.Flatten(), ng.Dense(2)], "sums of sequences")
    block = [ng.LayerNorm(), ng.Attention(heads=2)]
    after = [ng.LayerNorm(), ng.Dense(16, activation="relu"), ng.Dense(8)]
    transformer = [ng.Dense(8), ng.Positions(), ng.Residual(block), ng.Residual(after), ng.Flatten(), ng.Dense(2)]
    yield of("Transformer encoder", x, y, transformer, "sums of sequences")
    yield of("GRU that remembers", *first_sign(), [ng.GRU(12, returns="last"), ng.Dense(2)], "the first sign")
    rng = np.random.default_rng(34)
    symbols = rng.integers(0, 12, (MANY + HELD, 8))
    there = (symbols == 3).any(1).astype(int)
    embedded = [ng.Embedding(12, 6), ng.Conv(8, 1, activation="tanh"), ng.GlobalPool("max"), ng.Dense(2)]
    yield of("embedded symbols", symbols, there, embedded, trained=MANY)
