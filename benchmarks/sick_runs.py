"""Sick networks for the test bench of the diagnosis whose fault lies in the data, the split or a setting of the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import optax

import netgrad as ng


def further(plain: Any, table: Any, amount: Any, series: Any) -> Iterator[Any]:
    """One plant of each fault: in a network of a half's larger data set, its smaller, of a quantity, of sequences."""
    yield from _wiring(plain, table)
    yield from _columns(table, amount)
    yield from _targets(plain, amount)
    yield from _divided(table, amount)
    yield from _settings(plain, table, series)
    yield from _parts(plain, table)


def _wiring(plain: Any, table: Any) -> Iterator[Any]:
    data = table.examples
    rows = replace(data, y=np.eye(data.classes)[data.y], y_held=np.eye(data.classes)[data.y_held])
    slow = {"optimizer": "sgd", "learning_rate": 0.01, "epochs": 5}
    yield table.planted("one_hot_regression", examples=rows, loss="squared_error", **slow)
    data = plain.examples
    numbers = replace(data, y=data.y.astype(float), y_held=data.y_held.astype(float))
    net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(1)])
    yield plain.planted("regression_on_classes", network=net, examples=numbers, epochs=8)
    x = np.random.default_rng(8).normal(size=(500, 2)).astype(np.float32)
    y = ((x**2).sum(1) > 1.4).astype(int) if plain.half == "tuning" else (x[:, 0] * x[:, 1] > 0).astype(int)
    ring = replace(table.examples, name="ring", x=x[100:], y=y[100:], x_held=x[:100], y_held=y[:100])
    net = ng.Sequential([ng.Dense(16), ng.Dense(16), ng.Dense(2)])
    yield table.planted("no_nonlinearity", network=net, examples=ring, epochs=10)
    order = np.argsort(data.y, kind="stable")
    in_order = replace(data, x=data.x[order], y=data.y[order])
    run = {"shuffle": False, "optimizer": "sgd", "learning_rate": 0.3, "epochs": 5}
    yield plain.planted("sorted_labels", examples=in_order, **run)


def _columns(table: Any, amount: Any) -> Iterator[Any]:
    data = table.examples
    gaps = data.x.copy()
    gaps[::16, 3] = -999
    yield table.planted("sentinel_values", examples=replace(data, x=gaps), epochs=5)
    x = data.x.copy()
    x[:, 2] = 1.7 + 0.05 * np.abs(x[:, 2])
    x[::10, 2] *= 100
    yield table.planted("mixed_units", examples=replace(data, x=x), epochs=5)
    x = data.x.copy()
    x[:, 1] = x[:, 0]
    yield table.planted("useless_columns", examples=replace(data, x=x))
    x, x_held = amount.examples.x.copy(), amount.examples.x_held.copy()
    x[:, 1], x_held[:, 1] = amount.examples.y, amount.examples.y_held
    yield amount.planted("leaking_column", examples=replace(amount.examples, x=x, x_held=x_held))
    lost = x_held[np.random.default_rng(1).permutation(len(x_held)), 1]
    gone = np.column_stack([amount.examples.x_held[:, 0], lost, amount.examples.x_held[:, 2:]])
    yield amount.planted("training_only_column", examples=replace(amount.examples, x=x, x_held=gone))


def _targets(plain: Any, amount: Any) -> Iterator[Any]:
    data, rng = plain.examples, np.random.default_rng(9)
    y = np.where(rng.random(len(data.y)) < 0.2, rng.integers(0, data.classes, len(data.y)), data.y)
    yield plain.planted("wrong_labels", examples=replace(data, y=y), epochs=5)
    rare = np.flatnonzero(data.y == data.classes - 1)[4:]
    few = replace(data, x=np.delete(data.x, rare, axis=0), y=np.delete(data.y, rare))
    yield plain.planted("small_classes", examples=few, epochs=3)
    y = amount.examples.y.copy()
    y[[5, 60, 200]] = [400.0, -300.0, 500.0]
    yield amount.planted("target_outliers", examples=replace(amount.examples, y=y))


def _divided(table: Any, amount: Any) -> Iterator[Any]:
    data = table.examples
    known = data.y < data.classes - 1
    yield table.planted("missing_class", examples=replace(data, x=data.x[known], y=data.y[known]), epochs=5)
    yield table.planted("shifted_inputs", examples=replace(data, x_held=5 * data.x_held + 20))
    yield table.planted("targets_apart", examples=replace(data, y_held=(data.y_held + 1) % data.classes))
    count = len(data.y_held)
    yield table.planted("copied_examples", examples=replace(data, x_held=data.x[:count], y_held=data.y[:count]))


def _settings(plain: Any, table: Any, series: Any) -> Iterator[Any]:
    data = table.examples
    net = ng.Sequential([ng.Dense(24, bias=False), ng.BatchNorm(momentum=0.9999), ng.ReLU(), ng.Dense(data.classes)])
    moved = replace(data, x=3 * data.x + 2, x_held=3 * data.x_held + 2)
    yield table.planted("lagging_statistics", network=net, examples=moved)
    classes = plain.examples.classes
    net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dropout(0.97), ng.Dense(classes)])
    yield plain.planted("noise_drowns", network=net, epochs=4)
    yield table.planted("class_weights_tip", class_weight={0: 1e4}, epochs=40)
    slow = {"optimizer": "sgd", "learning_rate": 0.02, "epochs": 6}
    yield plain.planted("clipped_always", clip_norm=1e-3, **slow)
    yield plain.planted("decayed_rate", learning_rate=optax.exponential_decay(1e-3, 2, 0.8), epochs=6)
    yield plain.planted("still_layers", optimizer=optax.adam(1e-9), epochs=2)
    yield plain.planted("whole_batch_method", optimizer="rprop", batch_size=8, epochs=3)
    yield plain.planted("few_updates", epochs=1, batch_size=128, learning_rate=1e-3)
    data = series.examples
    padded = []
    for x, lengths in zip((data.x, data.x_held), data.lengths, strict=True):
        valid = (np.arange(x.shape[1]) < lengths[:, None])[..., None]
        if (lengths == x.shape[1]).all():
            valid = (np.arange(x.shape[1]) < np.resize([12, 15, 18], len(x))[:, None])[..., None]
        padded.append(np.pad(np.where(valid, x, 0), ((0, 0), (0, 12), (0, 0)))[:300])
    full = replace(data, x=padded[0], x_held=padded[1], y=data.y[:300], y_held=data.y_held[:300], lengths=None)
    net = ng.Sequential([ng.RNN(8, returns="last"), ng.Dense(data.classes)])
    yield series.planted("padding_as_data", network=net, examples=full, epochs=3, learning_rate=0.003)


def _parts(plain: Any, table: Any) -> Iterator[Any]:
    """Layers of a kind: steps, pictures altered, codes, attention."""
    classes = plain.examples.classes
    net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(6, activation="threshold"), ng.Dense(classes)])
    yield plain.planted("cut_off_layers", network=net)
    side = np.arange(400) % 2
    x = np.random.default_rng(10).normal(0, 0.5, (400, 6, 6, 1))
    width = 3 if plain.half == "tuning" else 2
    x[:, :, :width] += (side == 0)[:, None, None, None]
    x[:, :, -width:] += (side == 1)[:, None, None, None]
    arrows = replace(table.examples, name="sides", x=x[100:].astype(np.float32), y=side[100:],
                     x_held=x[:100].astype(np.float32), y_held=side[:100])  # fmt: skip
    net = ng.Sequential([ng.Augment(flip=0.5), ng.Flatten(), ng.Dense(16, activation="relu"), ng.Dense(2)])
    yield table.planted("label_changing_augmentation", network=net, examples=arrows, epochs=15)
    data = table.examples
    again = replace(data, y=data.x, y_held=data.x_held)
    net = ng.Sequential([ng.Dense(16, activation="relu"), ng.Dense(8), ng.Gaussian(), ng.Dense(data.x.shape[1])])
    strong = ng.GaussianKL(alpha=60.0, layer="gaussian_1")
    yield table.planted(
        "posterior_collapse", network=net, examples=again, penalty=strong, epochs=100, learning_rate=0.01
    )
    steps = np.random.default_rng(11).normal(size=(400, 12, 4)).astype(np.float32)
    late = (steps[:, 0, 0] > steps[:, -1, 0] if plain.half == "tuning" else steps[:, 2, 1] > 0).astype(int)
    ordered = replace(table.examples, name="steps", x=steps[100:], y=late[100:], x_held=steps[:100], y_held=late[:100])
    blind = ng.Attention(8, heads=2, initializer=ng.Constant(0.3))
    net = ng.Sequential([blind, ng.GlobalPool(), ng.Dense(2)])
    yield table.planted("attention_heads", network=net, examples=ordered, epochs=20)
