"""scikit-learn's own checks, for every estimator, without a list of exceptions."""

import jax
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from netgrad.estimators import ESTIMATORS

# The checks make dozens of small fits of different shapes: small networks, compiled without much effort.
SMALL = {
    "ConvClassifier": {"filters": 8, "hidden_layer_sizes": 16, "learning_rate_init": 0.01, "max_iter": 60},
    "PairClassifier": {"hidden_layer_sizes": 8, "learning_rate_init": 0.02, "max_iter": 15},
    # Not longer: from epoch 40 on its training on 15 random examples is chaotic, and grows a rounding error of 1e-16,
    # such as that of weighing instead of repeating examples, to 1e-8 by epoch 60.
    "RecurrentClassifier": {"cell": "rnn", "units": 8, "learning_rate_init": 0.02, "max_iter": 40},
    "RecurrentRegressor": {"cell": "rnn", "units": 8, "learning_rate_init": 0.02, "max_iter": 60},
    "SequenceTagger": {"cell": "rnn", "units": 16, "learning_rate_init": 0.01, "max_iter": 60},
}


@pytest.fixture(autouse=True)
def _little_optimised():
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.filterwarnings("ignore")  # the checks fit what cannot converge, and say so on purpose
@parametrize_with_checks([cls(**SMALL.get(cls.__name__, {})) for cls in ESTIMATORS])
def test_scikit_learns_own_check(estimator, check):
    check(estimator)
