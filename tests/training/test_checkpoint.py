"""A run that is killed goes on from its checkpoint and ends with the bits of one that was not."""

import random
import shutil
import subprocess
import sys
import time

import jax
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.training.checkpoint import Checkpoint

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X.sum(1)


def net(units=4):
    return ng.Sequential([ng.Dense(units, activation="tanh"), ng.Dense(1)])


def fit(folder=None, epochs=6, **settings):
    settings = {"batch_size": 8, "learning_rate": 0.01, "validation": 0.2} | settings
    network = settings.pop("network", net())
    return ng.fit(network, settings.pop("x", X), Y, epochs=epochs, checkpoint=folder, **settings)


def assert_same(a, b):
    for p, q in zip(jax.tree.leaves((a.params, a.state)), jax.tree.leaves((b.params, b.state)), strict=True):
        np.testing.assert_array_equal(p, q)
    assert a.history.rows == b.history.rows
    assert a.history.stopped == b.history.stopped


class Die(ng.Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, run):
        if run.epoch >= self.epoch:
            raise KeyboardInterrupt


DROPPING = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dropout(0.3), ng.BatchNorm(), ng.Dense(1)])
KINDS = {
    "several epochs a call": {"epochs_per_call": 2},
    "early stopping, dropout, running statistics and an optimiser with a random key": {
        "patience": 3,
        "network": DROPPING,
        "optimizer": optax.chain(optax.add_noise(0.01, 0.5, jax.random.key(3)), optax.sgd(0.1)),
        "learning_rate": None,
    },
    "several starts": {"starts": 2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_run_ends_with_the_same_bits(kind, tmp_path):
    whole = fit(epochs=8, **KINDS[kind])
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, epochs=8, callbacks=[Die(3)], **KINDS[kind])
    assert list(tmp_path.glob("epoch-*"))
    assert_same(fit(tmp_path, epochs=8, **KINDS[kind]), whole)


SCRIPT = """
import sys, threading, time, os, signal
import numpy as np, netgrad as ng
x = np.random.default_rng(0).normal(size=(64, 3))
net = ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)])

class Fuse(ng.Callback):
    def on_epoch(self, run):
        if not getattr(self, "lit", False):
            self.lit = True
            threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()

folder = sys.argv[1] if float(sys.argv[2]) else None
model = ng.fit(net, x, x.sum(1), epochs=300, batch_size=16, validation=0.2, patience=300,
               checkpoint=folder, callbacks=[Fuse()] if folder else [])
"""


def test_killed_at_random_moments(tmp_path):
    rng, kills = random.Random(0), 0
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path), str(rng.uniform(0.02, 0.5))], check=False)
        kills += done.returncode == -9
    assert kills
    x = np.random.default_rng(0).normal(size=(64, 3))
    network = ng.Sequential([ng.Dense(6, activation="tanh"), ng.Dense(1)])
    settings = {"epochs": 300, "batch_size": 16, "validation": 0.2, "patience": 300}
    resumed = ng.fit(network, x, x.sum(1), checkpoint=tmp_path, **settings)
    assert_same(resumed, ng.fit(network, x, x.sum(1), **settings))


def test_the_last_few_and_the_best_are_kept(tmp_path):
    model = fit(tmp_path, epochs=12, keep=2, learning_rate=0.5, optimizer="sgd")
    best = int(np.argmin(model.history["val_loss"])) + 1
    kept = sorted(int(path.stem.split("-")[1]) for path in tmp_path.glob("epoch-*"))
    assert kept == sorted({best, 11, 12})


def test_every_few_epochs_and_the_last(tmp_path):
    fit(Checkpoint(tmp_path, keep=10, every=4), epochs=10)
    assert [path.stem for path in sorted(tmp_path.glob("epoch-*"))] == [f"epoch-{i:08d}" for i in (4, 8, 10)]


def test_a_half_written_file_is_cleared_away(tmp_path):
    fit(tmp_path, epochs=2)
    half = tmp_path / ".epoch-00000003.safetensors.x1y2"
    half.write_bytes(b"half")
    assert_same(fit(tmp_path, epochs=4), fit(epochs=4))
    assert not half.exists()


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = fit(tmp_path)
    began = time.time()
    again = fit(tmp_path)
    assert_same(first, again)
    assert all(path.stat().st_mtime < began for path in tmp_path.glob("epoch-*"))


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    fit(folder, epochs=2)
    return folder


OTHERS = {
    "network": ({"network": net(5)}, "differs in network"),
    "optimizer": ({"optimizer": "sgd"}, '"adam" there, "sgd" here'),
    "learning rate": ({"learning_rate": 0.02}, "0.01 there, 0.02 here"),
    "batch size": ({"batch_size": 4}, "batch size"),
    "seed": ({"seed": 1}, "seed"),
    "penalty": ({"penalty": "l2"}, "objective"),
    "data": ({"x": X + 1}, "differs in data"),
    "fewer epochs": ({"epochs": 1}, "a run of 2 epochs, more than the 1"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_checkpoints_of_another_run(name, two_epochs):
    settings, message = OTHERS[name]
    with pytest.raises(ng.FileError, match=message) as caught:
        fit(two_epochs, **settings)
    assert "\n" not in str(caught.value)


def test_bad_folders_and_counts(two_epochs, tmp_path):
    with pytest.raises(ng.NetgradError, match="keep must be"):
        fit(tmp_path, keep=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(ng.FileError, match="cannot write in"):
        fit(tmp_path / "file")
    shutil.copytree(two_epochs, tmp_path / "damaged")
    last = max((tmp_path / "damaged").glob("epoch-*"))
    last.write_bytes(last.read_bytes()[:-1] + b"x")
    with pytest.raises(ng.FileError, match="damaged or is no checkpoint"):
        fit(tmp_path / "damaged")
    last.write_bytes(last.read_bytes()[:-10])
    with pytest.raises(ng.FileError, match="truncated"):
        fit(tmp_path / "damaged")


def test_one_run_at_a_time_in_a_folder(tmp_path):
    class Second(ng.Callback):
        def on_epoch(self, run):
            with pytest.raises(ng.FileError, match=r"another run .* is at work in"):
                fit(tmp_path)

    first = fit(tmp_path, callbacks=[Second()])
    assert_same(first, fit())
    with pytest.raises(ng.FileError, match="another run: it differs"):
        fit(tmp_path, seed=1)
    assert_same(fit(tmp_path, epochs=8), fit(epochs=8))  # the refused one has given the folder back


def test_every_optimiser_goes_on_to_the_same_bits(tmp_path):
    from netgrad.optimizers import OPTIMIZERS

    for name in OPTIMIZERS:
        settings = {"optimizer": name, "learning_rate": None, "validation": None, "network": net(3)}
        whole = fit(epochs=4, **settings)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / name, epochs=4, callbacks=[Die(2)], **settings)
        assert list((tmp_path / name).glob("epoch-*")), name
        assert_same(fit(tmp_path / name, epochs=4, **settings), whole)
