"""Joined layers compute what the layers themselves compute, and keep names, order and keys."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import fused
from netgrad.training.objective import gradients

IMAGES = np.random.default_rng(0).normal(size=(9, 11, 10, 2))
SIGNALS = np.random.default_rng(1).normal(size=(7, 30, 3))


def network(conv, pool):
    return ng.Sequential([conv, pool, ng.Dropout(0.3), ng.Flatten(), ng.Dense(3)])


@pytest.mark.parametrize(
    ("x", "conv", "pool"),
    [
        (IMAGES, ng.Conv(4, 3, activation="relu"), ng.MaxPool(2)),
        (IMAGES, ng.Conv(5, (2, 3), padding="same", activation="tanh", bias=False), ng.MaxPool((2, 3))),
        (IMAGES, ng.Conv(3, 3, stride=2), ng.MaxPool(2, stride=2)),
        (SIGNALS, ng.Conv(6, 5, activation="logistic"), ng.MaxPool(4)),
    ],
)
def test_the_same_loss_and_gradients(x, conv, pool):
    net = network(conv, pool)
    joined = fused(net)
    assert [type(node.layer).__name__ for node in joined.nodes][:2] == ["ConvPool", "Joined"]
    assert [n.name for n in joined.nodes] == [n.name for n in net.nodes]
    y = np.arange(len(x)) % 3
    model = ng.untrained(net, x, y)
    batch = model.batch(x, y)
    run = jax.jit(
        lambda n: gradients(n, model.objective, model.params, {}, batch, jax.random.key(1))[:2], static_argnums=0
    )
    (loss, grads), (joined_loss, joined_grads) = run(net), run(joined)
    np.testing.assert_allclose(joined_loss, loss, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(joined_grads), jax.tree.leaves(grads), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize(
    ("shape", "first", "last"),
    [
        ((9, 6, 5, 2), ng.Conv(4, 3), ng.Flatten()),
        ((9, 4), ng.Dense(4), ng.Dropout(0.2)),
        ((9, 8, 4), ng.Dense(4), ng.LSTM(3, returns="last")),
    ],
)
def test_a_rectifier_joins_the_normalisation_before_it(shape, first, last, frozen):
    x, y = np.random.default_rng(2).normal(size=shape), np.arange(9) % 3
    lengths = np.arange(9) % 8 + 1 if len(shape) == 3 else None
    net = ng.Sequential([first, ng.BatchNorm(), ng.ReLU(), last, ng.Dense(3)])
    net = net.frozen("batch*") if frozen else net
    assert [type(node.layer).__name__ for node in fused(net).nodes][1:3] == ["NormReLU", "Joined"]
    model = ng.untrained(net, x, y, lengths=lengths)
    batch = model.batch(x, y, None, lengths)
    run = jax.jit(
        lambda n: gradients(n, model.objective, model.params, model.state, batch, jax.random.key(1))[:3],
        static_argnums=0,
    )
    ours, plain = run(fused(net)), run(net)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), ours, plain)
    before = model.state["batch_norm_1"]["mean"]
    assert frozen == (np.asarray(ours[2]["batch_norm_1"]["mean"]) == before).all()


def test_a_joined_network_says_of_itself_what_the_network_says():
    net = network(ng.Conv(4, 3, activation="relu"), ng.MaxPool(2))
    ours, plain = (n.summary((11, 10, 2)) for n in (fused(net), net))
    for what in ("parameters", "operations", "connections"):
        assert getattr(ours, what) == getattr(plain, what)
    jax.tree.map(np.testing.assert_array_equal, fused(net).init(0, (11, 10, 2)), net.init(0, (11, 10, 2)))


def test_volumes_go_the_plain_way():
    x = np.random.default_rng(0).normal(size=(3, 6, 6, 6, 1))
    net = network(ng.Conv(2, 3, activation="relu"), ng.MaxPool(2))
    model = ng.fit(net, x, [0, 1, 2], epochs=1)
    assert model.predict(x).shape == (3,)


@pytest.mark.parametrize(
    "build",
    [
        lambda: network(ng.Conv(4, 3, activation="elu"), ng.MaxPool(2)),
        lambda: network(ng.Conv(4, 3), ng.MaxPool(2, stride=1)),
        lambda: network(ng.Conv(4, 3), ng.AveragePool(2)),
        lambda: network(ng.Conv(4, 3, groups=2), ng.MaxPool(2)),
    ],
)
def test_others_are_left_alone(build):
    net = build()
    assert fused(net) is net


def test_maps_that_somebody_else_reads_are_kept():
    x = ng.Input()
    maps = ng.Conv(4, 3, activation="relu")(x)
    pooled = ng.Flatten()(ng.MaxPool(2)(maps))
    net = ng.Network(x, ng.Dense(3)(ng.Concatenate()(pooled, ng.Flatten()(maps))))
    assert fused(net) is net
