"""Convolution, activation and pooling in one pass, against the three one after the other in plain XLA."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netgrad import kernels
from netgrad.errors import ShapeError
from tests.kernels.test_convolution import assert_close, fits, normal, padding, pair, reference

pytestmark = pytest.mark.sanitize

ACTIVATIONS = {"identity": lambda z: z, "relu": jax.nn.relu, "tanh": jnp.tanh, "logistic": jax.nn.sigmoid}


@settings(max_examples=10)
@given(
    n=st.sampled_from([1, 2, 16, 17, 33]),
    size=st.tuples(st.integers(2, 12), st.integers(2, 30)),
    channels=st.sampled_from([1, 3]),
    filters=st.sampled_from([1, 6, 9]),
    filter_window=pair(1, 4),
    window=pair(1, 3),
    strides=pair(1, 2),
    padding=padding,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_forward_and_gradients(n, size, channels, filters, filter_window, window, strides, padding, activation):
    steps = {"strides": strides, "padding": padding, "dilation": (1, 1)}
    assume(fits(size, filter_window, **steps))
    assume(fits(kernels.conv_shape(size, filter_window, **steps), window, strides=window))
    x, W, b = normal(0, n, *size, channels), normal(1, *filter_window, channels, filters), normal(2, filters)

    @jax.jit
    def plain(x, W, b):
        def pooled(x, W, b):
            a = ACTIVATIONS[activation](reference(x, W, b, **steps))
            return jax.lax.reduce_window(a, -jnp.inf, jax.lax.max, (1, *window, 1), (1, *window, 1), "VALID")

        a, back = jax.vjp(pooled, x, W, b)
        d_a = jnp.cos(jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape)
        return a, d_a, *back(d_a)

    expected, d_a, d_x, dW, db = plain(x, W, b)
    steps |= {"window": window, "activation": activation}
    a, index = kernels.conv_pool_forward(x, W, b, **steps)
    terms = W[..., 0].size
    assert_close(a, expected, terms)
    if activation == "relu":  # where a maximum is 0, XLA and the texts give the kink different derivatives
        d_a = jnp.where(a > 0, d_a, 0)
        _, back = jax.vjp(lambda x, W, b: reference(x, W, b, strides, padding, (1, 1)), x, W, b)
        delta = kernels.max_pool_backward(
            d_a, index, kernels.conv_shape(size, filter_window, strides=strides, padding=padding), window, window
        )
        d_x, dW, db = back(delta)
    elif activation != "identity":  # saturated neighbours are equal in float32, and either may be the maximum
        ties = jnp.abs(a) > 0.999
        assume(not ties.any())
    found_W, found_b = kernels.conv_pool_weight_gradient(x, d_a, a, index, filter_window, **steps)
    assert_close(found_W, dW, a[..., 0].size)
    assert_close(found_b, db, a[..., 0].size)
    assert_close(kernels.conv_pool_input_gradient(d_a, a, index, W, size, **steps), d_x, terms * filters)


@pytest.mark.parametrize("n", [1, 16, 40])
def test_equals_the_operations_one_after_the_other(n):
    """Left-over pixels, bands of several tiles, and the same bits from both ways forward."""
    x, W, b = normal(0, n, 29, 31, 3), normal(1, 5, 5, 3, 6), normal(2, 6)
    a, index = kernels.conv_pool_forward(x, W, b, window=(2, 3), activation="tanh", padding=((2, 2), (2, 2)))
    z = kernels.conv_forward(x, W, b, activation="tanh", padding=((2, 2), (2, 2)))
    expected, expected_index = kernels.max_pool_forward(z, (2, 3), (2, 3))
    assert_close(a, expected, 1)
    assert (np.asarray(index) == np.asarray(expected_index)).mean() > 0.999


def test_nan_reaches_forward_and_weights():
    x, W = normal(0, 18, 6, 6, 1), normal(1, 3, 3, 1, 2)
    x[17, 0, 0, 0] = np.nan
    a, index = kernels.conv_pool_forward(x, W, window=(2, 2), activation="relu")
    expected = np.zeros((18, 2, 2), bool)
    expected[17, 0, 0] = True
    np.testing.assert_array_equal(np.isnan(a).all(-1), expected)
    dW, _ = kernels.conv_pool_weight_gradient(x, jnp.ones_like(a), a, index, (3, 3), window=(2, 2), activation="relu")
    assert np.isnan(dW[0, 0]).all()


def test_differentiable():
    x, W = normal(0, 5, 6, 6, 1), normal(1, 3, 3, 1, 2)
    steps = {"window": (2, 2), "activation": "tanh"}
    gradient = jax.grad(lambda W: (kernels.conv_pool_forward(x, W, **steps)[0] ** 2).sum())(W)
    a, index = kernels.conv_pool_forward(x, W, **steps)
    assert_close(gradient, kernels.conv_pool_weight_gradient(x, 2 * a, a, index, (3, 3), **steps)[0], 20)


def test_windows_that_do_not_fit():
    with pytest.raises(ShapeError, match="does not fit"):
        kernels.conv_pool_forward(normal(0, 1, 4, 4, 1), normal(1, 3, 3, 1, 1), window=(3, 3))
