"""scikit-learn's own checks, for every estimator, without a list of exceptions."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from netgrad.estimators import ESTIMATORS

pytestmark = pytest.mark.filterwarnings("ignore")  # the checks fit what cannot converge, and say so on purpose


@parametrize_with_checks([cls() for cls in ESTIMATORS])
def test_scikit_learns_own_check(estimator, check):
    check(estimator)
