"""With `jax_enable_x64` everything is float64: parameters, state, outputs, trace, and what a file gives back."""

import jax
import numpy as np
import pytest

import netgrad as ng

NETWORKS = {
    "pictures": (
        lambda: [
            ng.Conv(3, 3, activation="tanh"),
            ng.BatchNorm(),
            ng.MaxPool(2),
            ng.Conv(4, 2, groups=1, padding="same"),
            ng.AveragePool(2),
            ng.Flatten(),
            ng.Dense(2),
        ],
        (10, 10, 1),
    ),
    "sequences": (
        lambda: [ng.LSTM(3), ng.GRU(3), ng.LayerNorm(), ng.RNN(3, returns="last"), ng.Dropout(0.1), ng.Dense(2)],
        (5, 2),
    ),
}


def floats(tree):
    return [leaf for leaf in jax.tree.leaves(tree) if np.issubdtype(getattr(leaf, "dtype", int), np.floating)]


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_rounded_on_the_way(name, x64, tmp_path):
    layers, shape = NETWORKS[name]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, *shape)), rng.normal(size=(6, 2))
    model = ng.fit(ng.Sequential(layers()), x, y, epochs=2, batch_size=4)
    trace = model.trace(x, y)
    found = floats((model.params, model.state, model.predict(x), [(n.a, n.delta) for n in trace.values()]))
    assert {leaf.dtype for leaf in found} == {np.dtype(np.float64)}
    again = ng.load(model.save(tmp_path / "model.safetensors"))
    jax.tree.map(np.testing.assert_array_equal, again.params, model.params)
    assert floats(again.params)[0].dtype == np.float64
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
