"""Small models of every kind, and a real server for each test that asks for one."""

import threading
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import netgrad as ng
from netgrad.data import TableEncoder, Vocabulary
from netgrad.serving import Limits
from netgrad.serving.server import prepare


def houses(n=40):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.uniform(30, 200, n), "colour": rng.choice(["red", "blue"], n)})
    return table, np.where(table["size"] > 110, "big", "small")


@pytest.fixture(scope="session")
def table_model():
    """Classes from a table of a number and a category."""
    return ng.fit(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(2)]), *houses(), epochs=20, learning_rate=0.1)


@pytest.fixture(scope="session")
def vector_model():
    """A quantity from three numbers."""
    x = np.random.default_rng(0).normal(size=(30, 3))
    return ng.fit(ng.Sequential([ng.Dense(1)]), x, x.sum(1), epochs=20, learning_rate=0.1)


@pytest.fixture(scope="session")
def image_model():
    """Three classes of pictures."""
    x = np.random.default_rng(0).normal(size=(12, 4, 5, 1))
    return ng.fit(ng.Sequential([ng.Flatten(), ng.Dense(3)]), x, [0, 1, 2] * 4, epochs=1)


@pytest.fixture(scope="session")
def label_model():
    """One class of each sequence."""
    x = np.random.default_rng(0).normal(size=(8, 40, 2))
    net = ng.Sequential([ng.GRU(4, returns="last"), ng.Dense(2)])
    return ng.fit(net, x, [0, 1] * 4, lengths=[40, 3] * 4, epochs=1)


@pytest.fixture(scope="session")
def tag_model():
    """A tag at every time-step of sequences from a long table, as the command line trains them."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"day": [*range(6), *range(4)], "rain": rng.normal(size=10), "id": ["a"] * 6 + ["b"] * 4})
    data = ng.data.read_sequences(table, time="day", encoder=TableEncoder().fit(table[["rain"]]))
    net = ng.Sequential([ng.RNN(4), ng.Dense(2)])
    model = ng.fit(net, data.x, (data.x[..., 0] > 0).astype(int), lengths=data.lengths, epochs=1)
    model.encoder = data.encoder
    model.card = {"sequences": {"id": "id", "time": "day", "goal": "tag"}}
    return model


@pytest.fixture(scope="session")
def text_model():
    """The next symbol of a text."""
    vocabulary = Vocabulary("abc ")
    x = vocabulary.encode("abc " * 6)[None]
    model = ng.fit(ng.Sequential([ng.Embedding(4, 3), ng.RNN(4), ng.Dense(4)]), x[:, :-1], x[:, 1:], epochs=1)
    model.card = {"vocabulary": vocabulary.to_config()}
    return model


@pytest.fixture(scope="session")
def pair_model():
    """Two inputs, two outputs."""
    left, right = ng.Input("left"), ng.Input("right")
    h = ng.Concatenate()(left, right)
    net = ng.Network([left, right], {"fault": ng.Dense(2)(h), "severity": ng.Dense(1)(h)})
    x = np.eye(4)
    return ng.fit(net, {"left": x, "right": x}, {"fault": [0, 1, 0, 1], "severity": [0.1, 0.2, 0.3, 0.4]}, epochs=1)


@contextmanager
def running(model, hosts=(), file=None, **limits):
    """A server on a free port, in a thread: its URL."""
    server, listening = prepare(model, "127.0.0.1", 0, Limits(**limits), hosts, file)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
        assert not thread.is_alive()
