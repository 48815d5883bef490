"""Layers around layers: whatever the one inside says of itself, the one around it says too."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.checks.numbers import WrongGradient
from netgrad.diagnosis.recipe import Recipe
from netgrad.layers import Bidirectional, Context, Layer, Wrapper
from netgrad.network import Composite, StateSpace
from netgrad.registry import KINDS

RNG = np.random.default_rng(0)
X = (10 + 5 * RNG.normal(size=(64, 5))).astype(np.float32)
Y = X.sum(1)
BARE = ng.BatchNorm()


@dataclass(frozen=True)
class Telling(Layer):
    """A layer that answers everything the contract asks with something that no default would."""

    def init(self, key, in_shape):
        return {"W": jnp.full(in_shape[-1:], 2.0)}

    def init_state(self, in_shape):
        return {"seen": jnp.zeros(())}

    def forward(self, params, x, context):
        noise = 0.0 if context.key is None else jax.random.normal(context.key, ())
        a = params["W"] * x * (2 if context.training else 1) + context.state["seen"] + noise
        return a, {"x": x, "z": a, "a": a}

    def backward(self, params, saved, d_out):
        raise NotImplementedError

    def next_state(self, state, saved):
        return {"seen": state["seen"] + 1}

    def check_input(self, x, name, lengths):
        raise ng.DataError(f"{name} was asked about")

    def out_shape(self, in_shape):
        return in_shape

    def out_lengths(self, lengths, in_shape):
        return None if lengths is None else lengths - 1

    def placed(self, first):
        return self.replace(name=f"first {first}")

    def operations(self, in_shape):
        return 7

    def connections(self, in_shape):
        return 11

    def scannable(self, in_shape):
        return False

    def layout(self, x):
        return x + 100

    @property
    def draws(self):
        return True


WRAPPERS = {
    "differentiated": ng.Differentiated,
    "weight_norm": ng.WeightNorm,
    "recomputed": ng.Recomputed,
    "stack": lambda layer: ng.Stack(layer, 1),
    "ensemble": lambda layer: ng.Ensemble(layer, 1),
}
OF_SEQUENCES = {"bidirectional": Bidirectional, "state_space": StateSpace}  # around recurrent and Dense layers only


def test_every_registered_wrapper_is_held():
    known = {n for n, cls in KINDS["layer"].items() if issubclass(cls, Wrapper | Composite)}
    assert {n for n in known if KINDS["layer"][n].__module__.startswith("netgrad.")} == {*WRAPPERS, *OF_SEQUENCES}


def leaves_of(tree, name):
    """The array of this name, without the copies' axis of a stack."""
    found = [v for path, v in jax.tree_util.tree_leaves_with_path(tree) if path[-1].key == name]
    return np.asarray(found[0]).reshape(np.asarray(found[0]).shape[-1:] if name == "W" else ())


@pytest.mark.parametrize("around", WRAPPERS.values(), ids=WRAPPERS)
def test_a_wrapper_says_what_the_layer_inside_says(around):
    bare, layer = Telling(), around(Telling())
    key, x = jax.random.key(3), jnp.ones((2, 6, 3))
    assert layer.out_shape((6, 3)) == (6, 3)
    for name in ("operations", "connections", "scannable"):
        assert getattr(layer, name)((6, 3)) == getattr(bare, name)((6, 3)), name
    assert layer.draws
    assert layer.out_lengths(jnp.array([6, 4]), (6, 3)).tolist() == [5, 3]
    with pytest.raises(ng.DataError, match="symbols was asked about"):
        layer.check_input(np.ones((2, 6, 3)), "symbols", None)
    np.testing.assert_array_equal(layer.layout(x), x + 100)
    inside = layer.placed(True)
    inside = inside.layer if isinstance(inside, Wrapper) else inside.block.nodes[0].layer
    assert inside.name == f"first {isinstance(layer, Wrapper)}"  # what reaches a block is no longer the data

    params, state = layer.init(key, (6, 3)), layer.init_state((6, 3))
    if "W_g" not in params:
        np.testing.assert_array_equal(leaves_of(params, "W"), bare.init(key, (6, 3))["W"])
    assert leaves_of(state, "seen") == 0
    outputs = {}
    for training in (False, True):
        for own in (None, key):
            a, saved = layer.forward(params, x, Context(training=training, key=own, state=state))
            outputs[training, own is None] = np.asarray(a)
    assert leaves_of(layer.next_state(state, saved), "seen") == 1  # after the last of these, a step of training
    np.testing.assert_allclose(outputs[True, True], 2 * outputs[False, True])
    assert len({outputs[case].mean().item() for case in outputs}) == 4  # the key and training reached it
    moved = jax.tree.map(lambda v: v + 5.0, state)
    later = layer.forward(params, x, Context(state=moved))[0]
    np.testing.assert_allclose(later, outputs[False, True] + 5, rtol=1e-6)  # and so did the state


def test_a_wrapper_of_layers_over_time_says_what_is_inside():
    inner = ng.LSTM(3, dropout=0.2)
    both = Bidirectional(inner, units=2)
    assert both.draws
    assert not Bidirectional(ng.LSTM(3)).draws
    assert both.connections((6, 4)) == 2 * inner.connections((6, 4)) + ng.Dense(2).connections((6, 6))
    assert both.scannable((6, 4))
    walk = StateSpace([ng.Dense(4), ng.Dropout(0.5), ng.Dense(3)])
    assert walk.draws
    assert walk.operations((6, 2)) == 6 * (5 * 4 + 4 * 3)
    assert walk.connections((6, 2)) == 6 * (5 * 4 + 4 + 4 * 3 + 3)


@pytest.mark.parametrize("around", [ng.Differentiated, ng.Recomputed, WRAPPERS["stack"]])
def test_the_state_inside_a_wrapper_is_kept(around):
    """Running statistics follow the data: they were 0 and 1 for ever inside `Differentiated`, and predictions wrong."""
    inside, bare = (
        ng.fit(ng.Sequential([layer, ng.Dense(1)]), X, Y, epochs=3, seed=0) for layer in (around(ng.BatchNorm()), BARE)
    )
    for ours, own in zip(jax.tree.leaves(inside.state), jax.tree.leaves(bare.state), strict=True):
        assert np.abs(own).min() > 1
        np.testing.assert_allclose(np.reshape(ours, own.shape), own, rtol=1e-4)
    np.testing.assert_allclose(inside.predict(X), bare.predict(X), rtol=1e-3, atol=1e-3)


@dataclass(frozen=True)
class Spy(ng.Layer):
    """Adds a number drawn from its key."""

    def call(self, params, x, context):
        return x if context.key is None else x + jax.random.normal(context.key, (1, x.shape[-1]))

    def out_shape(self, in_shape):
        return in_shape


def test_layers_of_a_transition_have_a_key_and_a_state_each():
    walk = StateSpace([Spy(), Spy(), ng.Dense(2)])
    params = {"2": {"W": jnp.concatenate([jnp.eye(2), jnp.zeros((1, 2))]), "b": jnp.zeros(2)}}
    a, _ = walk.forward(params, jnp.zeros((1, 2, 1)), Context(training=True, key=jax.random.key(5)))
    keys = [jax.random.fold_in(jax.random.key(5), i) for i in range(2)]
    np.testing.assert_allclose(a[0, 1], sum(jax.random.normal(key, (1, 3)) for key in keys)[0, :2], rtol=1e-6)

    x = RNG.normal(size=(8, 6, 2)).astype(np.float32)
    net = ng.Sequential([StateSpace([ng.Dense(4, bias=False), ng.BatchNorm(), ng.Dense(3)]), ng.Dense(1)])
    model = ng.fit(net, x, x.sum(2, keepdims=True), epochs=2)
    assert np.abs(model.state["state_space_1"]["1"]["mean"]).max() > 0
    assert np.isfinite(model.predict(x)).all()
    assert ng.check_gradients(net, x, x.sum(2, keepdims=True)).ok
    with pytest.raises(ng.NetgradError, match=r"1 in the transition averages .* of unequal length"):
        ng.fit(net, x, x.sum(2, keepdims=True), lengths=np.arange(8) % 6 + 1, epochs=1)
    with pytest.raises(ng.NetgradError, match="a list of layers that ends in a Dense layer"):
        StateSpace(["dense", ng.Dense(2)])


@dataclass(frozen=True)
class Squared(Layer):
    """Has weights and names what it makes of them."""

    def init(self, key, in_shape):
        return {"W": jax.random.normal(key, (in_shape[-1], 2))}

    def call(self, params, x, context):
        inner = x @ params["W"]
        return inner**2, {"inner": inner}


@pytest.mark.parametrize(
    ("around", "bare", "names"),
    [
        (ng.Differentiated(ng.LSTM(3)), ng.LSTM(3), ("delta_h", "delta_c", "d_gates")),
        (ng.WeightNorm(Squared()), Squared(), ("d_inner",)),
    ],
    ids=["Differentiated", "WeightNorm"],
)
def test_a_wrapper_shows_the_gradients_that_the_layer_inside_shows(around, bare, names):
    x = RNG.normal(size=(4, 6, 2)).astype(np.float32)
    found = []
    for layer in (around, bare):
        params = layer.init(jax.random.key(0), (6, 2))
        a, saved = layer.forward(params, x, Context())
        found.append(layer.look_back(params, saved, jnp.cos(a)))
    for name in names:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), found[0][name], found[1][name]
        )


def test_a_wrapper_shows_what_is_inside():
    net = ng.Sequential([ng.Differentiated(ng.Dense(4, activation="relu")), ng.Dense(1)])
    trace = ng.untrained(net, X, Y).trace(X[:3], Y[:3])
    assert trace["differentiated_1"].z.shape == (3, 4)
    assert not [name for name in trace["differentiated_1"].values if "residuals" in name]
    with pytest.raises(ng.NetgradError, match="leave that layer's activation out"):
        ng.fit(ng.Sequential([ng.Differentiated(ng.Dense(2, activation="softmax"))]), X, np.arange(64) % 2,
               loss="softmax_cross_entropy")  # fmt: skip


@pytest.mark.parametrize("wrap", [ng.Differentiated, ng.WeightNorm])
def test_wrappers_are_around_layers(wrap: Any):
    with pytest.raises(ng.NetgradError, match=f"{wrap.__name__} wraps a layer, found 3: write {wrap.__name__}"):
        wrap(3)


@ng.register("layer", "centred")
@dataclass(frozen=True)
class Centred(ng.Layer):
    """Keeps a running mean, and has a backward rule of the wrong sign."""

    def init(self, key, in_shape):
        return {"W": jnp.ones(in_shape[-1:])}

    def init_state(self, in_shape):
        return {"mean": jnp.zeros(in_shape[-1:])}

    def forward(self, params, x, context):
        mean = x.mean(0) if context.training else context.state["mean"]
        return params["W"] * (x - mean), {"x": x, "mean": mean}

    def backward(self, params, saved, d_out):
        return ng.layers.Backward(-d_out, {"W": -(d_out * (saved["x"] - saved["mean"])).sum(0)}, d_out)

    def next_state(self, state, saved):
        return {"mean": 0.5 * state["mean"] + 0.5 * saved["mean"]}

    def out_shape(self, in_shape):
        return in_shape


def test_the_remedy_of_a_wrong_rule_keeps_the_state():
    net = ng.Sequential([Centred(), ng.Dense(1)])
    assert "wrong_gradient" in ng.fit(net, X, Y, epochs=1).diagnose(X, Y)
    recipe = WrongGradient().repair(Recipe(net, {"epochs": 5}), None)
    assert recipe.changes == ("automatic differentiation instead of the layer's own backward rule",)
    model = recipe.train(X, Y)
    assert "wrong_gradient" not in model.diagnose(X, Y)
    assert isinstance(model.network.nodes[0].layer, ng.Differentiated)
    np.testing.assert_allclose(model.state["centred_1"]["mean"], X.mean(0), rtol=0.2)
