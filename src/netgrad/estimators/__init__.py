"""netgrad's networks as scikit-learn estimators: fit, predict, score, in pipelines and searches.

Parameters, defaults and attributes of `MLPClassifier` and `MLPRegressor` are scikit-learn's, so that changing the
import line is enough for existing code::

    from netgrad.estimators import MLPClassifier
"""

from netgrad.estimators.mlp import MLPClassifier, MLPRegressor
from netgrad.estimators.registry import ESTIMATORS

__all__ = ["ESTIMATORS", "MLPClassifier", "MLPRegressor"]
