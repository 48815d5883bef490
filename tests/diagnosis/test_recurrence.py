"""The way of the gradient through time, against cases where it is known."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis.recurrence import gradient_flow, jacobian_norms, spectral_radii

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 8, 2)), RNG.normal(size=(3, 8, 1))


def model(layer):
    return ng.untrained(ng.Sequential([layer, ng.Dense(1)]), X, Y, loss="squared_error")


@pytest.mark.parametrize("radius", [0.5, 1.0, 1.5])
def test_linear_units_give_powers_of_the_spectral_radius(radius):
    looked = model(ng.RNN(4, activation="identity", recurrent_initializer=ng.Orthogonal(radius)))
    assert spectral_radii(looked)["rnn_1.W_h"] == pytest.approx(radius, rel=1e-5)
    np.testing.assert_allclose(jacobian_norms(looked, X), np.tile(radius ** np.arange(7.0, -1, -1), (3, 1)), rtol=1e-4)


def test_a_full_memory_lets_the_gradient_through_and_an_empty_one_does_not():
    kept, lost = (jacobian_norms(model(ng.LSTM(4, forget_bias=bias)), X)[:, 0] for bias in (12.0, -12.0))
    assert (kept > 0.9).all()
    assert (lost < 0.1).all()


def test_padding_is_left_out_and_changes_nothing():
    looked, lengths = model(ng.GRU(4)), np.array([8, 5, 2])
    curves = jacobian_norms(looked, X, lengths)
    assert np.isnan(curves[1, 5:]).all()
    np.testing.assert_allclose(curves[1, :5], jacobian_norms(looked, X[1:2, :5])[0], rtol=1e-4)
    np.testing.assert_allclose(curves[np.arange(3), lengths - 1], 1, rtol=1e-6)


def test_the_loss_of_one_step_reaches_only_what_was_before_it():
    flow = gradient_flow(model(ng.RNN(4)), X, Y, at=4)["rnn_1"]
    assert flow.shape == (3, 8)
    assert (flow[:, :5] > 0).all()
    assert (flow[:, 5:] == 0).all()
    last = gradient_flow(model(ng.RNN(4)), X, Y, lengths=np.array([8, 5, 2]))["rnn_1"]
    assert (last[2, :2] > 0).all()
    assert (last[2, 2:] == 0).all()


def test_wrong_questions():
    with pytest.raises(ng.NetgradError, match="no recurrent layer"):
        jacobian_norms(ng.untrained(ng.Sequential([ng.Dense(1)]), X, Y, loss="squared_error"), X)
    with pytest.raises(ng.NetgradError, match="choose rnn_1"):
        jacobian_norms(model(ng.RNN(2)), X, layer="rnn_2")
    with pytest.raises(ng.NetgradError, match="runs backwards"):
        jacobian_norms(model(ng.RNN(2, reverse=True)), X)
    with pytest.raises(ng.ShapeError, match="outside"):
        gradient_flow(model(ng.RNN(2)), X, Y, at=8)
