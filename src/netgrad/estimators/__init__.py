"""netgrad's networks as scikit-learn estimators: fit, predict, score, in pipelines and searches.

Parameters, defaults and attributes of `MLPClassifier` and `MLPRegressor` are scikit-learn's, so that changing the
import line is enough for existing code::

    from netgrad.estimators import MLPClassifier
"""

from netgrad.estimators.autoencoder import Autoencoder
from netgrad.estimators.boltzmann import BernoulliRBM
from netgrad.estimators.conv import ConvClassifier
from netgrad.estimators.extreme import ELMClassifier, ELMRegressor
from netgrad.estimators.grouped import GroupedClassifier, GroupedRegressor
from netgrad.estimators.mlp import MLPClassifier, MLPRegressor
from netgrad.estimators.own import NetworkClassifier, NetworkRegressor
from netgrad.estimators.pairs import PairClassifier
from netgrad.estimators.recurrent import RecurrentClassifier, RecurrentRegressor, SequenceTagger
from netgrad.estimators.registry import ESTIMATORS

__all__ = [
    "ESTIMATORS",
    "Autoencoder",
    "BernoulliRBM",
    "ConvClassifier",
    "ELMClassifier",
    "ELMRegressor",
    "GroupedClassifier",
    "GroupedRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "PairClassifier",
    "RecurrentClassifier",
    "RecurrentRegressor",
    "SequenceTagger",
]
