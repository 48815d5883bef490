"""More sick networks after the published lists: convolutions, sequences, and bugs that testers planted in programs.

TheDeepChecker's authors planted some of these in small programs of their own: normalised twice, a sign flipped, a sum
for a mean. The rest are AutoTrainer's problems in networks that are no multilayer perceptrons, rules of NeuraLint on
where layers belong, and what UMLAUT asks of inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import optax

import netgrad as ng
from benchmarks.others import Case
from benchmarks.others_sick import (
    AUTO,
    CHECKER,
    CLASSES,
    DEEPFD,
    HELD,
    LINT,
    LOCAL,
    SGD,
    TRAINED,
    UMLAUT,
    inputs,
    net,
    outputs,
    planted,
    run,
    then,
)

TWO = ("blobs", "quantity")


def further() -> Iterator[Case]:
    """Every one."""
    yield from programs()
    yield from places()
    yield from images()
    yield from series()


@cache
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """A bright spot in one of the four quarters of 8 by 8 points, in noise: (640, 8, 8, 1), and which quarter."""
    rng = np.random.default_rng(21)
    y = rng.integers(0, 4, TRAINED + HELD)
    x = rng.normal(0, 0.4, (len(y), 8, 8, 1))
    rows, columns = 1 + 4 * (y // 2) + rng.integers(0, 2, len(y)), 1 + 4 * (y % 2) + rng.integers(0, 2, len(y))
    for by in (0, 1):
        for along in (0, 1):
            x[np.arange(len(y)), rows + by, columns + along, 0] += 1.5
    return x.astype(np.float32), y


@cache
def arrows() -> tuple[np.ndarray, np.ndarray]:
    """Arrows to the left and to the right in noise, (640, 8, 8, 1), and which."""
    rng = np.random.default_rng(22)
    y = rng.integers(0, 2, TRAINED + HELD)
    shape = np.zeros((8, 8))
    shape[4, 1:7] = 1.5
    shape[[3, 5, 2, 6], [2, 2, 3, 3]] = 1.5
    both = np.stack([shape, shape[:, ::-1]])
    return (both[y][..., None] + rng.normal(0, 0.4, (len(y), 8, 8, 1))).astype(np.float32), y


@cache
def first_sign() -> tuple[np.ndarray, np.ndarray]:
    """Sequences (640, 20, 1) of noise of which the first step alone says the class."""
    rng = np.random.default_rng(23)
    y = rng.integers(0, 2, TRAINED + HELD)
    x = rng.normal(0, 0.3, (len(y), 20, 1))
    x[:, 0, 0] = 2 * y - 1
    return x.astype(np.float32), y


@cache
def sums() -> tuple[np.ndarray, np.ndarray]:
    """Sequences (640, 10, 2) of which the sum of the first column says the class."""
    x = np.random.default_rng(24).normal(size=(TRAINED + HELD, 10, 2)).astype(np.float32)
    return x, (x[:, :, 0].sum(1) > 0).astype(int)


def of(
    kind: str, source: str, expected: str, base: str, examples: tuple, sick: list, well: list | None, **settings: Any
) -> Case:
    """One case on these examples, with these layers instead of those that it should have; well None: as they are, with
    Adam as most run it and the same inputs."""
    x, y = examples
    held = (x[TRAINED:], y[TRAINED:])
    usual = {"epochs": 30, "learning_rate": 0.01}
    case = Case(kind, source, tuple(expected.split()), x[:TRAINED], y[:TRAINED], held, ng.Sequential(sick),
                {**usual, **settings}, base=base)  # fmt: skip
    proper = replace(case, network=ng.Sequential(well or sick), settings={**usual, **(settings if well else {})})
    return case if expected == "refused" else replace(case, properly=lambda: proper)


def programs() -> Iterator[Case]:
    """Slips in the program: a factor, a sign, a sum."""
    yield from planted("inputs normalised twice", CHECKER, "inputs_not_normalised", then(
        inputs(lambda x: x / 255), run(**SGD)), ("sectors", "quantity"), well=run(**SGD))  # fmt: skip
    high = "rate_too_high not_finite"
    yield from planted("sign of the step flipped", CHECKER, high, run(optimizer=optax.sgd(-0.05), learning_rate=None),
                       TWO, well=run(optimizer=optax.sgd(0.05), learning_rate=None))  # fmt: skip
    yield from planted("loss summed over the batch", CHECKER, high, run(reduction="sum", **SGD), TWO, well=run(**SGD))
    yield from planted("output starts far off", CHECKER, "first_loss initialisation_scale", _far_off, TWO)
    yield from planted("too strong a penalty on sizes", CHECKER, "over_regularised", run(penalty=ng.L1(1.0)),
                       ("sectors", "quantity"))  # fmt: skip
    yield from planted("missing numbers in the inputs", UMLAUT, "refused", inputs(_missing, held=False), TWO)
    hot = lambda c, rng: replace(  # noqa: E731
        c, network=ng.Sequential([ng.Dense(16, activation="relu"), ng.Dense(1, activation="logistic")]),
        settings={**c.settings, "loss": "binary_cross_entropy"})  # fmt: skip
    yield from planted("one logistic unit for several classes", LOCAL, "refused", hot, CLASSES)


def places() -> Iterator[Case]:
    """Layers where they do not belong."""
    thin = (16, 16, 16)
    yield from planted("softmax in hidden layers", DEEPFD, "vanishing_gradients saturated_units underfitting",
                       then(net(thin, "softmax"), run(**SGD)), well=then(net(thin), run(**SGD)))  # fmt: skip
    early = lambda c, rng: replace(c, network=ng.Sequential(  # noqa: E731
        [ng.Dropout(0.9), ng.Dense(32, activation="relu"), ng.Dense(outputs(c.base))]))  # fmt: skip
    yield from planted("dropout on the inputs", LINT, "noise_drowns underfitting", early, ("sectors", "quantity"))
    late = lambda c, rng: replace(c, network=ng.Sequential(  # noqa: E731
        [ng.Dense(32, activation="relu"), ng.Dense(outputs(c.base)), ng.Dropout(0.8)]))  # fmt: skip
    yield from planted("dropout behind the output", LINT, "noise_drowns underfitting", late, TWO)
    yield from planted("deep and plain", AUTO, "vanishing_gradients exploding_gradients dead_units",
                       then(net((12,) * 24, "logistic"), run(epochs=20)), TWO, well=_residual)  # fmt: skip


def images() -> Iterator[Case]:
    """Convolutional networks."""

    def conv(*between: Any, **fields: Any) -> list:
        return [ng.Conv(8, 3, activation="relu", **fields), *between, ng.Dense(4)]

    yield of("pooling of everything", LINT, "underfitting", "quarters", pictures(), conv(ng.GlobalPool()),
             conv(ng.MaxPool(2), ng.Flatten()))  # fmt: skip
    yield of("dying ReLU in a convolution", AUTO, "dead_units", "quarters", pictures(),
             conv(ng.Flatten(), bias_initializer=ng.Constant(-8.0)), conv(ng.Flatten()))  # fmt: skip
    x, y = pictures()
    bright = ((x - x.min()) / (x.max() - x.min()) * 255).astype(np.float32), y
    yield of("pictures of 0 to 255", UMLAUT, "inputs_not_normalised", "quarters", bright, conv(ng.Flatten()),
             [ng.Rescaling.standardising(bright[0]), *conv(ng.Flatten())], **SGD)  # fmt: skip
    first = np.moveaxis(x, 3, 1), y
    yield of("channels before rows", UMLAUT, "refused", "quarters", first, conv(ng.Flatten()), None)
    classes = [ng.Flatten(), ng.Dense(16, activation="relu"), ng.Dense(2)]
    yield of("augmentation that mirrors the class", CHECKER, "label_changing_augmentation", "arrows", arrows(),
             [ng.Augment(flip=0.5), *classes], classes)  # fmt: skip


def series() -> Iterator[Case]:
    """Recurrent networks."""
    lstm = [ng.LSTM(12, returns="last"), ng.Dense(2)]
    yield of("oscillating loss of an LSTM", AUTO, "rate_too_high not_finite", "sums over time", sums(), lstm, None,
             learning_rate=1.0)  # fmt: skip
    yield of("slow convergence of an LSTM", AUTO, "rate_too_low", "sums over time", sums(), lstm, None,
             learning_rate=1e-5)  # fmt: skip
    weak = ng.RNN(12, returns="last", recurrent_initializer=ng.Normal(0.05))
    yield of("vanishing gradient over time", AUTO, "vanishing_memory vanishing_gradients", "the first sign",
             first_sign(), [weak, ng.Dense(2)], [ng.GRU(12, returns="last"), ng.Dense(2)])  # fmt: skip


def _far_off(c: Case, rng: np.random.Generator) -> Case:
    """The output layer's biases drawn around 0 as wide as no target is, and plain steps."""
    hidden = [ng.Dense(units, activation="relu") for units in (32, 16)]
    layers = [*hidden, ng.Dense(outputs(c.base), bias_initializer=ng.Uniform(30.0, 60.0))]
    return replace(c, network=ng.Sequential(layers), settings={"optimizer": "sgd", "learning_rate": 3e-3, "epochs": 15})


def _residual(c: Case, rng: np.random.Generator) -> Case:
    block = [ng.Dense(12, activation="relu"), ng.Dense(12)]
    layers = [ng.Dense(12), ng.Stack(ng.Residual(block), 12), ng.Dense(outputs(c.base))]
    return replace(c, network=ng.Sequential(layers), settings={**c.settings, "epochs": 20})


def _missing(x: np.ndarray) -> np.ndarray:
    x[::25, 2] = np.nan
    return x
