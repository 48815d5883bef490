"""Extreme learning machines against scikit-learn's linear models on the same features."""

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_score

from netgrad.errors import NetgradError
from netgrad.estimators import ELMClassifier, ELMRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.1 * RNG.normal(size=40)


@pytest.mark.parametrize(
    ("penalty", "theirs"),
    [("ridge", Ridge(0.1)), ("lasso", Lasso(0.1, max_iter=10_000)), ("elastic_net", ElasticNet(0.1, max_iter=10_000))],
)
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_the_output_weights_are_scikit_learns(penalty, theirs, activation):
    elm = ELMRegressor(30, activation=activation, penalty=penalty, alpha=0.1, random_state=1).fit(X, Y)
    g = {"tanh": np.tanh, "logistic": lambda z: 1 / (1 + np.exp(-z)), "relu": lambda z: np.maximum(z, 0)}[activation]
    h = g(X @ elm.weights_ + elm.biases_)
    np.testing.assert_allclose(elm.hidden(X), h)
    np.testing.assert_allclose(elm.predict(X), theirs.fit(h, Y).predict(h), atol=1e-10)


def test_lambda_is_that_of_leaving_one_out():
    """Done literally for each strength: 40 fits without one example, on the same features."""
    from netgrad.estimators.extreme import STRENGTHS

    elm = ELMRegressor(15, alpha="loo", random_state=1).fit(X, Y)
    h = elm.hidden(X)
    errors = [-cross_val_score(Ridge(alpha), h, Y, cv=LeaveOneOut(), scoring="neg_mean_squared_error").mean()
              for alpha in STRENGTHS[::4]]  # fmt: skip
    best = STRENGTHS[::4][int(np.argmin(errors))]
    assert best / 101 < elm.alpha_ < best * 101
    own = -cross_val_score(Ridge(elm.alpha_), h, Y, cv=LeaveOneOut(), scoring="neg_mean_squared_error").mean()
    assert own <= min(errors) * (1 + 1e-9)


def test_classes_by_plus_and_minus_one():
    y = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)]
    elm = ELMClassifier(40, alpha=0.5, random_state=2).fit(X, y)
    h = elm.hidden(X)
    values = Ridge(0.5).fit(h, 2.0 * (y[:, None] == elm.classes_) - 1).predict(h)
    np.testing.assert_allclose(elm.decision_function(X), values, atol=1e-9)
    assert (elm.predict(X) == elm.classes_[values.argmax(1)]).all()


def test_it_is_a_model_to_look_into():
    elm = ELMRegressor(20, alpha=0.1, random_state=0).fit(X, np.c_[Y, -Y])
    model = elm.model()
    np.testing.assert_allclose(model.predict(X), elm.predict(X), atol=1e-3)
    assert model.trace(X, np.c_[Y, -Y])["dense_1"].a.shape == (40, 20)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_units": 0}, "hidden_units must be a whole number"),
        ({"activation": "sine"}, "unknown activation 'sine'"),
        ({"penalty": "l3"}, "unknown penalty 'l3'"),
        ({"penalty": "lasso", "alpha": "loo"}, "alpha='loo' is in closed form for 'ridge' alone: give lasso a number"),
        ({"alpha": -1.0}, "alpha must be a number of at least 0"),
        ({"scale": 0}, "scale must be a number above 0"),
        ({"l1_ratio": 2.0}, "l1_ratio must be a number of at least 0 and at most 1"),
    ],
)
def test_one_line(settings, message):
    with pytest.raises(NetgradError, match=message):
        ELMRegressor(**settings).fit(X, Y)
