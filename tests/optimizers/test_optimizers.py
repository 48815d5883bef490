"""Every optimiser learns three small tasks and gives the same bits twice; ours are what they claim to be."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

import netgrad as ng
from netgrad.experiments import power_plant
from netgrad.optimizers import OPTIMIZERS
from netgrad.optimizers.second_order import normal_matrix
from netgrad.training.linearise import linearise
from netgrad.training.objective import gradients

# Each four examples six times over, so that all tasks have one shape and each optimiser is compiled once.
XOR = np.tile([[0, 0], [0, 1], [1, 0], [1, 1]], (6, 1)), np.tile([0.0, 1, 1, 0], 6)
PLANT = np.tile(power_plant.X, (6, 1)), np.tile(power_plant.Y, 6)
RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (24, 2))
CURVE = X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2


def net():
    return ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])


def train(optimizer, data, epochs=2000, **settings):
    settings = {"batch_size": None, "epochs_per_call": 500, "loss": "squared_error", "seed": 1} | settings
    return ng.fit(net(), *data, optimizer=optimizer, epochs=epochs, **settings)


def bits(model):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(model.params)])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learns(name):
    """XOR, the power plant and a regression, in one compiled scan over the epochs; the same bits twice."""
    xor = train(name, XOR)
    assert (xor.predict(XOR[0]).round() == XOR[1]).all()
    assert train(name, PLANT).evaluate(*PLANT)["r2"] > 0.5
    assert train(name, CURVE).evaluate(*CURVE)["r2"] > 0.8
    np.testing.assert_array_equal(bits(train(name, XOR)), bits(xor))


def quadratic():
    A = jnp.asarray(RNG.normal(size=(4, 4)), jnp.float32)
    A = A @ A.T + jnp.eye(4)
    target = jnp.arange(4.0)
    return lambda w: 0.5 * (w - target) @ A @ (w - target), target


def follow(optimizer, f, w, steps):
    state = optimizer.init(w)
    path = [w]

    @jax.jit
    def step(w, state):
        value, g = jax.value_and_grad(f)(w)
        updates, state = optax.with_extra_args_support(optimizer).update(g, state, w, value=value, grad=g, value_fn=f)
        return w + updates, state

    for _ in range(steps):
        w, state = step(w, state)
        path.append(w)
    return path


@pytest.mark.parametrize("name", ["conjugate_gradient", "scaled_conjugate_gradient"])
def test_conjugate_gradients_solve_a_quadratic_in_as_many_steps_as_it_has_dimensions(name):
    with jax.enable_x64(True):
        f, target = quadratic()
        at = follow(OPTIMIZERS[name][0](), f, jnp.zeros(4, float), 4 if name != "conjugate_gradient" else 8)[-1]
        np.testing.assert_allclose(at, target, atol=1e-4)


def test_memoryless_quasi_newton_is_the_formula():
    """d = -H g with H of one step, s and y, on the scaled identity."""
    with jax.enable_x64(True):
        f, _ = quadratic()
        optimizer = OPTIMIZERS["memoryless_quasi_newton"][0]()
        path = follow(optimizer, f, jnp.zeros(4, float), 3)
        g = [jax.grad(f)(w) for w in path]
        s, y = path[2] - path[1], g[2] - g[1]
        r, eye = 1 / (s @ y), jnp.eye(4)
        H = (eye - r * jnp.outer(s, y)) @ (eye - r * jnp.outer(y, s)) * (s @ y) / (y @ y) + r * jnp.outer(s, s)
        d, moved = -H @ g[2], path[3] - path[2]
        np.testing.assert_allclose(moved / jnp.linalg.norm(moved), d / jnp.linalg.norm(d), atol=1e-6)


def test_delta_bar_delta_by_hand():
    optimizer = ng.optimizers.delta_bar_delta(0.1, kappa=0.5, phi=0.25, theta=0.5)
    state, steps = optimizer.init(jnp.zeros(())), []
    for g in (1.0, 1.0, -1.0, 0.0, -1.0):
        step, state = optimizer.update(jnp.asarray(g), state)
        steps.append(float(step))
    # Gains 1, 1.5, 1.5 * 0.75; the average is 0.5, 0.75, -0.125, -0.0625 and agrees with the last.
    np.testing.assert_allclose(steps, [-0.1, -0.15, 0.1125, 0, 0.1 * (1.125 + 0.5)], rtol=1e-5)


def test_quickprop_jumps_to_the_minimum_of_a_parabola():
    f = lambda w: 2 * (w - 3) ** 2  # noqa: E731
    path = follow(ng.optimizers.quickprop(0.2, growth=100.0), f, jnp.zeros(()), 2)
    # The second step goes downhill still, so gradient descent is added: parabola 3 - 2.4, plus 0.2 * 2.4.
    np.testing.assert_allclose(path, [0, 2.4, 3 + 0.48], rtol=1e-5)
    held_back = follow(ng.optimizers.quickprop(0.01, growth=1.75), f, jnp.zeros(()), 2)
    np.testing.assert_allclose(held_back[2] - held_back[1], 1.75 * 0.12 + 0.01 * 11.52, rtol=1e-4)


def setting(network, x, y, lengths=None):
    model = ng.untrained(network, x, y, loss="squared_error", lengths=lengths)
    return model, jax.tree.map(jnp.asarray, model.batch(x, y, lengths=lengths))


def look(model, batch):
    network, objective = model.network, model.objective
    both = jax.jit(
        lambda p: (linearise(network, objective, p, {}, batch, None), gradients(network, objective, p, {}, batch, None))
    )
    here, looked = both(model.params)
    return here, looked.loss, looked.params


def test_the_jacobian_is_that_of_the_outputs():
    """J' V r is the gradient and J is jax.jacrev's; also for sequences of different lengths."""
    with jax.enable_x64(True):
        model, batch = setting(ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)]), X, np.c_[X, X][:, 1:3])
        here, loss, gradient = look(model, batch)
        for J, g in zip(jax.tree.leaves(here.jacobian), jax.tree.leaves(gradient), strict=True):
            np.testing.assert_allclose(jnp.tensordot(here.weights * here.residuals, J, 1), g, atol=1e-12)
        np.testing.assert_allclose(0.5 * here.weights @ here.residuals**2, loss, rtol=1e-12)
        plain = jax.jit(jax.jacrev(lambda p: ng.apply(model.network, p, batch.x)["dense_2"].ravel()))(model.params)
        for a, b in zip(jax.tree.leaves(here.jacobian), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-12)

        sequences = RNG.normal(size=(5, 4, 2))
        recurrent = ng.Sequential([ng.RNN(3), ng.Dense(1)])
        here, _, gradient = look(*setting(recurrent, sequences, sequences[..., 0], [4, 1, 2, 3, 4]))
        for J, g in zip(jax.tree.leaves(here.jacobian), jax.tree.leaves(gradient), strict=True):
            np.testing.assert_allclose(jnp.tensordot(here.weights * here.residuals, J, 1), g, atol=1e-12)


def test_levenberg_marquardt_is_newton_on_a_linear_network():
    with jax.enable_x64(True):
        linear = ng.Sequential([ng.Dense(1)])
        least = np.linalg.lstsq(np.c_[X, np.ones(24)], CURVE[1], rcond=None)[0]
        for name in ("levenberg_marquardt", "gauss_newton"):
            model = ng.fit(linear, *CURVE, optimizer=name, batch_size=None, epochs=6)
            np.testing.assert_allclose(ravel_pytree(model.params)[0], least, atol=1e-6)


@pytest.mark.parametrize("name", ["newton", "gauss_newton", "levenberg_marquardt"])
def test_second_order_methods_find_the_logistic_regression(name):
    """Of classes that overlap, with two and three of them: the weights that make the gradient 0, in a few steps."""
    x, noise = np.random.default_rng(0).normal(size=(24, 2)), np.random.default_rng(2).normal(size=24)
    y = (x[:, 0] + 0.5 * noise > 0).astype(int)
    with jax.enable_x64(True):
        for net_, target in ((ng.Sequential([ng.Dense(1)]), y), (ng.Sequential([ng.Dense(3)]), y + (x[:, 1] > 0.5))):
            model = ng.fit(net_, x, target, optimizer=name, batch_size=None, epochs=40, epochs_per_call=40, seed=1)
            assert model.history.rows[-1]["grad_norm"] < 1e-8


def test_newton_steps_to_the_minimum_of_a_quadratic_and_leaves_what_is_frozen():
    """One step of a linear network under squared error and L2; the frozen bias stays."""
    with jax.enable_x64(True):
        linear = ng.Sequential([ng.Dense(1, bias_initializer=ng.Constant(0.3))]).frozen("dense_1/b")
        model = ng.fit(linear, *CURVE, optimizer=ng.optimizers.newton(), penalty=ng.L2(0.1), batch_size=None, epochs=1)
        ridge = np.linalg.solve(X.T @ X / 24 + 0.1 * np.eye(2), X.T @ (CURVE[1] - 0.3) / 24)
        np.testing.assert_allclose(model.params["dense_1"]["W"][:, 0], ridge, atol=1e-10)
        assert model.params["dense_1"]["b"] == 0.3


def test_newton_goes_down_where_the_hessian_is_not_positive_definite():
    f = lambda w: (w[0] ** 2 - 1) ** 2 / 4 + w[1] ** 2  # noqa: E731 - at w[0] = 0.1 it curves down

    def step(w, state):
        value, g = jax.value_and_grad(f)(w)
        curve = lambda v: jax.hessian(f)(w) @ v  # noqa: E731
        return optimizer.update(g, state, w, value=value, grad=g, value_fn=lambda w, curve=None: f(w), curve=curve)

    optimizer, w = ng.optimizers.newton(), jnp.array([0.1, 1.0])
    assert jax.hessian(f)(w)[0, 0] < 0
    state = optimizer.init(w)
    for _ in range(15):
        updates, state = jax.jit(step)(w, state)
        assert f(w + updates) <= f(w)
        w = w + updates
    np.testing.assert_allclose(w, [1, 0], atol=1e-3)


def test_meka_is_recursive_least_squares_on_a_linear_unit():
    """One unit, one example a step, no drift: the filter's answer is ridge regression with its prior."""
    with jax.enable_x64(True):
        linear = ng.Sequential([ng.Dense(1)])
        start = ng.untrained(linear, *CURVE)
        w0 = np.r_[start.params["dense_1"]["W"][:, 0], start.params["dense_1"]["b"]]
        filtered = ng.fit(linear, *CURVE, optimizer=ng.optimizers.meka(10.0, 0.1, 0.0), batch_size=1, epochs=1)
        A = np.c_[X, np.ones(24)]
        ridge = w0 + np.linalg.solve(A.T @ A / 0.1 + np.eye(3) / 10, A.T @ (CURVE[1] - A @ w0) / 0.1)
        W, b = filtered.params["dense_1"]["W"], filtered.params["dense_1"]["b"]
        np.testing.assert_allclose(np.r_[W[:, 0], b], ridge, atol=1e-9)
        at_once = ng.fit(linear, *CURVE, optimizer=ng.optimizers.meka(10.0, 0.1, 0.0), batch_size=None, epochs=1)
        np.testing.assert_allclose(ravel_pytree(at_once.params)[0], ravel_pytree(filtered.params)[0], atol=1e-9)


def test_the_normal_matrix_is_symmetric_and_not_negative():
    matrix = normal_matrix(look(*setting(net(), *CURVE))[0])
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)
    assert np.linalg.eigvalsh(matrix).min() > -1e-5


def test_rates_by_layer():
    frozen = optax.set_to_zero()
    start = ng.untrained(net(), *CURVE, loss="squared_error", seed=1)
    model = train(ng.optimizers.layerwise({"dense_1": frozen}, optax.sgd(0.1)), CURVE, epochs=2)
    np.testing.assert_array_equal(model.params["dense_1"]["W"], start.params["dense_1"]["W"])
    one = train("sgd", CURVE, epochs=3, learning_rate={"dense_1": 0.03, "dense_2": 0.1})
    two = train(ng.optimizers.layerwise({"dense_1": optax.sgd(0.03)}, optax.sgd(0.1)), CURVE, epochs=3)
    np.testing.assert_array_equal(bits(one), bits(two))


LABELS = (X.sum(1) > 0).astype(int)
BAD = {
    "a rate for a line search": (lambda: train("lbfgs", CURVE, learning_rate=0.1), "lbfgs finds the length"),
    "clipping a line search": (lambda: train("meka", CURVE, clip_norm=1.0), "leave clip_norm out"),
    "Levenberg-Marquardt without a curvature": (
        lambda: train("levenberg_marquardt", CURVE, loss="huber"), "'huber' says no curvature"),
    "MEKA on classes": (
        lambda: ng.fit(ng.Sequential([ng.Dense(2)]), X, LABELS, optimizer="meka"), "meka needs squared error"),
    "MEKA with a penalty": (lambda: train("meka", CURVE, penalty="l2"), "no place for penalties"),
    "dropout": (
        lambda: ng.fit(ng.Sequential([ng.Dropout(), ng.Dense(1)]), *CURVE, optimizer="meka"), "leave dropout"),
    "noise on the weights": (
        lambda: train("gauss_newton", CURVE, weight_noise=0.1), "leave dropout and noise"),
    "statistics of a batch": (
        lambda: ng.fit(ng.Sequential([ng.BatchNorm(), ng.Dense(1)]), *CURVE, optimizer="gauss_newton"), "one example"),
    "a rate for a layer that is not there": (
        lambda: train("sgd", CURVE, learning_rate={"dense_3": 0.1}), "did you mean"),
    "a negative rate for a layer": (
        lambda: train("sgd", CURVE, learning_rate={"dense_1": -0.1}), "must be positive"),
    "a matrix beyond memory": (
        lambda: ng.fit(ng.Sequential([ng.Dense(20_000), ng.Dense(2)]), X, X, optimizer="gauss_newton"), "GiB"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
