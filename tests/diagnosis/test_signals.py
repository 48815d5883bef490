"""Signals: what stands in the padding of a layer's own input has no part in them."""

import jax
import numpy as np

import netgrad as ng
from netgrad.diagnosis.signals import compiled

RNG = np.random.default_rng(0)
A, B = (RNG.normal(size=(6, 5, 3)).astype(np.float32) for _ in range(2))
LENGTHS = {"a": np.array([5, 4, 5, 3, 5, 5]), "b": np.array([1, 2, 5, 3, 2, 4])}


def network():
    a, b = ng.Input("a"), ng.Input("b")
    of_b = ng.Dense(3, activation="tanh", name="of_b")(b)
    of_b = ng.Stack([ng.Dense(3, activation="tanh", name="inner")], 2, name="stack")(of_b)
    of_b = ng.LSTM(4, returns="last", name="last")(of_b)
    return ng.Network([a, b], {"tag": ng.Dense(1, name="tag")(a), "whole": ng.Dense(1, name="whole")(of_b)})


def test_padding_is_that_of_the_layers_own_inputs():
    y = {"tag": A[..., :1], "whole": B[:, 0, :1]}
    model = ng.untrained(network(), {"a": A, "b": B}, y, lengths=LENGTHS)
    found = []
    for value in (0.0, 1e3):
        x = {
            name: np.where(np.arange(5)[:, None] < LENGTHS[name][:, None, None], v, value)
            for name, v in (("a", A), ("b", B))
        }
        batch = model.batch(x, y, None, LENGTHS)
        found.append(compiled(model.network, model.objective)(model.params, model.state, batch)[0])
    assert set(found[0]) == {"of_b", "stack/inner", "stack", "last", "tag", "whole"}
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), *found)


def test_signals_of_layers_that_keep_the_last_step_leave_the_padding_out():
    """z of every step of an LSTM that hands on the last: the mean over the steps that are there."""
    x, lengths = B, LENGTHS["b"]
    net = ng.Sequential([ng.LSTM(4, returns="last"), ng.Dense(1)])
    model = ng.untrained(net, x, x[:, 0, :1], lengths=lengths)
    batch = model.batch(x, x[:, 0, :1], None, lengths)
    found = compiled(model.network, model.objective)(model.params, model.state, batch)[0]["lstm_1"]
    z = np.concatenate([np.asarray(v) for v in model.trace(x, x[:, 0, :1], lengths=lengths)["lstm_1"].z.values()], -1)
    valid = np.arange(5) < lengths[:, None]
    np.testing.assert_allclose(found.z, np.sqrt((z[valid] ** 2).mean()), rtol=1e-5)
