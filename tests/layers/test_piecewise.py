"""Numbers cut into pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netgrad as ng
from netgrad.layers import Context, PiecewiseLinear

numbers = arrays(np.float32, (30, 2), elements=st.floats(-1e3, 1e3, width=32))


@given(numbers, st.integers(1, 8))
def test_the_pieces_of_a_column_together_say_how_far_it_has_come(x, pieces):
    layer = PiecewiseLinear.cutting(x, pieces)
    a, _ = layer.forward({}, x, Context())
    np.testing.assert_array_equal(a[:, :2], x)
    low, high, columns = (np.array(part) for part in (layer.low, layer.high, layer.columns))
    for c in range(2):
        own = columns == c
        assert own.sum() <= pieces
        if own.any():
            come = low[own].min() + (np.asarray(a)[:, 2:][:, own] * (high - low)[own]).sum(1)
            np.testing.assert_allclose(come, x[:, c], rtol=1e-4, atol=1e-2)


def test_columns_of_two_values_or_one_stay_whole_and_few_values_are_the_ends():
    x = np.stack([np.tile([0.0, 1.0], 10), np.full(20, 3.0), np.tile([1.0, 2.0, 5.0, 9.0], 5)], axis=1)
    layer = PiecewiseLinear.cutting(x, 16)
    assert (layer.columns, layer.low, layer.high) == ((2, 2, 2), (1.0, 2.0, 5.0), (2.0, 5.0, 9.0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (((0,), (0.0,), ()), "needs a column, a low and a high end for each piece: found 1, 1 and 0"),
        (((0,), (1.0,), (1.0,)), "each piece must end above where it begins"),
        (((0,), (0.0,), (float("inf"),)), "each piece must end above where it begins, at finite numbers"),
        (((-1,), (0.0,), (1.0,)), "columns count from 0, found -1"),
    ],
)
def test_pieces_that_are_none_are_refused(fields, message):
    with pytest.raises(ng.NetgradError, match=message):
        PiecewiseLinear(*fields)


@pytest.mark.parametrize("shape", [(1,), (2, 3)])
def test_inputs_that_lack_a_column_are_refused(shape):
    with pytest.raises(ng.NetgradError, match="cuts inputs up to number 2 and needs them as"):
        PiecewiseLinear((1,), (0.0,), (1.0,)).out_shape(shape)


def test_one_dense_layer_learns_a_bent_line_from_pieces():
    x = np.linspace(-2, 2, 200)[:, None]
    net = ng.Sequential([PiecewiseLinear.cutting(x, 8), ng.Dense(1)])
    model = ng.fit(net, x, np.abs(x[:, 0]), learning_rate=0.05, epochs=100)
    assert model.evaluate(x, np.abs(x[:, 0]))["r2"] > 0.98
