"""Examples along the last axis in memory: the same numbers, and no copy left for XLA before a convolution."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import netgrad as ng
from netgrad import kernels
from netgrad.network.execution import forward

pytestmark = pytest.mark.sanitize


@given(st.integers(0, 70), st.lists(st.integers(1, 23), max_size=3))
def test_the_numbers_stay(n, shape):
    x = np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)
    x.flat[: x.size // 3] = np.nan
    np.testing.assert_array_equal(jax.jit(kernels.examples_last)(x), x)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32])
def test_other_types_pass(dtype):
    with jax.enable_x64(True):
        x = jnp.arange(6, dtype=dtype).reshape(2, 3)
        np.testing.assert_array_equal(kernels.examples_last(x), x)
        assert kernels.examples_last(x).dtype == dtype


def test_the_derivative_passes():
    x = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(jax.grad(lambda x: (kernels.examples_last(x) ** 2).sum())(x), 2 * x)


@pytest.mark.parametrize(("x", "layers", "turned"), [
    ((9, 12, 3), [ng.Conv(4, 3), ng.Flatten(), ng.Dense(2)], True),
    ((9, 8, 8, 3), [ng.Conv(4, 3), ng.MaxPool(2), ng.Flatten(), ng.Dense(2)], True),
    ((9, 12, 3), [ng.GRU(4), ng.Dense(2)], True),
    ((9, 12, 3), [ng.Bidirectional(ng.LSTM(4))], True),
    ((9, 5), [ng.Dense(2)], False),
    ((2, 12, 3), [ng.GRU(4)], False),
    ((1, 12, 3), [ng.Conv(4, 3)], False),
])  # fmt: skip
def test_inputs_are_turned_once(x, layers, turned):
    network = ng.Sequential(layers)
    params, state = network.init(0, x[1:])
    run = jax.jit(lambda x: forward(network, params, state, {"x": x}).outputs)
    text = run.lower(jnp.zeros(x)).compile().as_text()
    assert text.count('custom_call_target="netgrad_examples_last"') == (turned and kernels.active("examples_last"))
    if turned and kernels.active("examples_last"):
        shapes = "|".join(",".join(map(str, shape)) for shape in (x, (x[0], 1, *x[1:])))
        assert not re.search(rf"= f32\[({shapes})\]\S* copy\(", text)
