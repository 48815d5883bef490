"""Few examples are predicted without JAX, as the layers themselves compute them, wherever that holds."""

import copy
import pickle
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels, registry
from netgrad.kernels import single
from netgrad.losses import SquaredError
from netgrad.network import forward
from netgrad.training.objective import Objective
from netgrad.training.single import plan_of

pytestmark = pytest.mark.skipif(not single.available(), reason="no plans on this machine")
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(6, 5)).astype("float32")
PICTURES = RNG.normal(size=(6, 9, 9, 2)).astype("float32")
STEPS = RNG.normal(size=(6, 11, 5)).astype("float32")
SYMBOLS = RNG.integers(0, 7, (6, 11))


def dense():
    return ng.Sequential([ng.Dense(9, activation="tanh"), ng.BatchNorm(), ng.Dropout(0.5), ng.Dense(3)])


NETWORKS = {
    "rows": (dense, ROWS, "softmax_cross_entropy"),
    "pictures": (
        lambda: ng.Sequential(
            [ng.Conv(6, 3, activation="relu"), ng.MaxPool(3), ng.Conv(20, 2, padding="same"), ng.Flatten(), ng.Dense(3)]
        ),
        PICTURES[:, :8, :8],
        "binary_cross_entropy",
    ),
    "steps": (lambda: ng.Sequential([ng.Bidirectional(ng.GRU(6)), ng.LSTM(20), ng.Dense(3)]), STEPS, "squared_error"),
    "symbols": (
        lambda: ng.Sequential([ng.Embedding(7, 4), ng.RNN(5, returns="last"), ng.Dense(1)]),
        SYMBOLS,
        "poisson",
    ),
}


def untrained(name):
    """A model of this network; its parameters are drawn by NumPy, for there is no program to be compiled for that."""
    make, x, loss = NETWORKS[name]
    return model_of(make(), x, loss)


def model_of(net, x, loss):
    shape = x.shape[1:]
    rng = np.random.default_rng(1)
    shapes = net.param_shapes(shape), net.state_shapes(shape)
    params, state = jax.tree.map(lambda leaf: jnp.asarray(rng.uniform(0.1, 0.5, leaf.shape), "float32"), shapes)
    objective = Objective(((net.output_names[0], registry.find("loss", loss), 1.0),))
    return ng.Model(net, params, state, objective, {net.inputs[0]: shape})


def small():
    return model_of(ng.Sequential([ng.Dense(4, activation="elu"), ng.Dense(1)]), ROWS, "binary_cross_entropy")


def linked(model, x):
    """What JAX makes of these examples."""
    (name,), (_, loss, _) = model.network.inputs, model.objective.terms[0]

    @jax.jit
    def outputs(params, state, x):
        (out,) = forward(model.network, params, state, {name: x}).outputs.values()
        return loss.link(out)

    return np.asarray(outputs(model.params, model.state, x))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_answer_as_their_layers_do(name):
    model, x = untrained(name), NETWORKS[name][1]
    assert model.plan_for(model._inputs(x, None), link=True) is not None
    expected = linked(model, x)
    np.testing.assert_allclose(model.predict_proba(x), expected, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model.predict_proba(x[2:3]), expected[2:3], rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(model.predictor(6)(x), expected, rtol=2e-5, atol=2e-6)
    (raw,) = model.outputs(x[:1]).values()
    np.testing.assert_allclose(np.asarray(model.objective.terms[0][1].link(raw)), expected[:1], rtol=2e-5, atol=2e-6)


def test_a_plan_holds_as_long_as_the_numbers_are_the_same():
    model = small()
    inputs = model._inputs(ROWS, None)
    plan = model.plan_for(inputs, link=True)
    assert model.plan_for(inputs, link=True) is plan
    assert model.plan_for(inputs) is not plan  # without the link
    model.params["dense_1"]["b"] = model.params["dense_1"]["b"] + 1
    assert model.plan_for(inputs, link=True) is not plan
    np.testing.assert_allclose(model.predict_proba(ROWS), linked(model, ROWS), rtol=2e-5)
    model.params["dense_1"]["b"] = np.array(model.params["dense_1"]["b"])  # whose numbers may change unseen
    assert model.plan_for(inputs, link=True) is None
    model.params["dense_1"]["b"][:] = 0
    np.testing.assert_allclose(model.predict_proba(ROWS), linked(model, ROWS), rtol=2e-5)


def test_nor_does_it_answer_for_another_link_other_numbers_or_where_kernels_are_set_aside():
    model = small()
    inputs = model._inputs(ROWS, None)
    plan = model.plan_for(inputs, link=True)
    model.objective = model_of(model.network, ROWS, "squared_error").objective
    assert model.plan_for(inputs, link=True) is not plan
    np.testing.assert_allclose(model.predict_proba(ROWS), linked(model, ROWS), rtol=2e-5)
    with kernels.dispatch.aside():
        assert model.plan_for(inputs, link=True) is None
    with jax.enable_x64(True):
        assert model.plan_for(inputs, link=True) is None
    assert model.plan_for(inputs, link=True) is not None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)), replace])
def test_copies_of_a_model_make_their_own(copied):
    model = small()
    before = model.predict_proba(ROWS)
    np.testing.assert_array_equal(copied(model).predict_proba(ROWS), before)
    assert copied(model)._plans is not model._plans


def test_many_examples_lengths_and_draws_go_through_jax():
    model = untrained("steps")
    many = np.tile(STEPS, (20, 1, 1))
    assert model.plan_for(model._inputs(many, None)) is None
    assert model.plan_for(model._inputs(STEPS, np.full(6, 4))) is None
    np.testing.assert_allclose(model.predict_proba(many)[:6], model.predict_proba(STEPS), rtol=1e-4, atol=1e-6)


@dataclass(frozen=True)
class Doubled(ng.Dense):
    """Another way forward than the one that `single` describes."""

    def forward(self, params, x, context):
        a, saved = super().forward(params, x, context)
        return 2 * a, saved


@dataclass(frozen=True)
class Steeper(ng.Tanh):
    """Another curve than the one that `bend` describes."""

    def f(self, z):
        return jnp.tanh(3 * z)


@dataclass(frozen=True)
class OfSquares(SquaredError):  # noqa: N818
    """A loss with a link of its own."""

    def link(self, output):
        return output**2


def forked():
    x = ng.Input()
    h = ng.Dense(2)(x)
    return ng.Network(x, ng.Add()(h, ng.Dense(2)(h)))


def crossed():
    x = ng.Input()
    h = ng.Dense(2)(x)
    return ng.Network(x, {"a": h, "b": ng.Dense(2)(h)})


@pytest.mark.parametrize(
    "net",
    [
        ng.Sequential([Doubled(2)]),
        ng.Sequential([ng.Dense(2, activation=Steeper())]),
        ng.Sequential([Steeper()]),
        ng.Sequential([ng.Dense(2), ng.LayerNorm()]),
        ng.Sequential([ng.Flatten()]),
        ng.Sequential([ng.Dense(4000), ng.Dense(2000)]),
        forked(),
        crossed(),
    ],
    ids=["forward", "curve", "curve alone", "unknown layer", "nothing", "too large", "forked", "several outputs"],
)
def test_what_does_not_say_how_goes_through_jax(net):
    params = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), net.param_shapes((5,)))
    assert plan_of(net, params, {}, (5,), None) is None


def test_so_does_a_loss_with_a_link_of_its_own_and_what_kernels_do_not_compute():
    model = model_of(ng.Sequential([ng.Dense(2)]), ROWS, OfSquares())
    assert model.plan_for(model._inputs(ROWS, None)) is not None
    assert model.plan_for(model._inputs(ROWS, None), link=True) is None
    np.testing.assert_allclose(model.predict_proba(ROWS), model.outputs(ROWS).popitem()[1] ** 2, rtol=1e-5)
    half = jax.tree.map(lambda p: p.astype(jnp.bfloat16), model.params)
    assert plan_of(model.network, half, {}, (5,), None) is None
    with kernels.dispatch.aside():
        assert plan_of(model.network, model.params, {}, (5,), None) is None


def test_in_float64_nothing_is_rounded(x64):
    model = model_of(ng.Sequential([ng.Dense(2)]), ROWS, "squared_error")
    net, params, state = model.network, model.params, model.state
    assert plan_of(net, params, state, (5,), None) is None


def test_views_of_parameters_are_seen():
    net = ng.Sequential([ng.Dense(3, activation="tanh", name="in"), ng.Dense(5, name="out")])
    net = net.tied("out/W", "in/W", transposed=True).masked("in/W", np.arange(15).reshape(5, 3) % 2)
    model = model_of(net, ROWS, "squared_error")
    assert model.plan_for(model._inputs(ROWS, None)) is not None
    np.testing.assert_allclose(model.predict(ROWS), linked(model, ROWS), rtol=2e-5, atol=1e-6)


def test_what_comes_out_not_finite_is_warned_of_and_inputs_are_checked():
    model = untrained("rows")
    model.params["dense_1"]["W"] = model.params["dense_1"]["W"].at[0, 0].set(jnp.nan)
    with pytest.warns(ng.NetgradWarning, match="is not finite for 1 of 1 examples"):
        model.predict_proba(ROWS[:1])
    with pytest.raises(ng.DataError, match="has 1 value that is not finite"):
        model.predict(np.where(np.arange(5) == 2, np.nan, ROWS[:1]))
    with pytest.raises(ng.ShapeError, match="do not fit this model"):
        model.predict(ROWS[:1, :4])
