"""What is frozen or masked stays to the bit, whatever trains: no optimiser, decay, penalty or noise reaches it."""

import jax
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.optimizers import OPTIMIZERS
from netgrad.optimizers.still import leaving

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 4)).astype(np.float32), RNG.normal(size=(20, 2)).astype(np.float32)
MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])


def network():
    layers = [ng.Dense(3, activation="tanh"), ng.Dense(3, activation="tanh"), ng.Dense(2)]
    return ng.Sequential(layers).masked("dense_1/W", MASK).frozen("dense_2", "dense_3/b")


def held(start, model):
    """Whether what is to stay has stayed, and the rest has moved."""
    for path, moves in {"dense_1/W": True, "dense_1/b": True, "dense_3/W": True, "dense_3/b": False}.items():
        layer, name = path.split("/")
        assert (start.params[layer][name] != model.params[layer][name]).any() == moves, path
    jax.tree.map(np.testing.assert_array_equal, model.params["dense_2"], start.params["dense_2"])
    np.testing.assert_array_equal(model.params["dense_1"]["mask_W"], MASK)
    np.testing.assert_array_equal(np.asarray(model.params["dense_1"]["W"])[MASK == 0], 0)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_with_every_optimiser(name):
    start = ng.untrained(network(), X, Y)
    model = ng.fit(start, X, Y, optimizer=name, epochs=3, batch_size=None)
    held(start, model)
    assert model.history["loss"][-1] < model.history["loss"][0]


@pytest.mark.parametrize(
    "settings",
    [
        {"penalty": [ng.L2(0.1), ng.L1(0.1)], "weight_noise": 0.1, "clip_norm": 0.1},
        {"penalty": ng.CurvatureSmoothing(0.01)},
        {"penalty": ng.WeightElimination(0.1)},
    ],
    ids=["penalties-and-noise", "curvature", "elimination"],
)
def test_penalties_and_noise(settings):
    net, clip = network(), settings.pop("clip_norm", None)
    start = ng.untrained(net, X, Y, **settings)
    held(start, ng.fit(start, X, Y, epochs=2, optimizer=optax.adamw(0.01, weight_decay=0.1), clip_norm=clip))


def test_penalties_see_what_is_trained_and_stored():
    plain, held = (
        ng.untrained(ng.Sequential([ng.Dense(4, name="a"), ng.Dense(2)]).frozen(*which), X, Y, penalty=ng.L2(1.0))
        for which in ((), ("a",))
    )
    W = np.asarray(plain.params["dense_1"]["W"])
    losses = [m.trace(X, Y).loss - ng.untrained(m.network, X, Y).trace(X, Y).loss for m in (plain, held)]
    np.testing.assert_allclose(losses[1], 0.5 * (W**2).sum(), rtol=1e-3)
    np.testing.assert_allclose(losses[0] - losses[1], 0.5 * (np.asarray(plain.params["a"]["W"]) ** 2).sum(), rtol=1e-3)


def test_with_rates_by_layer_starts_streams_and_several_epochs_a_call():
    net = network()
    start = ng.untrained(net, X, Y)
    held(start, ng.fit(start, X, Y, learning_rate={"dense_3": 0.01}, epochs=2, epochs_per_call=2))
    model = ng.fit(net, X, Y, starts=2, epochs=2)
    assert model.params["dense_2"]["W"].any()
    np.testing.assert_array_equal(np.asarray(model.params["dense_1"]["W"])[MASK == 0], 0)
    held(start, ng.fit(start, ng.Stream(lambda: iter([(X, Y), (X, Y)])), epochs=1))


@pytest.mark.parametrize("cell", [ng.GRU(3, name="cell"), ng.Differentiated(ng.GRU(3), name="cell")], ids=["", "in"])
def test_in_truncated_training(cell):
    x = RNG.normal(size=(4, 9, 2)).astype(np.float32)
    start = ng.untrained(ng.Sequential([cell, ng.Dense(1)]).frozen("cell"), x, x[..., :1])
    model = ng.fit(start, x, x[..., :1], truncate=3, epochs=2)
    jax.tree.map(np.testing.assert_array_equal, model.params["cell"], start.params["cell"])
    assert (model.params["dense_1"]["W"] != start.params["dense_1"]["W"]).any()
    # The hidden state is carried from piece to piece all the same: the loss is that of the whole sequences.
    still = ng.fit(start, x, x[..., :1], truncate=3, epochs=1, learning_rate=1e-9)
    np.testing.assert_allclose(still.history["loss"][0], start.evaluate(x, x[..., :1])["loss"], rtol=1e-4)


def test_the_norm_that_is_clipped_is_of_what_moves():
    params = {"a": {"W": np.ones(3)}, "b": {"W": np.ones(1)}}
    optimizer = leaving(optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0)), (("a", "*"),))
    updates, _ = optimizer.update(
        {"a": {"W": 100 * np.ones(3)}, "b": {"W": np.ones(1)}}, optimizer.init(params), params
    )
    assert updates["b"]["W"].tolist() == [-1.0]


def test_it_is_the_optimiser_itself_where_all_are_trained():
    optimizer = optax.sgd(0.1)
    assert leaving(optimizer, ()) is optimizer
    assert leaving(optimizer, (("a", "*"),)) is leaving(optimizer, (("a", "*"),))


def test_nothing_left_to_train():
    with pytest.raises(ng.NetgradError, match="every parameter is frozen, nothing is left to train"):
        ng.fit(ng.Sequential([ng.Dense(2)]).frozen("dense_1"), X, Y, epochs=1)


def test_a_rate_of_zero_names_frozen():
    with pytest.raises(ng.NetgradError, match="found 0 for dense_1: keep it as it is by frozen='dense_1'"):
        ng.fit(ng.Sequential([ng.Dense(2)]), X, Y, learning_rate={"dense_1": 0.0})
