"""A dense layer's products: the same numbers by kernel and by XLA, whatever the shape of the input."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.kernels import dense


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
