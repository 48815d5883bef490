"""Activation kernels: accuracy in units in the last place, and what is not finite."""

import jax
import numpy as np
import pytest

from netgrad import kernels

pytestmark = pytest.mark.sanitize

CASES = {
    "tanh": (kernels.tanh, np.tanh),
    "logistic": (kernels.logistic, lambda z: 1 / (1 + np.exp(-z))),
}


@pytest.mark.parametrize("name", CASES)
def test_within_four_units_in_the_last_place(name):
    function, exact = CASES[name]
    z = np.concatenate([np.linspace(-87, 90, 300_001), np.linspace(-2, 2, 300_001), np.geomspace(1e-37, 1, 1001)])
    z = z.astype(np.float32)
    expected = exact(z.astype(np.float64))
    error = np.abs(np.asarray(jax.jit(function)(z)) - expected) / np.spacing(np.abs(expected).astype(np.float32))
    assert error.max() <= 4


@pytest.mark.parametrize("name", CASES)
def test_nan_and_infinity(name):
    function, exact = CASES[name]
    z = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(function(z), exact(z))


@pytest.mark.parametrize("n", [0, 1, 3, 15, 16, 17, 16384, 16385, 50_001])
def test_every_length(n):
    z = np.linspace(-3, 3, n, dtype=np.float32)
    np.testing.assert_allclose(kernels.tanh(z), np.tanh(z), rtol=5e-7)
