"""Sick networks after published lists of faults, each kind in three networks on small data made here.

Sources: AutoTrainer (Zhang et al., ICSE 2021), DeepLocalize (Wardat et al., ICSE 2021), DeepFD (Cao et al., ICSE 2022),
TheDeepChecker (Ben Braiek & Khomh, 2022), UMLAUT (Schoop et al., CHI 2021), NeuraLint (Nikanjam et al., TOSEM 2021).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import optax

import netgrad as ng
from benchmarks.others import Case

AUTO, LOCAL, DEEPFD, CHECKER, UMLAUT, LINT = (
    "AutoTrainer", "DeepLocalize", "DeepFD", "TheDeepChecker", "UMLAUT", "NeuraLint",
)  # fmt: skip
TRAINED, HELD, MANY = 480, 160, 2000
PLENTY = f"quantity, {MANY:,} examples"  # of which networks need no care to do well on others, too


@cache
def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Examples, 640 of each or `MANY` more: x (N, d) of mean 0 and spread 1, and labels or a quantity."""
    rng = np.random.default_rng(sum(map(ord, name)))
    x = rng.normal(size=(HELD + (MANY if name == PLENTY else TRAINED), 8)).astype(np.float32)
    if name == "sectors":  # three classes by the angle in two of eight columns
        return x, (np.floor((np.arctan2(x[:, 0], x[:, 1]) / np.pi + 1) * 1.4999)).astype(int)
    if name == "blobs":  # four classes around centres
        y = rng.integers(0, 4, len(x))
        x = x * 0.6 + rng.normal(size=(4, 8)).astype(np.float32)[y]
        return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + rng.normal(0, 0.1, len(x))
    return x, ((y - y.mean()) / y.std()).astype(np.float32)


def case(name: str, **changes: Any) -> Case:
    """A healthy case on these data."""
    x, y = data(name)
    net = changes.pop("network", None) or network(name)
    run = {"epochs": 30, "learning_rate": 0.01, **changes.pop("settings", {})}
    return Case(changes.pop("kind", "as it should be"), changes.pop("source", ""), changes.pop("expected", ()),
                x[:-HELD], y[:-HELD], (x[-HELD:], y[-HELD:]), net, run, base=name)  # fmt: skip


def outputs(name: str) -> int:
    """Units of the output."""
    return {"sectors": 3, "blobs": 4}.get(name, 1)


def network(name: str, hidden: tuple[int, ...] = (32, 16), activation: Any = "relu", end: Any = "identity",
            **fields: Any) -> ng.Network:  # fmt: skip
    """A multilayer perceptron for these data."""
    layers = [ng.Dense(units, activation=activation, **fields) for units in hidden]
    return ng.Sequential([*layers, ng.Dense(outputs(name), activation=end, **fields)])


ALL = ("sectors", "blobs", "quantity")
Change = Callable[[Case, np.random.Generator], Case]


def planted(
    kind: str, source: str, expected: str, change: Change, on: tuple[str, ...] = ALL, well: Change | None = None
) -> Iterator[Case]:
    """One kind of fault in a network on each of these data; well: what it has besides the fault."""
    besides = well or (lambda c, rng: c)
    for name in on:
        one = change(case(name), np.random.default_rng(5))
        proper = (lambda name=name: besides(case(name), np.random.default_rng(5))) if expected != "refused" else None
        yield replace(one, kind=kind, source=source, expected=tuple(expected.split()), properly=proper)


def net(*args: Any, **fields: Any) -> Change:
    """A change of the network."""
    return lambda c, rng: replace(c, network=network(c.base, *args, **fields))


def run(network_: Any = None, **settings: Any) -> Change:
    """A change of the settings."""
    return lambda c, rng: replace(c, settings={**c.settings, **settings}, network=network_ or c.network)


def inputs(of: Callable[[np.ndarray], np.ndarray], train: bool = True, held: bool = True, **settings: Any) -> Change:
    """A change of the inputs of training, of validation, or both."""

    def change(c: Case, rng: np.random.Generator) -> Case:
        x = of(c.x.copy()).astype(np.float32) if train else c.x
        return replace(c, x=x, held=(of(c.held[0].copy()).astype(np.float32) if held else c.held[0], c.held[1]),
                       settings={**c.settings, **settings})  # fmt: skip

    return change


def targets(of: Callable[[np.ndarray, np.random.Generator], np.ndarray], train: bool = True, held: bool = True,
            **changes: Any) -> Change:  # fmt: skip
    """A change of the targets of training, of validation, or both."""

    def change(c: Case, rng: np.random.Generator) -> Case:
        y = of(c.y.copy(), rng) if train else c.y
        unseen = of(c.held[1].copy(), rng) if held else c.held[1]
        return replace(c, y=y, held=(c.held[0], unseen), **changes)

    return change


CLASSES = ("sectors", "blobs")
SGD = {"optimizer": "sgd", "learning_rate": 0.1}
START = "initialisation_scale identical_units saturated_units exploding_gradients vanishing_gradients dead_units"


def sick() -> Iterator[Case]:
    """Every kind."""
    yield from depth()
    yield from steps()
    yield from starts()
    yield from wiring()
    yield from examples()
    yield from divided()
    yield from settings()


def depth() -> Iterator[Case]:
    """Gradients and units."""
    yield from planted("vanishing gradient", AUTO, "vanishing_gradients", then(net((16,) * 8, "logistic"), run(**SGD)),
                       well=then(net((16,) * 8), run(**SGD)))  # fmt: skip
    yield from planted("exploding gradient", AUTO, "exploding_gradients initialisation_scale not_finite",
                       then(net((32,) * 6, initializer=ng.Normal(0.8)), run(**SGD)),
                       well=then(net((32,) * 6), run(**SGD)))  # fmt: skip
    low = ng.Constant(-5.0)
    yield from planted("dying ReLU", AUTO, "dead_units", net((32, 16), bias_initializer=low))
    yield from planted("saturated activation", CHECKER, "saturated_units initialisation_scale inputs_not_normalised",
                       then(net((24, 24), "logistic"), inputs(lambda x: 60 * x)),
                       well=net((24, 24), "logistic"))  # fmt: skip
    yield from planted("too narrow a layer", LINT, "underfitting", net((1, 16), "tanh"))
    yield from planted("no activation", DEEPFD, "no_nonlinearity", net((32, 16), "identity"), ("sectors", "quantity"))


def steps() -> Iterator[Case]:
    """Rates, epochs and batches."""
    high = "rate_too_high not_finite"
    yield from planted("oscillating loss", AUTO, high, run(learning_rate=1.0))
    yield from planted("learning rate too high", DEEPFD, high, run(optimizer="sgd", learning_rate=8.0))
    yield from planted("slow convergence", AUTO, "rate_too_low", run(learning_rate=1e-5))
    yield from planted("learning rate too low", DEEPFD, "rate_too_low", run(optimizer="sgd", learning_rate=1e-4))
    yield from planted("too few epochs", DEEPFD, "few_updates", run(epochs=1, learning_rate=2e-3, batch_size=64))
    yield from planted("too large a batch", CHECKER, "batch_too_large few_updates rate_too_low",
                       run(batch_size=480, epochs=5, learning_rate=2e-3))  # fmt: skip
    yield from planted("too small a batch", CHECKER, "batch_too_small rate_too_high",
                       run(batch_size=1, epochs=3, optimizer="sgd", learning_rate=0.8))  # fmt: skip
    decay = optax.exponential_decay(2e-3, 3, 0.7)
    yield from planted("decay to nothing", UMLAUT, "decayed_rate", run(learning_rate=decay))
    yield from planted("momentum too high", CHECKER, "rate_too_high still_layers not_finite",
                       run(optimizer=optax.sgd(0.5, momentum=0.999), learning_rate=None))  # fmt: skip
    yield from planted("epsilon of Adam too large", CHECKER, "still_layers rate_too_low",
                       run(optimizer=optax.adam(1e-3, eps=1e4), learning_rate=None))  # fmt: skip
    yield from planted("gradient always clipped", CHECKER, "clipped_always rate_too_low still_layers",
                       run(clip_norm=1e-3, optimizer="sgd", learning_rate=0.1, epochs=10))  # fmt: skip
    yield from planted("whole-batch method on mini-batches", DEEPFD, "whole_batch_method",
                       run(optimizer="rprop", learning_rate=0.1, batch_size=8, epochs=10))  # fmt: skip


def starts() -> Iterator[Case]:
    """First weights."""
    yield from planted("weights of zero", CHECKER, "identical_units initialisation_scale",
                       net((32, 16), "tanh", initializer=ng.Zeros()))  # fmt: skip
    yield from planted("equal weights", CHECKER, "identical_units", net((32, 16), "tanh", initializer=ng.Constant(0.2)))
    yield from planted("weights too small", CHECKER, "initialisation_scale",
                       then(net((32, 16), initializer=ng.Normal(1e-3)), run(**SGD)))  # fmt: skip
    yield from planted("weights too large", CHECKER, "initialisation_scale saturated_units",
                       net((32, 16), "tanh", initializer=ng.Normal(5.0)))  # fmt: skip


def wiring() -> Iterator[Case]:
    """Losses and outputs."""
    rows = targets(lambda y, rng: np.eye(int(y.max()) + 1)[y].astype(float))
    squared = run(loss="squared_error", optimizer="sgd", learning_rate=0.01, epochs=10)
    yield from planted("squared error for classes", DEEPFD, "one_hot_regression", then(rows, squared), CLASSES)
    one = lambda c, rng: replace(c, network=ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(1)]))  # noqa: E731
    number = targets(lambda y, rng: y.astype(float))
    yield from planted("class numbers as quantities", DEEPFD, "regression_on_classes", then(one, number), CLASSES)
    single = lambda c, rng: replace(  # noqa: E731
        c, network=ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(1, activation="softmax")])
    )
    yield from planted("softmax of one unit", UMLAUT, "refused", single)
    yield from planted("softmax under a loss of logits", UMLAUT, "refused",
                       then(net(end="softmax"), run(loss="softmax_cross_entropy")), CLASSES)  # fmt: skip
    yield from planted("no softmax under cross-entropy", UMLAUT, "refused", run(loss="cross_entropy"), CLASSES)
    yield from planted("ReLU output for classes", LOCAL, "targets_out_of_range", net(end="relu", hidden=(4,)), CLASSES)
    for end in ("logistic", "relu", "tanh"):
        yield from planted(f"{end} output for a quantity", LOCAL, "targets_out_of_range", net(end=end), ("quantity",))


def examples() -> Iterator[Case]:
    """The data."""
    yield from planted("inputs of 0 to 255", UMLAUT, "inputs_not_normalised", then(
        inputs(lambda x: 127 + 60 * x), run(**SGD)))  # fmt: skip
    yield from planted("columns on uneven scales", CHECKER, "inputs_not_normalised", then(
        inputs(lambda x: x * 10.0 ** np.arange(-3, 5)), run(**SGD)))  # fmt: skip
    yield from planted("not a number after few steps", LOCAL, "inputs_not_normalised", then(
        inputs(lambda x: 1e4 * x), run(**SGD)), ("quantity",))  # fmt: skip
    yield from planted("targets not scaled", CHECKER, "targets_out_of_range", targets(lambda y, rng: 900 + 300 * y),
                       ("quantity",))  # fmt: skip
    yield from planted(
        "labels shuffled", CHECKER, "labels_without_relation", targets(lambda y, rng: rng.permutation(y))
    )
    yield from planted("rows sorted and not shuffled", CHECKER, "sorted_labels", _sorted)
    good = run(optimizer="adam", epochs=30, class_weight="balanced")  # which makes no more examples
    yield from planted("one class nearly always", CHECKER, "class_collapse small_classes", _rare, CLASSES,
                       then(_rare, good))  # fmt: skip
    yield from planted("wrong labels", CHECKER, "wrong_labels", targets(
        lambda y, rng: np.where(rng.random(len(y)) < 0.15, (y + 1) % 3, y), held=False), ("blobs",))  # fmt: skip
    yield from planted("wild targets", CHECKER, "target_outliers", targets(_wild, held=False), ("quantity",))
    yield from planted("a number for missing values", UMLAUT, "sentinel_values", inputs(_gaps), well=inputs(_filled))
    yield from planted("two units in one column", UMLAUT, "mixed_units", inputs(_units))
    yield from planted("learned by heart", UMLAUT, "overfitting", _few, ("quantity", "sectors"))


def divided() -> Iterator[Case]:
    """Training beside validation."""
    yield from planted("validation not scaled", UMLAUT, "shifted_inputs", inputs(lambda x: 40 * x + 90, train=False))
    yield from planted("one column shifted", UMLAUT, "shifted_inputs", inputs(
        lambda x: x + np.array([6, 6, 6, 0, 0, 0, 0, 0]), train=False))  # fmt: skip
    yield from planted("a class only in validation", UMLAUT, "missing_class", _class_gone, CLASSES)
    yield from planted("labels numbered otherwise in validation", UMLAUT, "targets_apart", targets(
        lambda y, rng: (y + 1) % (int(y.max()) + 1), train=False), CLASSES)  # fmt: skip
    yield from planted("copies of training rows in validation", UMLAUT, "copied_examples", lambda c, rng: replace(
        c, held=(c.x[:HELD], c.y[:HELD])))  # fmt: skip
    yield from planted("a column that only training has right", UMLAUT, "training_only_column", _identifier)


def settings() -> Iterator[Case]:
    """Regularisation and state."""
    yield from planted("too strong a penalty", CHECKER, "over_regularised", run(penalty=ng.L2(3.0)))
    layers = lambda c, rate: [ng.Dense(32, activation="relu"), ng.Dropout(rate), ng.Dense(outputs(c.base))]  # noqa: E731
    yield from planted("too strong dropout", CHECKER, "noise_drowns underfitting", lambda c, rng: replace(
        c, network=ng.Sequential(layers(c, 0.97))), well=lambda c, rng: replace(
        c, network=ng.Sequential(layers(c, 0.2))))  # fmt: skip
    yield from planted("noise on the weights", CHECKER, "noise_drowns", run(weight_noise=3.0))
    norm = lambda c, momentum: [  # noqa: E731
        ng.Dense(32, bias=False), ng.BatchNorm(momentum=momentum), ng.ReLU(), ng.Dense(outputs(c.base))]  # fmt: skip
    yield from planted("running statistics that lag", CHECKER, "lagging_statistics", lambda c, rng: replace(
        c, network=ng.Sequential(norm(c, 0.9999)), x=3 * c.x + 2, held=(3 * c.held[0] + 2, c.held[1])),
        well=lambda c, rng: replace(c, network=ng.Sequential(norm(c, 0.9))))  # fmt: skip
    yield from planted("batch normalisation on batches of 2", CHECKER, "batch_too_small lagging_statistics", _pairs,
                       well=then(_pairs, run(batch_size=32, epochs=30)))  # fmt: skip
    yield from planted("class weights that tip over", CHECKER, "class_weights_tip", run(class_weight={0: 1e5}), CLASSES)
    yield from planted("layers that are not trained", LINT, "still_layers", then(
        net((2, 32)), run(frozen="dense_1")))  # fmt: skip


def _pairs(c: Case, rng: np.random.Generator) -> Case:
    layers = [part for _ in range(3) for part in (ng.Dense(24, bias=False), ng.BatchNorm(), ng.ReLU())]
    net = ng.Sequential([*layers, ng.Dense(outputs(c.base))])
    return replace(c, network=net, settings={**c.settings, "batch_size": 2, "epochs": 2})


def then(*changes: Change) -> Change:
    """One change after the other."""

    def change(c: Case, rng: np.random.Generator) -> Case:
        for one in changes:
            c = one(c, rng)
        return c

    return change


def _sorted(c: Case, rng: np.random.Generator) -> Case:
    order = np.argsort(c.y, kind="stable")
    settings = {**c.settings, "optimizer": "sgd", "learning_rate": 0.5, "shuffle": False, "epochs": 8}
    return replace(c, x=c.x[order], y=c.y[order], settings=settings)


def _rare(c: Case, rng: np.random.Generator) -> Case:
    keep = np.concatenate([np.flatnonzero(c.y == 0), np.flatnonzero(c.y == 1)[:12]])
    x, y = np.tile(c.x[keep], (4, 1)), np.tile(c.y[keep], 4)
    held = np.isin(c.held[1], (0, 1))
    run = {**c.settings, "optimizer": "sgd", "learning_rate": 0.01, "epochs": 4}
    net = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(2)])
    return replace(c, x=x, y=y, held=(c.held[0][held], c.held[1][held]), settings=run, network=net)


def _wild(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y[rng.permutation(len(y))[:4]] *= 900
    return y


def _gaps(x: np.ndarray) -> np.ndarray:
    x[::20, 1] = -9999
    return x


def _filled(x: np.ndarray) -> np.ndarray:
    x[::20, 1] = 0
    return x


def _units(x: np.ndarray) -> np.ndarray:
    x[:, 1] = 2 + 0.1 * x[:, 1]
    x[::12, 1] *= 1000
    return x


def _few(c: Case, rng: np.random.Generator) -> Case:
    return replace(c, x=c.x[:60], y=c.y[:60] if c.base == "quantity" else np.where(rng.random(60) < 0.3,
                   rng.integers(0, 3, 60), c.y[:60]), network=network(c.base, (128, 128)),
                   settings={**c.settings, "epochs": 150})  # fmt: skip


def _class_gone(c: Case, rng: np.random.Generator) -> Case:
    known = c.y != 1
    return replace(c, x=c.x[known], y=c.y[known])


def _identifier(c: Case, rng: np.random.Generator) -> Case:
    x, x_held = c.x.copy(), c.held[0].copy()
    spread = max(float(np.std(c.y)), 1e-6)
    x[:, 5] = (c.y - np.mean(c.y)) / spread
    x_held[:, 5] = rng.permutation((c.held[1] - np.mean(c.y)) / spread)
    return replace(c, x=x, held=(x_held, c.held[1]))
