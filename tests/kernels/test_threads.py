"""Threads: two of Python's that train at once get the bits that they get alone, and so do 1, 2 and 16 of XLA's."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 9, 3)).astype(np.float32)
Y = RNG.integers(0, 4, (70, 9))
PICTURES = RNG.normal(size=(70, 10, 10, 1)).astype(np.float32)
NETWORKS = {
    "sequences": lambda: (ng.Sequential([ng.LSTM(20), ng.Dense(4)]), X, Y),
    "other sizes": lambda: (ng.Sequential([ng.GRU(33), ng.RNN(5), ng.Dense(4)]), X, Y),
    "pictures": lambda: (
        ng.Sequential([ng.Conv(6, 3, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(4)]),
        PICTURES,
        Y[:, 0],
    ),
}


def trained(name, start=None):
    """The parameters after some epochs."""
    network, x, y = NETWORKS[name]()
    if start is not None:
        start.wait()
    model = ng.fit(network, x, y, loss="softmax_cross_entropy", epochs=8, batch_size=32, seed=1)
    return jax.tree.map(np.asarray, model.params)


@pytest.mark.sanitize
def test_training_in_two_threads_gives_the_bits_of_training_alone():
    alone = {name: trained(name) for name in NETWORKS}
    for pair in (("sequences", "other sizes"), ("pictures", "sequences"), ("sequences", "sequences")):
        start = Barrier(2)
        with ThreadPoolExecutor(2) as threads:
            together = list(threads.map(lambda name, start=start: trained(name, start), pair))
        for name, params in zip(pair, together, strict=True):
            jax.tree.map(np.testing.assert_array_equal, params, alone[name])


def of_threads(count):
    """The fingerprints of the networks' trained parameters, by name, in a process with so many threads."""
    script = (
        "import hashlib, jax; from tests.kernels.test_threads import NETWORKS, trained\n"
        "for name in NETWORKS:\n"
        "    print(hashlib.sha256(b''.join(v.tobytes() for v in jax.tree.leaves(trained(name)))).hexdigest())\n"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"NPROC": str(count)})
    return dict(zip(NETWORKS, run.stdout.split(), strict=True))


def test_as_many_threads_train_to_the_same_bits_and_convolutions_whatever_their_number():
    """The sums of recurrent weights' gradients, and XLA's own large products, are split by the number of threads."""
    two = of_threads(2)
    assert of_threads(2) == two
    if kernels.status().active:
        assert of_threads(1)["pictures"] == of_threads(16)["pictures"] == two["pictures"]
