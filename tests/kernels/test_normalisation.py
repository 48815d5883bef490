"""Batch normalisation of maps: the same numbers by kernel and by the reference, both ways, and nothing turned round."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netgrad as ng
from netgrad import kernels
from netgrad.kernels.normalisation import batch_norm_backward, batch_norm_forward
from netgrad.network import fused
from netgrad.training.objective import gradients

pytestmark = pytest.mark.sanitize

EPSILON = 1e-3


def problem(shape, seed=0, mean=2.0):
    """x, gamma, beta and dE/da of that shape."""
    rng = np.random.default_rng(seed)
    units = shape[-1:]
    arrays = rng.normal(mean, 3, shape), rng.normal(size=units), rng.normal(size=units), rng.normal(size=shape)
    return tuple(jnp.asarray(a, jnp.float32) for a in arrays)


def both_ways(x, gamma, beta, d_out, rectified):
    a, mean, variance = batch_norm_forward(x, gamma, beta, EPSILON, rectified)
    return a, mean, variance, *batch_norm_backward(x, gamma, beta, mean, variance, d_out, EPSILON, rectified)


def close(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(1e-6, np.abs(theirs).max()))


@settings(deadline=None, max_examples=8)
@given(st.integers(4, 70), st.lists(st.integers(1, 5), min_size=1, max_size=2), st.integers(1, 70), st.booleans())
def test_kernel_and_reference_agree(n, positions, channels, rectified):
    arrays = problem((n, *positions, channels))
    with kernels.aside():
        expected = jax.jit(partial(both_ways, rectified=rectified))(*arrays)
    close(jax.jit(partial(both_ways, rectified=rectified))(*arrays), expected, 2e-5)


@pytest.mark.parametrize("shape", [(64, 33, 31, 3), (5, 1, 1, 300), (40000, 2, 1), (17, 80, 2, 65)])
def test_the_reference_is_the_equations(shape):
    """Blocks of positions, of channels, and rows longer than a block: in float64 by NumPy."""
    arrays = problem(shape)
    x, gamma, beta, d = (np.asarray(a, float) for a in arrays)
    axes, count = tuple(range(x.ndim - 1)), x.size // shape[-1]
    mean, variance = x.mean(axes), x.var(axes, ddof=1)
    u = (x - mean) / np.sqrt(variance + EPSILON)
    d_beta, d_gamma = d.sum(axes), (d * u).sum(axes)
    d_x = gamma / np.sqrt(variance + EPSILON) * (d - d_beta / count - u * d_gamma / (count - 1))
    for _ in range(2):
        found = jax.jit(both_ways, static_argnums=4)(*arrays, False)
        close(found[:4], (gamma * u + beta, mean, variance, d_x), 5e-6)
        for ours, exact in zip(found[4:], (d_gamma, d_beta), strict=True):
            np.testing.assert_allclose(ours, exact, rtol=0, atol=5e-6 * count**0.5)


def test_a_mean_far_from_zero_costs_no_digits_of_the_variance():
    x, *rest = problem((64, 16, 16, 2), mean=0.0)
    found = batch_norm_forward(x + 3e4, *rest[:2], EPSILON)
    exact = np.asarray(x + 3e4, float)
    np.testing.assert_allclose(found[2], exact.var((0, 1, 2), ddof=1), rtol=1e-5)
    np.testing.assert_allclose(found[1], exact.mean((0, 1, 2)), rtol=1e-7)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_channel(bad):
    x, *rest = problem((6, 3, 3, 4))
    for found in both_ways(x.at[2, 1, 1, 3].set(bad), *rest, True)[:3]:
        assert np.isnan(found[..., 3]).all()
        assert np.isfinite(found[..., :3]).all()


def test_derivatives_go_through_the_reference():
    x, gamma, beta, d_out = problem((6, 2, 2, 3))
    _, back = jax.vjp(lambda *p: batch_norm_forward(*p, EPSILON)[0], x, gamma, beta)
    close(both_ways(x, gamma, beta, d_out, False)[3:], back(d_out), 1e-5)


def test_nothing_is_turned_between_convolution_and_normalisation():
    if not kernels.active("batch_norm_forward"):
        pytest.skip(str(kernels.status()))
    net = ng.Sequential([ng.Conv(4, 3, bias=False), ng.BatchNorm(), ng.ReLU(), ng.Conv(4, 3), ng.GlobalPool()])
    x = np.random.default_rng(0).normal(size=(9, 8, 8, 3))
    model = ng.untrained(ng.Sequential([net, ng.Dense(2)]), x, np.arange(9) % 2)
    batch = model.batch(x, np.arange(9) % 2)
    text = jax.jit(
        lambda p, s: gradients(fused(model.network), model.objective, p, s, batch, jax.random.key(0))[:2]
    ).lower(model.params, model.state).compile().as_text()  # fmt: skip
    for name in ("forward", "backward"):
        assert text.count(f'custom_call_target="netgrad_batch_norm_{name}"') == 1
    assert not re.search(r"= f32\[9,6,6,4\]\S* (copy|maximum)\(", text)
