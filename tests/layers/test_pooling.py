"""Pooling: the text's example, ties, padding, sequences, agreement with XLA's windows, and what is refused."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import netgrad as ng
from netgrad.errors import NetgradError, NetgradWarning, ShapeError
from netgrad.layers import Context


def run(layer, x, d_out=None, lengths=None, params=None):
    a, saved = layer.forward(params or {}, jnp.asarray(x, float), Context(lengths=lengths))
    return a, saved, layer.backward(params or {}, saved, jnp.ones_like(a) if d_out is None else d_out)


def test_the_texts_example_and_the_way_of_its_gradient():
    x = np.array([[1, 2, 2, 1], [3, 1, 4, 2], [2, 1, 3, 4], [1, 2, 3, 1.0]])
    d_out = jnp.array([[10.0, 20], [30, 40]]).reshape(1, 2, 2, 1)
    a, saved, back = run(ng.MaxPool(2), x[None, ..., None], d_out)
    np.testing.assert_array_equal(a[0, ..., 0], [[3, 4], [2, 4]])
    # In the third window (2, 1 over 1, 2) there is a tie: the first in row-major order counts as the maximum.
    np.testing.assert_array_equal(saved["index"][0, ..., 0], [[4, 6], [8, 11]])
    expected = np.zeros(16)
    expected[[4, 6, 8, 11]] = [10, 20, 30, 40]
    np.testing.assert_array_equal(back.d_in[0, ..., 0], expected.reshape(4, 4))


@pytest.mark.parametrize("sizes", [(6,), (4, 6), (4, 2, 4)])
@pytest.mark.parametrize("lengths", [False, True])
def test_among_equals_the_first_is_the_maximum(sizes, lengths):
    x = np.zeros((2, *sizes, 3))
    given = jnp.full(2, sizes[0]) if lengths else None
    _, saved, back = run(ng.MaxPool(2), x, lengths=given)
    corners = np.zeros(sizes)
    corners[tuple(slice(None, None, 2) for _ in sizes)] = 1
    np.testing.assert_array_equal(back.d_in, np.broadcast_to(corners[None, ..., None], x.shape))
    np.testing.assert_array_equal(np.sort(saved["index"][0, ..., 0].ravel()), np.flatnonzero(corners))


@pytest.mark.parametrize(
    ("layer", "reduce", "start"), [(ng.MaxPool, lax.max, -jnp.inf), (ng.SumPool, lax.add, 0.0)], ids=["max", "sum"]
)
@pytest.mark.parametrize(
    ("sizes", "window", "stride", "padding"),
    [
        ((7,), (3,), (2,), "valid"),
        ((6, 7), (3, 2), (1, 3), ((1, 0), (1, 1))),
        ((4, 5, 4), (2, 3, 2), (2, 2, 1), "same"),
    ],
)
def test_agrees_with_jax_lax(layer, reduce, start, sizes, window, stride, padding, x64):
    x = jax.random.normal(jax.random.key(0), (3, *sizes, 2), float)

    def theirs(x):
        pads = padding.upper() if isinstance(padding, str) else ((0, 0), *padding, (0, 0))
        return lax.reduce_window(x, start, reduce, (1, *window, 1), (1, *stride, 1), pads)

    expected, way_back = jax.vjp(theirs, x)
    d_out = jax.random.normal(jax.random.key(1), expected.shape, float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetgradWarning)
        a, _, back = run(layer(window, stride=stride, padding=padding), x, d_out)
    np.testing.assert_allclose(a, expected, rtol=1e-12)
    np.testing.assert_allclose(back.d_in, way_back(d_out)[0], rtol=1e-12)


def test_averages_and_norms_by_hand():
    x = np.array([3.0, 4, 0, 0, 6, 8, 1]).reshape(1, 7, 1)
    with pytest.warns(NetgradWarning, match="steps 6 of 0 to 6 are never seen"):
        assert ng.AveragePool(2).out_shape((7, 1)) == (3, 1)
    np.testing.assert_allclose(run(ng.AveragePool(2), x)[0].ravel(), [3.5, 0, 7])
    a, _, back = run(ng.NormPool(2), x)
    np.testing.assert_allclose(a.ravel(), [5, 0, 10])
    np.testing.assert_allclose(back.d_in.ravel(), [0.6, 0.8, 0, 0, 0.6, 0.8, 0], rtol=1e-6)
    # What stands in the padding does not count.
    np.testing.assert_allclose(run(ng.AveragePool(2, padding=((1, 0),)), x)[0].ravel(), [3, 2, 3, 4.5])


def test_a_large_p_is_nearly_the_maximum():
    x = jax.random.normal(jax.random.key(0), (2, 6, 6, 3)) * 100
    np.testing.assert_allclose(run(ng.NormPool(2, p=200.0), x)[0], run(ng.MaxPool(2), jnp.abs(x))[0], rtol=1e-2)


def test_not_a_number_passes():
    x = np.zeros((1, 4, 4, 1))
    x[0, 1, 1, 0] = np.nan
    for layer in (ng.MaxPool(2), ng.AveragePool(2), ng.SumPool(2), ng.NormPool(2), ng.GlobalPool("max")):
        assert np.isnan(run(layer, x)[0]).sum() == 1, layer


def test_global_pooling_of_sequences_sees_their_valid_steps_only():
    x = jnp.array([[[1.0], [5], [9]], [[2], [4], [100]]])
    lengths = jnp.array([3, 2])
    np.testing.assert_allclose(run(ng.GlobalPool(), x, lengths=lengths)[0].ravel(), [5, 3])
    a, _, back = run(ng.GlobalPool("max"), x, lengths=lengths)
    np.testing.assert_allclose(a.ravel(), [9, 4])
    np.testing.assert_array_equal(back.d_in[..., 0], [[0, 0, 1], [0, 1, 0]])
    assert ng.GlobalPool().out_lengths(lengths, (3, 1)) is None


def test_subsampling_learns_one_weight_and_one_bias_a_map():
    layer = ng.Subsample(2, activation="identity")
    params = layer.init(jax.random.key(0), (4, 4, 2))
    assert {name: value.shape for name, value in params.items()} == {"W": (2,), "b": (2,)}
    x = np.arange(32.0).reshape(1, 4, 4, 2)
    params = {"W": jnp.array([2.0, -1]), "b": jnp.array([0.5, 0])}
    a, saved, back = run(layer, x, params=params)
    means = x.reshape(2, 2, 2, 2, 2).mean((1, 3))[None]
    np.testing.assert_allclose(saved["pooled"], means)
    np.testing.assert_allclose(a, means * [2, -1] + [0.5, 0])
    np.testing.assert_allclose(back.d_params["W"], means.sum((0, 1, 2)))
    np.testing.assert_allclose(back.d_in, np.broadcast_to([0.5, -0.25], x.shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ng.MaxPool(0), "window must be a whole number of at least 1"),
        (lambda: ng.MaxPool(2, stride=0), "stride must be"),
        (lambda: ng.MaxPool(2, padding="full"), "padding must be"),
        (lambda: ng.NormPool(2, p=0.5), "p must be at least 1"),
        (lambda: ng.GlobalPool("mean"), "unknown aggregation 'mean'"),
        (lambda: ng.Subsample(2, aggregation="min"), "unknown aggregation 'min'"),
    ],
)
def test_settings_that_mean_nothing(make, message):
    with pytest.raises(NetgradError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "in_shape", "message"),
    [
        (ng.MaxPool(5), (4, 9, 1), r"floor\(\(4 - 5 \+ 0\)/5\) \+ 1 leaves 0 rows"),
        (ng.MaxPool(2, padding=2), (4, 4, 1), "wholly in a padding"),
        (ng.MaxPool((2, 2)), (4, 4), "add an axis of channels"),
        (ng.GlobalPool(), (4,), "needs inputs of shape"),
    ],
)
def test_shapes_that_do_not_fit(layer, in_shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.out_shape(in_shape)
