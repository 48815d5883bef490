"""What depth does to sigmoid networks on MNIST: accuracy by depth, and how fast each layer learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment

# Accuracy in percent by number of hidden layers, as the text prints it ("about").
TEXT = {0: 88.0, 1: 96.5, 2: 96.9, 3: 96.5, 4: 96.5}
EPOCHS = {0: 30, 1: 30, 2: 30, 3: 40, 4: 60}


def network(depth: int) -> ng.Network:
    """784 inputs, ``depth`` hidden layers of 30 logistic units, 10 linear outputs for softmax cross-entropy."""
    return ng.Sequential([*(ng.Dense(30, activation="logistic") for _ in range(depth)), ng.Dense(10)])


def mnist() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images as rows of 784 numbers in [0, 1], and their digits."""
    from netgrad.data import datasets

    data = datasets.load("mnist").flat()
    return data.x, data.y, data.x_test, data.y_test


@experiment(
    "depth",
    "The effect of depth with sigmoid units, and the learning speed of each layer",
    "Allauzen 'Vanishing gradient', experimental observations on MNIST",
    needs=("mnist",),
    seconds=150,
)
def depth(seed: int = 0) -> Result:
    """0 to 4 hidden layers of 30 on all of MNIST; then the size of each layer's delta before training."""
    x, y, x_test, y_test = mnist()
    result, accuracy = Result(), {}
    for layers, text in TEXT.items():
        model = ng.fit(
            network(layers), x, y,
            loss="softmax_cross_entropy", optimizer="adam", learning_rate=2e-3, batch_size=100,
            epochs=EPOCHS[layers], seed=seed,
        )  # fmt: skip
        accuracy[layers] = 100 * model.evaluate(x_test, y_test)["accuracy"]
        # "About" 88 % for softmax regression is a lower bound: fully trained it reaches 92 to 93 %.
        near = accuracy[layers] >= text if layers == 0 else abs(accuracy[layers] - text) <= 1.0
        result.holds(f"{layers} hidden layers: test accuracy", f"about {text} %", f"{accuracy[layers]:.2f} %", near)
    best_deep = max(accuracy[layers] for layers in (1, 2, 3, 4))
    result.holds(
        "more than one hidden layer adds less than 1 %", "yes", f"{best_deep - accuracy[1]:+.2f} %",
        best_deep - accuracy[1] < 1,
    )  # fmt: skip
    _learning_speed(result, x, y, seed)
    return result


@dataclass
class LearningSpeed(ng.Callback):
    """|dE/db| of every hidden layer, measured on these examples before the first epoch and after every tenth."""

    x: np.ndarray
    y: np.ndarray
    rows: list[list[float]] = field(default_factory=list)

    def on_start(self, run):
        trace = run.model().trace(self.x, self.y, reduction="mean")
        hidden = list(trace.values())[:-1]
        self.rows.append([float(np.linalg.norm(node.db)) for node in hidden])

    def on_epoch(self, run):
        if run.epoch % 10 == 0:
            self.on_start(run)


def _learning_speed(result: Result, x: np.ndarray, y: np.ndarray, seed: int) -> None:
    """Early layers learn slowest (Nielsen's experiment, which the text shows): 1000 examples, full batches."""
    speed = LearningSpeed(x[:1000], y[:1000])
    ng.fit(
        network(4), x[:1000], y[:1000],
        optimizer="sgd", learning_rate=1.0, epochs=500, batch_size=None, callbacks=[speed], seed=seed,
    )  # fmt: skip
    start = speed.rows[0]
    ordered = all(a < b for a, b in pairwise(start))
    shown = ", ".join(f"{s:.1e}" for s in start)
    result.holds("learning speed |dE/db| of hidden layers 1-4 at the start", "rising with the layer", shown, ordered)
    result.figures["depth-learning-speed"] = _draw(np.array(speed.rows))


def _draw(speeds: np.ndarray) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    for k, style in enumerate(("-", "--", "-.", ":")):
        axes.semilogy(10 * np.arange(len(speeds)), speeds[:, k], style, color="black", label=f"hidden layer {k + 1}")
    axes.set(xlabel="epoch", ylabel="|dE/db|", title="Speed of learning in 4 hidden layers of 30 sigmoid units")
    axes.legend(frameon=False, fontsize=8)
    return figure
