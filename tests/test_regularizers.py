"""Every registered penalty: its gradient is the derivative of its value, and biases stay free."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.registry import KINDS
from netgrad.regularizers import View, WeightPenalty

PARAMS = {
    "dense_1": {"W": np.array([[0.5, -1.2], [2.0, 0.1]]), "b": np.array([3.0, -4.0])},
    "prelu_1": {"slope": np.array([0.25])},
    "lstm_1": {"forget_gate": {"W_x": np.array([[1.5]]), "b": np.array([3.0])}},
}
X = np.random.default_rng(0).normal(size=(12, 2))


@pytest.mark.parametrize("name", [name for name, cls in KINDS["penalty"].items() if issubclass(cls, WeightPenalty)])
def test_every_penalty_on_weights(name, x64):
    penalty = KINDS["penalty"][name]()
    params = jax.tree.map(jnp.asarray, PARAMS)
    ours, auto = penalty.gradient(params), jax.grad(penalty.value)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), ours, auto)
    assert penalty.value(params) > 0
    assert (ours["dense_1"]["b"] == 0).all()
    assert (ours["prelu_1"]["slope"] == 0).all()
    assert (ours["lstm_1"]["forget_gate"]["W_x"] != 0).all()
    assert (ours["lstm_1"]["forget_gate"]["b"] == 0).all()


def test_a_penalty_on_some_layers_leaves_the_others_free():
    params = jax.tree.map(jnp.asarray, PARAMS)
    penalty = ng.L2(0.1, layers="lstm_1")
    assert float(penalty.value(params)) == pytest.approx(0.05 * 1.5**2)
    gradient = penalty.gradient(params)
    assert (gradient["dense_1"]["W"] == 0).all()
    np.testing.assert_allclose(gradient["lstm_1"]["forget_gate"]["W_x"], 0.15)


def test_weight_elimination_counts_weights():
    """A weight of w0 counts half, a large one one, whatever its size (Pattipati, weight eliminator)."""
    penalty = ng.WeightElimination(alpha=1.0, w0=0.5)
    np.testing.assert_allclose(penalty.of(jnp.array([0.0, 0.5, -0.5, 50.0])), [0, 0.5, 0.5, 1], atol=1e-3)
    assert penalty.slope(jnp.array(50.0)) < 1e-3


def view_of(outputs, reduction="mean"):
    return View(outputs, {"x": jnp.asarray(X)}, reduction)


def test_curvature_of_a_known_function(x64):
    """a = w x0^2 + x1^3 bends by 2w and 6 x1, whatever x0 is."""

    def outputs(params, x):
        x = x["x"]
        return {"a": params["d"]["W"] * x[:, :1] ** 2 + x[:, 1:] ** 3}

    params = {"d": {"W": jnp.array(1.5)}}
    by_hand = 0.5 * 0.1 * (9 + 36 * X[:, 1] ** 2)
    penalty = ng.CurvatureSmoothing(0.1)
    np.testing.assert_allclose(penalty.value(params, view_of(outputs)), by_hand.mean(), rtol=1e-12)
    np.testing.assert_allclose(penalty.value(params, view_of(outputs, "sum")), by_hand.sum(), rtol=1e-12)
    np.testing.assert_allclose(penalty.gradient(params, view_of(outputs))["d"]["W"], 0.1 * 4 * 1.5, rtol=1e-12)


def curvature(model, x, h=1e-2):
    low, mid, high = (model.predict(x + by) for by in (-h, 0, h))
    return np.mean(((low - 2 * mid + high) / h**2) ** 2)


def test_curvature_smoothing_smooths():
    """A wave fitted with and without: the smoothed one bends less, measured by differences."""
    x = np.linspace(-1, 1, 40)[:, None]
    y = np.sin(6 * x)
    net = ng.Sequential([ng.Dense(8, activation="tanh", initializer=ng.Normal(3.0)), ng.Dense(1)])
    settings = {"batch_size": None, "epochs": 200, "epochs_per_call": 200, "learning_rate": 0.02}
    free = ng.fit(net, x, y, **settings)
    smooth = ng.fit(net, x, y, penalty=ng.CurvatureSmoothing(1e-3), **settings)
    assert curvature(smooth, x) < 0.5 * curvature(free, x)


def test_curvature_needs_a_network():
    with pytest.raises(ng.NetgradError, match="with a network"):
        ng.CurvatureSmoothing().value(PARAMS)


def test_the_gradient_of_a_step_contains_penalties_that_see_the_network(x64):
    """The objective's own derivative, with a layer that mixes examples, dropout and noise on the weights."""
    from netgrad.training.objective import gradients, loss

    net = ng.Sequential([ng.Dense(3), ng.BatchNorm(), ng.Tanh(), ng.Dropout(), ng.Dense(1)])
    model = ng.untrained(net, X, X[:, 0], penalty=[ng.CurvatureSmoothing(0.3), ng.L1(0.1, layers=("dense_2",))])
    objective = type(model.objective)(model.objective.terms, model.objective.penalties, "mean", weight_noise=0.1)
    batch = jax.tree.map(jnp.asarray, model.batch(X, X[:, 0]))
    args = (net, objective), (model.state, batch, jax.random.key(3))
    ours = jax.jit(lambda p: gradients(*args[0], p, *args[1]))(model.params)
    auto = jax.jit(jax.value_and_grad(lambda p: loss(*args[0], p, *args[1])))(model.params)
    np.testing.assert_allclose(ours.loss, auto[0], rtol=1e-12)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12), ours.params, auto[1])
