"""The grid of two sequences, and the ways back to one."""

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng

RNG = np.random.default_rng(0)


def test_a_cell_holds_a_step_of_each():
    source, target = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 5, 2))
    context = ng.Context(lengths=(jnp.array([4, 2]), jnp.array([3, 5])))
    a, _ = ng.Grid().forward({}, (jnp.asarray(source), jnp.asarray(target)), context)
    np.testing.assert_allclose(a[1, 1, 4], np.concatenate([source[1, 1], target[1, 4]]), rtol=1e-6)
    assert not a[1, 2:].any()
    assert not a[0, :, 3:].any()


def test_attention_weighs_the_steps_that_are_there():
    layer, x = ng.GridAttention(), (jnp.asarray(RNG.normal(size=(2, 4, 3, 2))), jnp.zeros((2, 3, 1)))
    params = {"W": jnp.eye(2), "b": jnp.zeros(2), "W_s": jnp.array([1.0, 2.0])}
    a, saved = layer.forward(params, x, ng.Context(lengths=(jnp.array([4, 0]), None)))
    scores = np.tanh(x[0][0]) @ np.array([1.0, 2.0])
    weights = np.exp(scores) / np.exp(scores).sum(0)
    np.testing.assert_allclose(saved["weights"][0], weights, rtol=1e-5)
    np.testing.assert_allclose(a[0], np.einsum("st,stc->tc", weights, x[0][0]), rtol=1e-5)
    assert not a[1].any()
    assert set(layer.look_back(params, saved, jnp.ones_like(a))) == {"d_scores", "d_weights"}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ng.Grid().out_shape((4, 3)), r"Grid needs two sequences \(N, S, d\) and \(N, T, e\), found"),
        (lambda: ng.GridPool().out_shape(((4, 3, 2), (4, 2))), r"GridPool needs a grid \(N, S, T, channels\) and the"),
        (lambda: ng.GridAttention().out_shape((4, 3, 2)), "GridAttention needs a grid"),
        (lambda: ng.GridPool("most"), "most"),
        (lambda: ng.GridAttention(0), "units must be a whole number of at least 1, found 0"),
        (lambda: ng.Grid().stream_state(1, ((4, 3), (5, 2))), "its grid has all steps of both sequences"),
        (lambda: ng.GridPool().stream_state(1, ((4, 3, 2), (3, 2))), "its grid has all steps of both sequences"),
    ],
)
def test_what_fits_no_grid(build, message):
    with pytest.raises(ng.NetgradError, match=message):
        build()
