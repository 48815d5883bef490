"""Networks for the test bench of the diagnosis: healthy ones, and the same with one fault planted in each.

Two halves share no data set: thresholds were set on "tuning", and the table is of "reporting".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from sklearn import datasets as bundled
from sklearn.preprocessing import StandardScaler

import netgrad as ng
from benchmarks.sick_runs import further
from netgrad.layers import Backward, Layer
from netgrad.network import Node, with_layers

HALVES = ("tuning", "reporting")


@dataclass(frozen=True)
class Examples:
    """x, y to train on; x_held, y_held unseen; lengths (train, held) of sequences."""

    name: str
    x: Any
    y: Any
    x_held: Any
    y_held: Any
    lengths: tuple[Any, Any] | None = None

    @property
    def classes(self) -> int:
        """The number of classes; 0 for a quantity."""
        return int(self.y.max()) + 1 if self.y.dtype.kind == "i" else 0

    @property
    def held(self) -> tuple:
        """What `netgrad.fit` takes as validation."""
        return (self.x_held, self.y_held) if self.lengths is None else (self.x_held, self.y_held, self.lengths[1])


@dataclass(frozen=True)
class Patient:
    """A network, its data and how it is to be trained. fault: what was planted, "" in healthy ones; base: the patient
    that it was planted in."""

    name: str
    half: str
    network: ng.Network
    examples: Examples
    settings: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    base: Patient | None = None

    def planted(self, fault: str, *, network: Any = None, examples: Examples | None = None, **settings: Any) -> Patient:
        """This patient with a fault."""
        return replace(
            self,
            name=f"{self.name} with {fault}",
            network=network or self.network,
            examples=examples or self.examples,
            settings={**self.settings, **settings},
            fault=fault,
            base=self,
        )


# --- data


def _split(name: str, x: Any, y: Any, held: int, lengths: Any = None) -> Examples:
    order = np.random.default_rng(7).permutation(len(x))
    x, y = x[order], y[order]
    spans = None if lengths is None else (lengths[order][held:], lengths[order][:held])
    return Examples(name, x[held:], y[held:], x[:held], y[:held], spans)


def _table(name: str, load: Callable[[], Any], held: int) -> Examples:
    data = load()
    x = StandardScaler().fit_transform(data.data).astype(np.float32)
    if data.target.dtype.kind == "i":
        return _split(name, x, data.target.astype(int), held)
    y = (data.target - data.target.mean()) / data.target.std()
    return _split(name, x, y.astype(np.float32), held)


@cache
def examples(name: str) -> Examples:
    """The data set of this name."""
    rng = np.random.default_rng(3)
    if name == "digits":
        data = bundled.load_digits()
        return _split(name, ((data.data - 8) / 6).astype(np.float32), data.target.astype(int), 497)
    if name == "pictures":
        flat = examples("digits")
        shape = (-1, 8, 8, 1)
        return replace(flat, name=name, x=flat.x.reshape(shape), x_held=flat.x_held.reshape(shape))
    if name in ("wine", "breast_cancer", "diabetes"):
        return _table(name, getattr(bundled, f"load_{name}"), {"wine": 50, "breast_cancer": 150, "diabetes": 120}[name])
    if name == "friedman":
        x, y = bundled.make_friedman1(900, random_state=0)
        return _split(name, ((x - 0.5) * 3.46).astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32), 300)
    if name == "classes":
        x, y = bundled.make_classification(
            1200, 20, n_informative=10, n_redundant=2, n_classes=4, class_sep=1.6, random_state=1
        )
        return _split(name, (x / x.std(0)).astype(np.float32), y.astype(int), 400)
    if name == "waves":  # three shapes of a wave, at random places and with noise
        kind, phase = rng.integers(0, 3, 900), rng.uniform(0, 2 * np.pi, (900, 1))
        t = np.linspace(0, 6 * np.pi, 64) + phase
        shapes = np.stack([np.sin(t), np.sign(np.sin(t)), 2 * ((t / np.pi) % 1) - 1])
        x = shapes[kind, np.arange(900)] * 1.2 + rng.normal(0, 0.2, (900, 64))
        return _split(name, x[..., None].astype(np.float32), kind, 300)
    if name == "first":  # which of four symbols came first, before 14 to 19 of four others?
        lengths = rng.integers(15, 21, 800)
        symbols = rng.integers(4, 8, (800, 20))
        symbols[:, 0] = rng.integers(0, 4, 800)
        return _split(name, np.eye(8, dtype=np.float32)[symbols], symbols[:, 0], 250, lengths)
    if name == "order":  # which of two marks came earlier, at random places in the first half of noise?
        x = rng.normal(0, 0.3, (900, 18, 3)).astype(np.float32)
        places = np.argsort(rng.random((900, 9)), axis=1)[:, :2]
        x[np.arange(900), places[:, 0], 0] += 3
        x[np.arange(900), places[:, 1], 1] += 3
        return _split(name, x, (places[:, 0] < places[:, 1]).astype(int), 300, np.full(900, 18))
    if name == "reber":
        known, unseen = (ng.data.reber(n, min_length=20, seed=s) for n, s in ((150, 0), (60, 1)))
        return Examples(name, known.x, known.y, unseen.x, unseen.y, (known.lengths, unseen.lengths))
    raise KeyError(name)


# --- healthy networks


def dense(data: Examples, hidden: tuple[int, ...], activation: str = "relu", **fields: Any) -> ng.Network:
    """A multilayer perceptron for these data."""
    layers = [ng.Dense(units, activation=activation, **fields) for units in hidden]
    flat = [ng.Flatten()] if data.x.ndim > 2 else []
    return ng.Sequential([*flat, *layers, ng.Dense(data.classes or 1)])


def convolutional(data: Examples, activation: str = "relu", **fields: Any) -> ng.Network:
    """Two convolutions, pooling and a dense layer."""
    first = ng.Conv(8, 3, padding="same", activation=activation, **fields)
    second = ng.Conv(16, 3, padding="same", activation=activation, **fields)
    return ng.Sequential(
        [first, ng.MaxPool(2), second, ng.MaxPool(2), ng.Flatten(), ng.Dense(32, activation=activation, **fields),
         ng.Dense(data.classes)]
    )  # fmt: skip


def recurrent(data: Examples, layer: Layer) -> ng.Network:
    """A recurrent layer, and a readout of its last state or of every one."""
    return ng.Sequential([layer, ng.Dense(data.classes or data.y.shape[-1])])


def patient(half: str, data: str, network: ng.Network, label: str, **settings: Any) -> Patient:
    """A healthy one."""
    usual = {"epochs": 25, "batch_size": 32, "optimizer": "adam"}
    return Patient(f"{data}: {label}", half, network, examples(data), {**usual, **settings})


FLAT = {"tuning": ("digits", "wine", "diabetes"), "reporting": ("classes", "breast_cancer", "friedman")}
SHAPED = {"tuning": "pictures", "reporting": "waves"}
SERIAL = {"tuning": "first", "reporting": "order"}
SHORT = {"wine": {"epochs": 60}, "classes": {"patience": 4}, "diabetes": {"epochs": 15, "penalty": "l2"}}
SERIAL_RUN = {"epochs": 40, "learning_rate": 0.01, "clip_norm": 1.0}


def healthy() -> Iterator[Patient]:
    """Dense, convolutional and recurrent networks that train as they should."""
    for half in HALVES:
        for name in FLAT[half]:
            data = examples(name)
            for hidden, activation in (
                ((32,), "relu"), ((32, 16), "tanh"), ((24,), "logistic"), ((64, 32, 16), "relu"),
                ((32, 32, 32, 32), "leaky_relu"),
            ):  # fmt: skip
                short = dict(SHORT.get(name, {}))
                if name == "diabetes" and len(hidden) > 2:
                    continue  # 322 examples and much noise: nobody would take so many layers
                if activation == "logistic":
                    short["epochs"] = 2 * short.get("epochs", 25)
                label = f"{activation} {'-'.join(map(str, hidden))}"
                yield patient(half, name, dense(data, hidden, activation), label, **short)
        shaped = examples(SHAPED[half])
        yield patient(half, SHAPED[half], convolutional(shaped), "convolutions, relu", epochs=15)
        yield patient(half, SHAPED[half], convolutional(shaped, "tanh"), "convolutions, tanh", epochs=15)
        normal = ng.Sequential(
            [ng.Conv(8, 3, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Flatten(), ng.Dense(32, activation="relu"),
             ng.Dropout(0.2), ng.Dense(shaped.classes)]
        )  # fmt: skip
        yield patient(half, SHAPED[half], normal, "batch normalisation and dropout", epochs=15)
        serial = examples(SERIAL[half])
        for layer in (ng.LSTM(16, returns="last"), ng.GRU(16, returns="last")):
            label = type(layer).__name__
            yield patient(half, SERIAL[half], recurrent(serial, layer), label, **SERIAL_RUN)
    first = FLAT["tuning"][0]
    net = dense(examples(first), (32,), "tanh")
    yield patient("tuning", first, net, "tanh 32, momentum", optimizer="momentum", learning_rate=0.02)
    yield patient("tuning", first, net, "tanh 32, full batch", optimizer="lbfgs", batch_size=None, epochs=40)
    net = recurrent(examples("reber"), ng.LSTM(12))
    yield patient("reporting", "reber", net, "LSTM", learning_rate=0.02, epochs=60)
    net = recurrent(examples("reber"), ng.RNN(12))
    yield patient("reporting", "reber", net, "RNN", learning_rate=0.01, epochs=80)
    net = dense(examples("classes"), (64,), "elu")
    yield patient("reporting", "classes", net, "elu 64, sgd", optimizer="sgd", learning_rate=0.05, epochs=40)


# --- faults


@dataclass(frozen=True)
class Repeated(ng.initializers.Initializer):
    """Few different rows and columns, again and again: units with equal weights on both sides stay copies."""

    different: int = 2

    def __call__(self, key, shape):
        W = ng.Normal(1 / np.sqrt(shape[-2]))(key, (self.different, self.different))
        return jnp.tile(W, [n // self.different + 1 for n in shape])[: shape[0], : shape[1]]


ng.register("initializer", "repeated_for_the_bench")(Repeated)


@ng.register("layer", "upside_down_for_the_bench")
@dataclass(frozen=True)
class UpsideDown(Layer):
    """z = x W, a = tanh(z), with a sign error in its hand-written way back."""

    units: int = 32

    def init(self, key, in_shape):
        return {"W": ng.Xavier()(key, (in_shape[-1], self.units))}

    def forward(self, params, x, context):
        z = x @ params["W"]
        return jnp.tanh(z), {"x": x, "z": z, "a": jnp.tanh(z)}

    def backward(self, params, saved, d_out):
        delta = d_out * (1 + saved["a"] ** 2)  # it is 1 - a^2
        return Backward(-delta @ params["W"].T, {"W": -saved["x"].T @ delta}, delta)


def sick() -> Iterator[Patient]:
    """Every fault, planted in networks of both halves."""
    for half in HALVES:
        big, small, amounts = (examples(name) for name in FLAT[half])
        shaped, serial = examples(SHAPED[half]), examples(SERIAL[half])
        plain = patient(half, big.name, dense(big, (32, 32)), "relu 32-32")
        table = patient(half, small.name, dense(small, (24,), "tanh"), "tanh 24", epochs=40)
        amount = patient(half, amounts.name, dense(amounts, (32,)), "relu 32", epochs=15)
        filters = patient(half, shaped.name, convolutional(shaped), "convolutions", epochs=12)
        series = patient(half, serial.name, recurrent(serial, ng.LSTM(16, returns="last")), "LSTM", **SERIAL_RUN)
        yield from _depth(plain, filters)
        yield from _time(series)
        yield from _units(plain, table, filters)
        yield from _start(plain, table, filters)
        yield from _rates(plain, filters, series)
        yield from _data(plain, table, amount, series)
        yield from _fitting(plain, amount, series)
        yield from _batches(plain, filters)
        yield from _numbers(plain, amount)
        yield from further(plain, table, amount, series)


def _depth(plain: Patient, filters: Patient) -> Iterator[Patient]:
    data = plain.examples
    sgd = {"optimizer": "sgd", "learning_rate": 0.1}
    yield plain.planted("vanishing_gradients", network=dense(data, (32,) * 8, "logistic"), **sgd)
    yield plain.planted("vanishing_gradients", network=dense(data, (24,) * 7, "logistic"), epochs=6)
    wide = ng.Normal(0.55)
    yield plain.planted("exploding_gradients", network=dense(data, (32,) * 6, initializer=wide), **sgd)
    far = ng.Normal(0.5)
    yield plain.planted("exploding_gradients", network=dense(data, (48,) * 8, initializer=far), **sgd)


def _time(series: Patient) -> Iterator[Patient]:
    data = series.examples

    def rnn(W_h: Any, **fields: Any) -> ng.Network:
        return recurrent(data, ng.RNN(16, returns="last", recurrent_initializer=W_h, **fields))

    yield series.planted("vanishing_memory", network=rnn(ng.Orthogonal(0.2)), epochs=10, learning_rate=0.003)
    yield series.planted("vanishing_memory", network=rnn(ng.Orthogonal(0.3)), optimizer="sgd", learning_rate=0.1)
    run = {"optimizer": "sgd", "learning_rate": 0.1, "clip_norm": None, "epochs": 20}
    yield series.planted("exploding_memory", network=rnn(ng.Orthogonal(3.0)), **run)
    yield series.planted("exploding_memory", network=rnn(ng.Normal(0.8)), **run)


def _units(plain: Patient, table: Patient, filters: Patient) -> Iterator[Patient]:
    low = ng.Constant(-6.0)
    yield plain.planted("dead_units", network=dense(plain.examples, (32, 32), bias_initializer=low))
    yield filters.planted("dead_units", network=convolutional(filters.examples, bias_initializer=low))
    high = ng.Constant(12.0)
    net = dense(plain.examples, (32, 32), "tanh", bias_initializer=high)
    yield plain.planted("saturated_units", network=net, epochs=10)
    net = dense(table.examples, (24, 24), "logistic", bias_initializer=high)
    yield table.planted("saturated_units", network=net, epochs=10)
    for hidden in ((48, 33), (33,)):
        net = dense(plain.examples, hidden, "tanh")
        net = with_layers(net, lambda node: node.layer.replace(initializer=Repeated()))
        yield plain.planted("redundant_units", network=net)


def _start(plain: Patient, table: Patient, filters: Patient) -> Iterator[Patient]:
    sgd = {"optimizer": "sgd", "learning_rate": 0.05}
    tiny, huge, same = ng.Normal(0.001), ng.Normal(3.0), ng.Constant(0.1)
    net = dense(plain.examples, (32, 32), initializer=tiny)
    yield plain.planted("initialisation_scale", network=net, **sgd)
    yield filters.planted("initialisation_scale", network=convolutional(filters.examples, initializer=tiny), **sgd)
    net = dense(plain.examples, (32, 32), "tanh", initializer=huge)
    yield plain.planted("initialisation_scale", network=net, epochs=10)
    net = dense(plain.examples, (32, 32), "tanh", initializer=same)
    yield plain.planted("identical_units", network=net, epochs=15)
    yield filters.planted("identical_units", network=convolutional(filters.examples, initializer=same), epochs=8)
    ends = plain.network.nodes[-1].name

    def loud(node: Node) -> Layer:
        return node.layer.replace(initializer=ng.Normal(40.0)) if node.name == ends else node.layer

    yield plain.planted("first_loss", network=with_layers(plain.network, loud), epochs=10)
    yield plain.planted("first_loss", network=with_layers(plain.network, loud), **sgd)


def _rates(plain: Patient, filters: Patient, series: Patient) -> Iterator[Patient]:
    yield plain.planted("rate_too_high", learning_rate=0.5)
    yield plain.planted("rate_too_high", optimizer="sgd", learning_rate=4.0)
    yield filters.planted("rate_too_high", learning_rate=0.3)
    yield series.planted("rate_too_high", learning_rate=10.0)
    yield plain.planted("rate_too_low", learning_rate=3e-6)
    yield plain.planted("rate_too_low", optimizer="sgd", learning_rate=1e-4)
    yield filters.planted("rate_too_low", learning_rate=3e-6)


def _changed(data: Examples, change: Callable[[Any], Any]) -> Examples:
    return replace(data, x=change(data.x).astype(np.float32), x_held=change(data.x_held).astype(np.float32))


def _data(plain: Patient, table: Patient, amount: Patient, series: Patient) -> Iterator[Patient]:
    sgd = {"optimizer": "sgd", "learning_rate": 0.05}
    yield plain.planted("inputs_not_normalised", examples=_changed(plain.examples, lambda x: 300 * x + 1000), **sgd)
    yield table.planted("inputs_not_normalised", examples=_changed(table.examples, lambda x: x + 200), epochs=20)
    uneven = 10.0 ** np.linspace(-3, 3, amount.examples.x.shape[1])
    yield amount.planted("inputs_not_normalised", examples=_changed(amount.examples, lambda x: x * uneven), **sgd)
    positive = amount.examples
    far = replace(positive, y=200 + 50 * positive.y, y_held=200 + 50 * positive.y_held)
    bounded = ng.Sequential([ng.Dense(32, activation="relu"), ng.Dense(1, activation="logistic")])
    yield amount.planted("targets_out_of_range", network=bounded, examples=far)
    yield amount.planted("targets_out_of_range", network=bounded)
    yield amount.planted("targets_out_of_range", examples=far, **sgd)
    bent = ng.Sequential([ng.Dense(24, activation="relu"), ng.Dense(1, activation="relu")])
    yield amount.planted("targets_out_of_range", network=bent)
    yield _rare(plain)
    yield _rare(series)
    rng = np.random.default_rng(5)
    for one in (plain, amount):
        data = one.examples
        shuffled = replace(data, y=rng.permutation(data.y), y_held=rng.permutation(data.y_held))
        yield one.planted("labels_without_relation", examples=shuffled)


def _rare(one: Patient) -> Patient:
    """Only one example in sixteen of another class than the frequent one, and few epochs."""
    data, parts = one.examples, []
    for x, y, lengths in (
        (data.x, data.y, data.lengths and data.lengths[0]),
        (data.x_held, data.y_held, data.lengths and data.lengths[1]),
    ):
        few = np.flatnonzero(y != 0)
        often = np.flatnonzero(y == 0)
        often = np.resize(often, 8 * len(often))
        few = few[: max(8, len(often) // 16)]
        chosen = np.sort(np.concatenate([often, few]))
        parts.append((x[chosen], y[chosen], None if lengths is None else lengths[chosen]))
    (x, y, span), (x_held, y_held, held_span) = parts
    rare = replace(data, x=x, y=y, x_held=x_held, y_held=y_held, lengths=None if span is None else (span, held_span))
    return one.planted("class_collapse", examples=rare, optimizer="sgd", learning_rate=0.02, epochs=6, batch_size=64)


def _fitting(plain: Patient, amount: Patient, series: Patient) -> Iterator[Patient]:
    rng = np.random.default_rng(6)
    data = plain.examples
    few = replace(
        data, x=data.x[:100], y=np.where(rng.random(100) < 0.25, rng.integers(0, data.classes, 100), data.y[:100])
    )
    yield plain.planted("overfitting", network=dense(data, (256, 256)), examples=few, epochs=120)
    y = amount.examples.y[:80] + rng.normal(0, 0.7, 80).astype(np.float32)
    few = replace(amount.examples, x=amount.examples.x[:80], y=y)
    yield amount.planted("overfitting", network=dense(few, (256, 128)), examples=few, epochs=200)
    yield plain.planted("underfitting", network=dense(data, (1, 16), "tanh"), epochs=60)
    yield plain.planted("underfitting", network=dense(data, (1, 8, 8)), epochs=60)
    yield plain.planted("over_regularised", penalty=ng.L2(3.0), epochs=20)
    yield series.planted("over_regularised", penalty=ng.L2(1.0), epochs=20)


def _batches(plain: Patient, filters: Patient) -> Iterator[Patient]:
    data = plain.examples
    layers: list[Layer] = []
    for _ in range(3):
        layers += [ng.Dense(24, bias=False), ng.BatchNorm(), ng.ReLU()]
    net = ng.Sequential([*layers, ng.Dense(data.classes)])
    yield plain.planted("batch_too_small", network=net, batch_size=2, epochs=4)
    yield plain.planted("batch_too_small", optimizer="sgd", learning_rate=0.6, batch_size=1, epochs=4)
    large = {"batch_size": 4096, "epochs": 10, "learning_rate": 1e-3}
    yield plain.planted("batch_too_large", **large)
    yield filters.planted("batch_too_large", **large)


def _numbers(plain: Patient, amount: Patient) -> Iterator[Patient]:
    data, amounts = plain.examples, amount.examples
    yield plain.planted(
        "not_finite", network=dense(data, (64,) * 6, initializer=ng.Normal(60.0)), optimizer="sgd", learning_rate=10.0
    )
    big = _changed(amounts, lambda x: x * 1e4)
    yield amount.planted("not_finite", examples=big, optimizer="sgd", learning_rate=0.1)
    net = ng.Sequential([UpsideDown(32), ng.Dense(16, activation="tanh"), ng.Dense(data.classes)])
    yield plain.planted("wrong_gradient", network=net, optimizer="sgd", learning_rate=0.1)
    net = ng.Sequential([ng.Dense(24, activation="tanh"), UpsideDown(24), ng.Dense(1)])
    yield amount.planted("wrong_gradient", network=net)
