"""The Boltzmann machine as a transformer: beside scikit-learn's, in a pipeline, going on, and what is refused."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from netgrad.errors import NetgradError, NetgradWarning
from netgrad.estimators import BernoulliRBM

X, Y = load_digits(return_X_y=True)
SCALED = X[:600] / 16


def test_it_takes_the_place_of_scikit_learns():
    settings = {"n_components": 40, "learning_rate": 0.06, "n_iter": 10, "random_state": 0}
    ours, theirs = (kind(**settings).fit(SCALED[:400]) for kind in (BernoulliRBM, Theirs))
    for name in ("components_", "intercept_hidden_", "intercept_visible_"):
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    assert ours.score_samples(SCALED[400:]).mean() > theirs.score_samples(SCALED[400:]).mean() - 3
    # In each other's places they say the same of examples.
    theirs.components_, theirs.intercept_hidden_ = ours.components_, ours.intercept_hidden_
    theirs.intercept_visible_ = ours.intercept_visible_
    np.testing.assert_allclose(ours.transform(SCALED), theirs.transform(SCALED), rtol=1e-5)
    drawn = [theirs.set_params(random_state=k).score_samples(SCALED[400:]) for k in range(40)]
    assert ours.score_samples(SCALED[400:]).mean() == pytest.approx(np.mean(drawn), abs=0.3)
    assert ours.get_feature_names_out()[0] == "bernoullirbm0"
    one, two = ours.gibbs(SCALED[:50]), ours.gibbs(SCALED[:50])
    assert set(np.unique(one)) == {0, 1}
    assert (one != two).any()


def test_in_a_pipeline_its_units_are_features():
    pipe = make_pipeline(MinMaxScaler(), BernoulliRBM(60, learning_rate=0.06, n_iter=15, random_state=0))
    pipe = make_pipeline(pipe, LogisticRegression(max_iter=500)).fit(X[:400], Y[:400])
    with pytest.warns(NetgradWarning, match=r"binary units take those in \[0, 1\]: the others are cut"):
        assert pipe.score(X[400:600], Y[400:600]) > 0.65


def test_it_goes_on_where_it_was():
    going = BernoulliRBM(16, learning_rate=0.1, random_state=0)
    scores = [going.partial_fit(SCALED).score_samples(SCALED).mean() for _ in range(3)]
    assert scores[-1] > scores[0]
    assert going.machine_.visible == "binary"


def test_units_are_told_by_the_numbers():
    with pytest.warns(NetgradWarning, match=r"numbers from 0 to 16: its units are Gaussian, for standardised data"):
        rbm = BernoulliRBM(4, n_iter=1, random_state=0).fit(X[:50])
    assert rbm.machine_.visible == "gaussian"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BernoulliRBM(4, n_iter=1, visible="gaussian", random_state=0).fit(X[:50])
    with pytest.raises(NetgradError, match=r"binary units take numbers in \[0, 1\], found 0 to 16: scale them"):
        BernoulliRBM(4, visible="binary").fit(X[:50])


WRONG = {
    "n_components must be a whole number of at least 1, found 0": {"n_components": 0},
    "k must be a whole number of at least 1, found 0": {"k": 0},
    "learning_rate must be a number above 0, found 0": {"learning_rate": 0},
    "unknown visible 'poisson'": {"visible": "poisson"},
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_one_line(message):
    with pytest.raises(NetgradError, match=message):
        BernoulliRBM(**WRONG[message]).fit(SCALED)
    with pytest.raises(AttributeError, match="components_ is there after fit"):
        BernoulliRBM().components_  # noqa: B018
