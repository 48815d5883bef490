"""Every registered penalty: its gradient is the derivative of its value, and biases stay free."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netgrad.registry import KINDS

PARAMS = {
    "dense_1": {"W": np.array([[0.5, -1.2], [2.0, 0.1]]), "b": np.array([3.0, -4.0])},
    "prelu_1": {"slope": np.array([0.25])},
    "lstm_1": {"forget_gate": {"W_x": np.array([[1.5]]), "b": np.array([3.0])}},
}


@pytest.mark.parametrize("name", KINDS["penalty"])
def test_every_penalty(name, x64):
    penalty = KINDS["penalty"][name]()
    params = jax.tree.map(jnp.asarray, PARAMS)
    ours, auto = penalty.gradient(params), jax.grad(penalty.value)(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), ours, auto)
    assert penalty.value(params) > 0
    assert (ours["dense_1"]["b"] == 0).all()
    assert (ours["prelu_1"]["slope"] == 0).all()
    assert (ours["lstm_1"]["forget_gate"]["W_x"] != 0).all()
    assert (ours["lstm_1"]["forget_gate"]["b"] == 0).all()
