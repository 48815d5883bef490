"""The cross-entropies' kernels against the equations in float64, and what is extreme, padded or not finite."""

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels
from netgrad.losses import Loss

LOSSES = {"logistic_cross_entropy": ng.BinaryCrossEntropy(), "softmax_cross_entropy": ng.SoftmaxCrossEntropy()}


def problem(loss, seed, n, steps, units, size=3.0):
    """Logits, targets and weights of some padding, all float32 but the class numbers."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=size, size=(n, steps, units)).astype(np.float32)
    if loss.task == "multilabel":
        target = rng.uniform(size=logits.shape).astype(np.float32)
    else:
        target = rng.integers(0, units, (n, steps)).astype(np.int32)
    weight = (rng.uniform(size=(n, steps)) * (rng.uniform(size=(n, steps)) < 0.8)).astype(np.float32)
    return logits, target, weight


def exact(loss, logits, target, weight):
    """The sum of the weighted errors, and the weighted deltas, in float64."""
    z = logits.astype(float)
    if loss.task == "multilabel":
        value, delta = (np.logaddexp(0, z) - z * target).sum(-1), 1 / (1 + np.exp(-z)) - target
    else:
        wanted = np.eye(z.shape[-1])[target]
        log_sum = np.logaddexp.reduce(z, axis=-1)
        value, delta = log_sum - (z * wanted).sum(-1), np.exp(z - log_sum[..., None]) - wanted
    weight = np.broadcast_to(np.asarray(weight, float), value.shape)
    return (weight * value).sum(), weight[..., None] * delta


@pytest.mark.skipif(not kernels.status().active, reason=str(kernels.status()))
@pytest.mark.parametrize("name", LOSSES)
def test_sequences_run_the_kernel(name):
    logits, target, weight = problem(LOSSES[name], 0, 2, 3, 4)
    assert f"netgrad_{name}" in jax.jit(LOSSES[name].weighted).lower(logits, target, weight).as_text()


@pytest.mark.sanitize
@pytest.mark.parametrize("name", LOSSES)
@hypothesis.given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 99))
@hypothesis.settings(max_examples=20)
def test_agrees_with_the_equations(name, n, steps, units, equal, seed):
    loss = LOSSES[name]
    logits, target, weight = problem(loss, seed, n, steps, units)
    weight = np.float32(0.3) if equal else weight
    error, delta = loss.weighted(*map(jnp.asarray, (logits, target, weight)))
    expected_error, expected_delta = exact(loss, logits, target, weight)
    np.testing.assert_allclose(error, expected_error, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(delta, expected_delta, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_each_error_is_exact_also_where_it_is_tiny(name):
    z = np.concatenate([np.linspace(-80, 80, 41), np.geomspace(1e-6, 1, 20)]).astype(np.float32)
    loss = LOSSES[name]
    for one in z:
        logits = np.array([[[one]]] if loss.task == "multilabel" else [[[one, 0]]], np.float32)
        target = np.ones_like(logits) if loss.task == "multilabel" else np.zeros((1, 1), np.int32)
        error, _ = loss.weighted(jnp.asarray(logits), jnp.asarray(target), jnp.float32(1))
        # A softmax adds 1 before it takes the logarithm, and so rounds to a unit in the last place of 1.
        atol = 0 if loss.task == "multilabel" else 1.2e-7
        np.testing.assert_allclose(error, np.logaddexp(0, -float(one)), rtol=1e-6, atol=atol)


@pytest.mark.sanitize
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_stay_finite_and_padding_has_no_effect(name):
    loss = LOSSES[name]
    logits, target, weight = problem(loss, 1, 19, 5, 3, size=1e4)
    logits[weight == 0] = np.nan
    error, delta = loss.weighted(*map(jnp.asarray, (logits, target, weight)))
    assert np.isfinite(error)
    assert np.isfinite(delta).all()
    assert (np.asarray(delta)[weight == 0] == 0).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_finite_shows_as_in_the_reference(name, value):
    loss = LOSSES[name]
    for unit in range(3):
        logits, target, _ = problem(loss, 2, 17, 2, 3)
        logits[16, 1, unit] = value
        arguments = jnp.asarray(logits), jnp.asarray(target), jnp.float32(1)
        for ours, reference in zip(loss.weighted(*arguments), Loss.weighted(loss, *arguments), strict=True):
            np.testing.assert_array_equal(np.isnan(ours), np.isnan(reference))
            np.testing.assert_array_equal(np.isinf(ours), np.isinf(reference))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_delta(name):
    loss = LOSSES[name]
    logits, target, weight = map(jnp.asarray, problem(loss, 3, 5, 4, 3))
    gradient = jax.grad(lambda z: loss.weighted(z, target, weight)[0])(logits)
    np.testing.assert_allclose(gradient, loss.weighted(logits, target, weight)[1], rtol=0, atol=1e-6)
