"""A dense layer's products: the same numbers by kernel and by XLA, whatever the shape of the input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad import kernels
from netgrad.kernels import dense

pytestmark = pytest.mark.sanitize


@pytest.mark.parametrize("shape", [(5, 3), (dense.FEWEST_EXAMPLES - 1, 4, 3), (dense.FEWEST_EXAMPLES + 5, 4, 3)])
@pytest.mark.parametrize("bias", [True, False])
def test_backward_rule_is_the_derivative(shape, bias):
    layer = ng.Dense(7, activation="tanh", bias=bias)
    params = layer.init(jax.random.key(0), shape[1:])
    x = jax.random.normal(jax.random.key(1), shape)
    d_out = jax.random.normal(jax.random.key(2), (*shape[:-1], 7))

    def plain(params, x):
        return jnp.tanh(x @ params["W"] + params.get("b", 0))

    a, saved = layer.forward(params, x, ng.Context())
    expected, way_back = jax.vjp(plain, params, x)
    back = layer.backward(params, saved, d_out)
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5),
        (a, back.d_params, back.d_in),
        (expected, *way_back(d_out)),
    )


SHAPES = [
    (16, 5000, 1), (17, 300, 10), (33, 257, 129), (100, 120, 84), (301, 13, 16), (50, 1, 1000),
    (1100, 256, 20), (2100, 71, 12),  # more examples than are summed at once, a power of two apart and not
]  # fmt: skip


@pytest.mark.parametrize(("n", "d", "k"), SHAPES)
def test_products_of_vectors(n, d, k):
    rng = np.random.default_rng(n)
    x, W, b, delta = (rng.normal(size=size) for size in ((n, d), (d, k), (k,), (n, k)))
    expected = x @ W + b, x.T @ delta, delta.sum(0), delta @ W.T
    x, W, b, delta = (jnp.asarray(a, jnp.float32) for a in (x, W, b, delta))

    @jax.jit
    def products(x, W, b, delta):
        return dense.dense_forward(x, W, b), *dense.dense_gradients(x, delta), dense.dense_input_gradient(delta, W)

    assert products.lower(x, W, b, delta).as_text().count("netgrad_dense") == 3 * kernels.active("dense_forward")
    for _ in range(2):
        found = products(x, W, b, delta)
        for ours, exact in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-6 * np.abs(exact).max())
    for first, again in zip(found, products(x, W, b, delta), strict=True):
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("n", [2, dense.FEWEST_EXAMPLES + 1])
def test_wide_layers_take_the_steps_of_sequences_as_vectors(n):
    d, k = dense.WIDE, dense.WIDE + 7
    rng = np.random.default_rng(n)
    x, W, b, delta = (rng.normal(size=size) for size in ((n, 9, d), (d, k), (k,), (n, 9, k)))
    expected = x @ W + b, np.einsum("ntd,ntk->dk", x, delta), delta.sum((0, 1)), delta @ W.T
    x, W, b, delta = (jnp.asarray(a, jnp.float32) for a in (x, W, b, delta))

    @jax.jit
    def products(x, W, b, delta):
        return dense.dense_forward(x, W, b), *dense.dense_gradients(x, delta), dense.dense_input_gradient(delta, W)

    text = products.lower(x, W, b, delta).as_text()
    assert text.count("netgrad_dense") == text.count("netgrad_") == 3 * kernels.active("dense_forward")
    for ours, exact in zip(products(x, W, b, delta), expected, strict=True):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=2e-6 * np.abs(exact).max())
    narrow = jax.jit(lambda x, W: dense.dense_forward(x, W, None)).lower(jnp.ones((20, 9, d)), jnp.ones((d, 7)))
    assert "netgrad_dense" not in narrow.as_text()


def test_many_small_networks_at_once_stay_one_product():
    x, W = jnp.ones((32, 50, 10)), jnp.ones((32, 10, 16))
    text = jax.jit(jax.vmap(lambda x, W: dense.dense_forward(x, W, None))).lower(x, W).as_text()
    assert "netgrad_" not in text


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_reaches_what_it_touches(bad):
    x, W = jnp.ones((20, 60)).at[3, 7].set(bad), jnp.ones((60, 70))
    z = np.asarray(dense.dense_forward(x, W, None))
    assert not np.isfinite(z[3]).any()
    assert np.isfinite(np.delete(z, 3, 0)).all()
