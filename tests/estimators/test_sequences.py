"""Sequences of equal and unequal length, images, and networks of one's own."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

import netgrad as ng
from netgrad.estimators import (
    ConvClassifier,
    NetworkClassifier,
    NetworkRegressor,
    RecurrentClassifier,
    RecurrentRegressor,
    SequenceTagger,
)

SMALL = {"cell": "rnn", "units": 8, "max_iter": 40, "learning_rate_init": 0.02, "tol": 0.0, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def walks():
    rng = np.random.default_rng(0)
    X = [rng.normal(0.8 * (i % 2), 1, (int(rng.integers(8, 16)), 1)) for i in range(120)]
    return X, np.array(["flat", "up"] * 60)


def test_lists_of_unequal_sequences_can_be_cross_validated(walks):
    X, y = walks
    assert cross_val_score(RecurrentClassifier(**SMALL), X, y, cv=3).mean() > 0.8


def test_what_stands_in_the_padding_has_no_effect(walks):
    X, y = walks
    fitted = RecurrentClassifier(**SMALL).fit(X, y)
    np.testing.assert_allclose(fitted.predict_proba(X)[:5], fitted.predict_proba(X[:5]), rtol=1e-4)
    np.testing.assert_allclose(fitted.predict_proba([x[:, 0] for x in X[:5]]), fitted.predict_proba(X[:5]))
    with pytest.raises(ValueError, match="X has 2 features"):
        fitted.predict([np.ones((4, 2))])


def test_rows_and_arrays_of_three_axes_are_the_same_sequences():
    X = np.random.default_rng(1).normal(size=(40, 12))
    y = X[:, -1] + X[:, -2]
    rows = RecurrentRegressor(n_features=2, **SMALL).fit(X, y)
    cubes = RecurrentRegressor(**SMALL).fit(X.reshape(40, 6, 2), y)
    np.testing.assert_allclose(rows.predict(X), cubes.predict(X.reshape(40, 6, 2)), rtol=1e-6)
    with pytest.raises(ValueError, match="no sequences of 5 features"):
        RecurrentRegressor(n_features=5, **SMALL).fit(X, y)


def test_a_tagger_answers_in_the_form_of_its_question(walks):
    X, _ = walks
    y = [np.where(x[:, 0] > 0, "high", "low") for x in X]
    tagger = SequenceTagger(bidirectional=True, **SMALL).fit(X, y)
    assert tagger.score(X, y) > 0.9
    assert [len(tags) for tags in tagger.predict(X[:3])] == [len(x) for x in X[:3]]
    assert tagger.predict_proba(X[:3])[0].shape == (len(X[0]), 2)
    with pytest.raises(ValueError, match="one tag for each time-step"):
        SequenceTagger(**SMALL).fit(X, y[1:] + y[:1])
    cube = np.stack([x[:8] for x in X])
    assert SequenceTagger(**SMALL).fit(cube, cube[..., 0] > 0).predict(cube).shape == (120, 8)


def test_images_in_every_form():
    X, y = load_digits(n_class=3, return_X_y=True)
    settings = {"filters": 4, "hidden_layer_sizes": 16, "max_iter": 10, "learning_rate_init": 0.01, "random_state": 0}
    flat = ConvClassifier(example_shape=(8, 8, 1), **settings).fit(X, y)
    images = ConvClassifier(**settings).fit(X.reshape(-1, 8, 8), y)
    assert flat.score(X, y) > 0.95
    np.testing.assert_allclose(flat.predict_proba(X), images.predict_proba(X.reshape(-1, 8, 8)), rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match="no examples of shape"):
        ConvClassifier(example_shape=(9, 8, 1), **settings).fit(X, y)


def _with_norm(shape, units):
    return ng.Sequential([ng.Flatten(), ng.BatchNorm(), ng.Dense(16, activation="tanh"), ng.Dense(units)])


def test_networks_of_ones_own():
    X, y = load_digits(n_class=2, return_X_y=True)
    settings = {"max_iter": 15, "learning_rate_init": 0.02, "random_state": 0}
    assert NetworkClassifier(_with_norm, **settings).fit(X.reshape(-1, 8, 8), y).score(X.reshape(-1, 8, 8), y) > 0.95
    ready = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(2)])
    assert NetworkClassifier(ready, **settings).fit(X, y).out_activation_ == "softmax"
    assert NetworkRegressor(_with_norm, **settings).fit(X, y).predict(X).shape == y.shape
    with pytest.raises(ValueError, match=r"must be a netgrad\.Network"):
        NetworkClassifier(lambda shape, units: "mlp").fit(X, y)
