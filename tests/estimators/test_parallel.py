"""Searches in several processes and threads, begun after this process itself has computed: the same as one by one."""

import multiprocessing

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score

from netgrad.estimators import MLPClassifier, RecurrentClassifier

X, Y = load_iris(return_X_y=True)
FEW = {"max_iter": 4, "learning_rate_init": 0.03, "random_state": 0}
SEQUENCES = [row[: 2 + i % 3] for i, row in enumerate(X)]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def alone():
    """The scores of the folds, one after the other in this process."""
    return cross_val_score(MLPClassifier((4,), **FEW), X, Y, cv=3)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_folds_side_by_side_score_the_same(alone, backend):
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(cross_val_score(MLPClassifier((4,), **FEW), X, Y, cv=3), alone)


def test_a_search_in_two_processes_is_that_in_one():
    search = GridSearchCV(RecurrentClassifier(cell="rnn", units=3, **FEW), {"alpha": [1e-4, 1.0]}, cv=2)
    one = search.fit(SEQUENCES, Y).cv_results_["mean_test_score"]
    two = search.set_params(n_jobs=2).fit(SEQUENCES, Y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(one, two)
    assert search.predict(SEQUENCES[:3]).shape == (3,)


def further(fitted):
    """One more epoch, in whatever process this is."""
    return fitted.partial_fit(X, Y).predict_proba(X)


def test_spawned_processes_take_fitted_estimators():
    fitted = MLPClassifier((4,), **FEW).fit(X, Y)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        there = pool.map(further, [fitted, fitted])
    here = further(fitted)
    for found in there:
        np.testing.assert_array_equal(found, here)
