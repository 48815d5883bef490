"""Dropout and noise: what is drawn, what stays the same on average, and that prediction is left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

TRAINING = ng.Context(training=True, key=jax.random.key(0))
X = jnp.asarray(np.random.default_rng(0).normal(size=(200, 50)), jnp.float32)


def test_every_example_has_its_own_mask_of_the_right_share():
    _, saved = ng.Dropout(0.2).forward({}, X, TRAINING)
    dropped = np.asarray(saved["mask"]) == 0
    assert abs(dropped.mean() - 0.2) < 0.02
    assert len({tuple(row) for row in dropped}) > 190
    np.testing.assert_allclose(saved["mask"][~dropped], 1 / 0.8, rtol=1e-6)


@pytest.mark.parametrize("classic", [False, True])
def test_the_mean_over_masks_is_the_prediction(classic):
    layer = ng.Dropout(0.4, classic=classic)
    draw = jax.jit(jax.vmap(lambda key: layer.forward({}, X, ng.Context(training=True, key=key))[0]))
    draws = np.asarray(draw(jax.random.split(jax.random.key(1), 2000)))
    predicted = np.asarray(layer.forward({}, X, ng.Context())[0])
    np.testing.assert_allclose(predicted, X * 0.6 if classic else X, rtol=1e-6)
    # Every mean within 6 of its own standard errors: it does not fail by chance.
    error = draws.std(0) / np.sqrt(2000)
    assert (np.abs(draws.mean(0) - predicted) <= 6 * error + 1e-6).all()


def test_no_gradient_passes_what_was_dropped():
    layer = ng.Dropout(0.5)
    _, saved = layer.forward({}, X, TRAINING)
    back = layer.backward({}, saved, jnp.ones_like(X))
    np.testing.assert_array_equal(back.d_in, saved["mask"])
    np.testing.assert_array_equal(back.delta == 0, saved["mask"] == 0)


def test_a_weight_behind_a_dropped_unit_is_not_updated():
    """One example, full batch: rows of W whose unit was dropped keep their values (Kelleher 8.4.4)."""
    net = ng.Sequential([ng.Dropout(0.5), ng.Dense(2)])
    x = np.ones((1, 30))
    start = ng.untrained(net, x, [0], loss="softmax_cross_entropy")
    model = ng.fit(start, x, [0], epochs=1, optimizer="sgd")
    same = (np.asarray(model.params["dense_1"]["W"]) == np.asarray(start.params["dense_1"]["W"])).all(1)
    assert 3 < same.sum() < 27


def test_noise_has_its_variance_and_is_not_in_predictions():
    layer = ng.GaussianNoise(0.25)
    a, saved = layer.forward({}, X, TRAINING)
    assert abs(np.var(saved["noise"]) - 0.25) < 0.02
    np.testing.assert_array_equal(a, X + saved["noise"])
    for context in (ng.Context(), ng.Context(key=jax.random.key(0))):
        np.testing.assert_array_equal(layer.forward({}, X, context)[0], X)


def test_monte_carlo_prediction_has_the_spread_of_the_masks():
    """A linear unit with weights 1 on n inputs of value 1: the spread of its sum is sqrt(n rate / (1 - rate))."""
    net = ng.Sequential([ng.Dropout(0.2), ng.Dense(1, initializer=ng.Constant(1.0))])
    x = np.ones((3, 16))
    model = ng.untrained(net, x, np.zeros(3))
    mean, spread = model.monte_carlo(x, samples=500)
    np.testing.assert_allclose(mean, 16, atol=0.5)
    np.testing.assert_allclose(spread, 2, rtol=0.15)
    assert (model.predict(x) == 16).all()
    again, _ = model.monte_carlo(x, samples=500)
    np.testing.assert_array_equal(again, mean)


def test_monte_carlo_keeps_batch_statistics_and_says_where_nothing_is_random():
    net = ng.Sequential([ng.Dense(2), ng.BatchNorm(), ng.GaussianNoise(), ng.Dense(2)])
    model = ng.fit(net, X, np.arange(200) % 2, epochs=1)
    with pytest.warns(ng.NetgradWarning, match="no dropout"):
        mean, _ = model.monte_carlo(X, samples=2)
    np.testing.assert_allclose(mean, model.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ng.Dropout(1.0), r"rate.* \[0, 1\), found 1.0"),
        (lambda: ng.Dropout(-0.1), r"\[0, 1\), found -0.1"),
        (lambda: ng.Dropout("half"), "found half"),
        (lambda: ng.GaussianNoise(-1), "at least 0, found -1"),
        (lambda: ng.untrained(ng.Sequential([ng.Dense(1)]), X, X[:, 0]).monte_carlo(X, samples=1), "at least 2"),
    ],
)
def test_one_line(make, message):
    with pytest.raises(ng.NetgradError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
