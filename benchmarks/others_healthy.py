"""Healthy networks for the second bench, among them odd ones: what looks like a fault and is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import netgrad as ng
from benchmarks.others import Case
from benchmarks.others_sick import CLASSES, HELD, PLENTY, TRAINED, case, data, network, outputs

ALL = (*CLASSES, PLENTY)


def healthy() -> Iterator[Case]:
    """Every one."""
    yield from odd_data()
    yield from odd_networks()
    yield from odd_runs()
    yield from sequences()
    yield from usual()


def on(kind: str, names: tuple[str, ...] = ALL, **changes: Any) -> Iterator[Case]:
    """This kind on each of these data; changes that are functions are asked with the data's name."""
    for name in names:
        own = {key: value(name) if callable(value) else value for key, value in changes.items()}
        yield replace(case(name, **{k: v for k, v in own.items() if k in ("network", "settings")}), kind=kind)


def usual() -> Iterator[Case]:
    """What most people build."""
    for hidden in ((16,), (32,), (64,), (32, 16), (64, 32, 16)):
        yield from on(f"relu {hidden}", network=lambda name, h=hidden: network(name, h))
    for activation in ("tanh", "leaky_relu", "elu", "gelu", "softplus"):
        yield from on(activation, network=lambda name, a=activation: network(name, (32, 16), a))
    yield from on("logistic", network=lambda name: network(name, (24,), "logistic"), settings={"epochs": 120})
    for optimizer, rate in (
        ("momentum", 0.05),
        ("nesterov", 0.05),
        ("rmsprop", 3e-3),
        ("adagrad", 0.1),
        ("adamw", 0.01),
    ):
        yield from on(optimizer, settings={"optimizer": optimizer, "learning_rate": rate, "epochs": 60})


def odd_networks() -> Iterator[Case]:
    """Networks that are built otherwise than most."""

    def layers(*parts: Any) -> Any:
        return lambda name: ng.Sequential([*parts, ng.Dense(outputs(name))])

    wide = ng.Dense(128, activation="relu")
    yield from on("strong dropout", network=layers(wide, ng.Dropout(0.5)), settings={"epochs": 80})
    block = [ng.Dense(24, activation="relu"), ng.Dense(24)]
    yield from on("residual and deep", network=layers(ng.Dense(24), ng.Stack(ng.Residual(block), 6)))
    yield from on("batch normalisation", network=layers(ng.Dense(32, bias=False), ng.BatchNorm(), ng.ReLU()))
    yield from on("layer normalisation", network=layers(ng.Dense(32), ng.LayerNorm(), ng.ReLU()))
    dead = ng.Dense(96, activation="relu", bias_initializer=ng.Uniform(-4.0, 1.0))
    yield from on("dead units beside the best score", network=layers(dead, ng.Dense(32, activation="relu")))
    yield from on(
        "far more units than examples", network=layers(ng.Dense(700, activation="relu")), settings={"epochs": 8}
    )
    net = lambda name: network(name, (48,), "tanh", initializer=ng.Normal(1.5))  # noqa: E731
    yield from on("tanh as a switch", ("blobs",), network=net, settings={"epochs": 60})
    yield from on("a single layer", ("blobs",), network=lambda name: network(name, ()))
    yield from on("frozen random features", ("blobs",), network=lambda name: network(name, (128,)),
                  settings={"frozen": "dense_1"})  # fmt: skip
    yield from on("two units where two do", ("blobs",), network=lambda name: network(name, (4,), "tanh"),
                  settings={"epochs": 100})  # fmt: skip


def odd_data() -> Iterator[Case]:
    """Data that look strange and are not."""
    rng = np.random.default_rng(11)

    def of(kind: str, x: Any, y: Any, net: Any, **settings: Any) -> Case:
        run = {"epochs": 40, "learning_rate": 0.01, **settings}
        return Case(kind, "", (), x[:TRAINED], y[:TRAINED], (x[TRAINED:], y[TRAINED:]), net, run, base="its own")

    n = TRAINED + HELD
    line = rng.uniform(-1, 1, (n, 1)).astype(np.float32)
    noise = rng.normal(0, 1, n).astype(np.float32)
    for units in (4, 8, 16):
        net = ng.Sequential([ng.Dense(units, activation="tanh"), ng.Dense(1)])
        yield of(f"one input column, {units} units", line, 2 * line[:, 0] + 0.1 * noise, net)
        yield of(f"one input column, a wave, {units} units", line, np.sin(3 * line[:, 0]), net, epochs=200)
        yield of(f"irreducible noise, {units} units", line, line[:, 0] + 0.8 * noise, net)
    plane = rng.normal(size=(n, 2)).astype(np.float32)
    net = ng.Sequential([ng.Dense(16, activation="relu"), ng.Dense(1)])
    yield of("two input columns", plane, np.abs(plane[:, 0]) + 0.1 * noise, net)
    yield of("two classes that overlap", plane, (plane[:, 0] + noise > 0).astype(int), net, epochs=15)
    hot = np.eye(12, dtype=np.float32)[rng.integers(0, 12, n)]
    yield of("one-hot inputs", hot, (hot @ rng.normal(size=12) + 0.1 * noise).astype(np.float32), net)
    x, y = data("blobs")
    seldom = np.flatnonzero((y != 3) | (rng.random(len(y)) < 0.08))
    few = replace(case("blobs"), kind="a rare class, well found")
    keep = seldom[seldom < TRAINED]
    yield replace(few, x=x[keep], y=y[keep])
    yield of("a linear network on linear data", x, x @ np.arange(8, dtype=np.float32) + noise,
             ng.Sequential([ng.Dense(8), ng.Dense(1)]), learning_rate=0.03)  # fmt: skip
    grades = np.clip(np.round(3 + x[:, 0] + 0.5 * x[:, 1] + 0.2 * noise), 1, 5)
    yield of("grades of 1 to 5", x, grades, net)
    yield of("one-hot rows and squared error, well learned", x, np.eye(4)[y],
             ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(4)]), loss="squared_error")  # fmt: skip
    yield of("heavy tails", (x / 2).astype(np.float32), (x[:, 0] + 0.3 * rng.standard_t(3, n)).astype(np.float32), net)
    still = np.column_stack([x, np.zeros((n, 3)), x[:, :2]]).astype(np.float32)
    yield of("constant and double columns", still, y, ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(4)]))
    yield of("counts of events", np.abs(x), rng.poisson(np.exp(0.4 * np.abs(x[:, 0]))), net, loss="poisson", epochs=20)
    sparse = (x * (rng.random(x.shape) < 0.2)).astype(np.float32)
    yield of("sparse inputs", sparse, (sparse.sum(1) + 0.1 * noise).astype(np.float32), net)


def odd_runs() -> Iterator[Case]:
    """Settings that most people leave alone."""
    yield from on(
        "one example a step", settings={"batch_size": 1, "optimizer": "sgd", "learning_rate": 0.01, "epochs": 15}
    )
    yield from on("all examples a step", settings={"batch_size": None, "epochs": 300})
    yield from on(
        "L-BFGS on all examples",
        settings={"optimizer": "lbfgs", "learning_rate": None, "batch_size": None, "epochs": 60},
    )
    yield from on("Levenberg-Marquardt", (PLENTY,), network=lambda name: network(name, (10,), "tanh"),
                  settings={"optimizer": "levenberg_marquardt", "learning_rate": None, "batch_size": None})  # fmt: skip
    yield from on("rprop on all examples", settings={"optimizer": "rprop", "batch_size": None, "epochs": 150})
    for schedule in ("cosine", "warm_up_cosine", "one_over_t", "step"):
        yield from on(f"schedule {schedule}", settings={"schedule": schedule, "epochs": 40})
    yield from on("stopped early", settings={"patience": 8, "epochs": 100})
    yield from on("clipped now and then", settings={"clip_norm": 1.0})
    yield from on("a light penalty", settings={"penalty": ng.L2(1e-4)})
    yield from on("a little noise on the weights", settings={"weight_noise": 0.02, "epochs": 40})
    yield from on("not shuffled, in no order", settings={"shuffle": False})
    yield from on("balanced class weights", CLASSES, settings={"class_weight": "balanced"})


def sequences() -> Iterator[Case]:
    """Recurrent and convolutional networks."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(TRAINED + HELD, 10, 2)).astype(np.float32)
    y = (x[:, :, 0].sum(1) > 0).astype(int)
    for label, layers in (
        ("LSTM", [ng.LSTM(12, returns="last")]),
        ("two layers of LSTM", [ng.LSTM(10), ng.LSTM(10, returns="last")]),
        ("GRU", [ng.GRU(12, returns="last")]),
        ("convolution over time", [ng.Conv(8, 3, activation="relu"), ng.Flatten()]),
    ):
        run = {"epochs": 20, "learning_rate": 0.01}
        yield Case(label, "", (), x[:TRAINED], y[:TRAINED], (x[TRAINED:], y[TRAINED:]),
                   ng.Sequential([*layers, ng.Dense(2)]), run, base="sums over time")  # fmt: skip
