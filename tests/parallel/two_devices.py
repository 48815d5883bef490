"""Run by test_placement.py where JAX has two devices: trains on one and on both, and says how far they differ."""

import json
import tempfile

import jax
import numpy as np
import optax

import netgrad as ng
from netgrad.parallel import Placement
from tests.training.task_cases import CASES

R = np.random.default_rng(0)
X, Y = R.normal(size=(39, 6)).astype("f"), R.integers(0, 3, 39)
PICTURES = R.normal(size=(22, 8, 8, 3)).astype("f")
SEQUENCES, TAGS = R.normal(size=(18, 10, 4)).astype("f"), R.integers(0, 3, (18, 10))
LENGTHS = R.integers(3, 11, 18)
MOMENTUM = optax.sgd(0.05, momentum=0.9)


class Looks(ng.Callback):
    """Makes each step a call of its own."""

    def on_batch(self, run):
        assert run.report["loss"] > 0


def leaves(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves((model.params, model.state))]


def apart(one, two):
    """The largest difference of losses, as a share, and of parameters."""
    losses = [np.asarray(model.history["loss"]) for model in (one, two)]
    far = max(float(np.abs(p - q).max()) for p, q in zip(leaves(one), leaves(two), strict=True))
    return [float(np.abs(losses[0] / losses[1] - 1).max()), far]


def both(net, *data, devices=2, **how):
    how = {"epochs": 2, "batch_size": 7, "optimizer": "sgd", "learning_rate": 0.05} | how
    return apart(ng.fit(net, *data, **how), ng.fit(net, *data, devices=devices, **how))


def noisy():
    """Everything that draws or looks across a batch."""
    layers = [ng.Dense(64, activation="relu"), ng.Dropout(0.3), ng.BatchNorm(), ng.GaussianNoise(), ng.Dense(3)]
    return ng.Sequential(layers)


def found():
    two = Placement.of(2).devices
    weighed = {"penalty": "l2", "class_weight": "balanced", "weight_noise": 0.01, "clip_norm": 1.0, "frozen": "dense_1"}
    yield "uneven, weighed", both(noisy(), X, Y, **weighed, optimizer="adam")
    seen = ng.Augment(shift=1, rotation=5, noise=0.1, colour=0.2, flip=0.5, crop=0.1)
    net = ng.Sequential([seen, ng.Conv(4, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(3)])
    yield "pictures", both(net, PICTURES, Y[:22])
    net = ng.Sequential([ng.LSTM(5, returns="sequence", dropout=0.2), ng.Dense(3)])
    yield "truncated", both(net, SEQUENCES, TAGS, lengths=LENGTHS, truncate=4)
    net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(3)])
    stream = ng.Stream.arrays(X, Y, chunk=20)
    yield "stream, by a line search", both(net, stream, batch_size=20, optimizer="lbfgs", learning_rate=None)
    yield (
        "sharded",
        both(noisy(), X, Y, devices=Placement(two, shard="parameters"), optimizer=MOMENTUM, learning_rate=None),
    )
    yield "in bfloat16", both(noisy(), X, Y, dtype="bfloat16")
    yield "step by step", both(net, X, Y, callbacks=[Looks()])
    by_device = ng.fit(noisy(), X, Y, devices=Placement(two, statistics="device"), batch_size=8, epochs=2, seed=1)
    yield "by device", apart(by_device, ng.fit(noisy(), X, Y, batch_size=8, epochs=2, seed=1))
    for name in ("test_gan",):
        task, data = CASES[name]
        yield name, apart(*(ng.train(task, data, epochs=2, batch_size=32, devices=d) for d in (None, 2)))
    with tempfile.TemporaryDirectory() as folder:
        how = {"devices": 2, "batch_size": 7, "checkpoint": folder}
        ng.fit(net, X, Y, epochs=1, **how)
        again = ng.fit(net, X, Y, epochs=3, **how)
    whole = ng.fit(net, X, Y, epochs=3, devices=2, batch_size=7)
    yield "checkpoint", apart(again, whole)
    try:
        ng.fit(noisy(), X, Y, optimizer="sgd", learning_rate=1e30, devices=2, batch_size=7)
    except ng.DivergenceError as error:
        yield "divergence", str(error)


if __name__ == "__main__":
    print(json.dumps(dict(found())))
