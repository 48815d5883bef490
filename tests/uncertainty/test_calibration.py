"""Calibration: by hand, against scikit-learn's curve, and mended by a temperature."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

import netgrad as ng
from netgrad.errors import DataError, NetgradError
from netgrad.uncertainty import calibration, coverage, reliability, with_temperature

RNG = np.random.default_rng(0)
X = RNG.normal(size=(600, 2))
Y = (X[:, 0] + 0.7 * RNG.normal(size=600) > 0).astype(int)


def overfitted(units):
    net = ng.Sequential([ng.Dense(40, activation="relu"), ng.Dense(units)])
    return ng.fit(net, X[:60], Y[:60], epochs=300, epochs_per_call=300, learning_rate=0.02)


def test_bins_are_scikit_learns():
    p = RNG.dirichlet(np.ones(3), 500)
    y = RNG.integers(0, 3, 500)
    found = reliability(p, y, 7)
    share, mean = calibration_curve(p.argmax(1) == y, p.max(1), n_bins=7)
    full = found.examples > 0
    np.testing.assert_allclose(found.accuracy[full], share)
    np.testing.assert_allclose(found.confidence[full], mean)
    np.testing.assert_allclose(found.nll, log_loss(y, p))
    np.testing.assert_allclose(found.error, (found.examples[full] / 500) @ np.abs(share - mean))
    assert found.figure().axes


@pytest.mark.parametrize("units", [1, 2])
def test_a_temperature_mends_what_is_too_sure(units):
    model = overfitted(units)
    before = calibration(model, X[300:], Y[300:])
    cooler, T = with_temperature(model, X[60:300], Y[60:300])
    after = calibration(cooler, X[300:], Y[300:])
    assert T > 1.5
    assert after.nll < before.nll
    assert after.error < 0.6 * before.error
    np.testing.assert_array_equal(cooler.predict(X), model.predict(X))


def test_a_posterior_makes_it_less_sure():
    model = ng.posterior(overfitted(2), X[:60], Y[:60], alpha=1.0)
    plain, known = (calibration(model, X[300:], Y[300:], spread=spread).nll for spread in (False, True))
    assert known < plain


def test_what_is_refused():
    regression = ng.untrained(ng.Sequential([ng.Dense(1)]), X, X[:, 0])
    labels = ng.untrained(ng.Sequential([ng.Dense(2)]), X, np.c_[Y, Y].astype(float), loss="binary_cross_entropy")
    bent = ng.untrained(ng.Sequential([ng.Dense(2, activation="tanh")]), X, Y)
    for call, message in (
        (lambda: calibration(regression, X, X[:, 0]), "calibration is of classifiers with one output"),
        (lambda: calibration(labels, X, np.c_[Y, Y]), "classes that exclude each other, found 2 labels"),
        (lambda: with_temperature(bent, X, Y), "scales a linear dense last layer"),
        (lambda: reliability([[0.5, 0.5]], [0], 0), "bins must be a whole number"),
        (lambda: coverage(regression, X, X[:, 0], levels=[95]), "between 0 and 1: 95"),
    ):
        with pytest.raises(NetgradError, match=message):
            call()
    with pytest.raises(DataError, match=r"class numbers \(N,\) are expected"):
        reliability([0.5, 0.5], [0])
