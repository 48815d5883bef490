"""Estimators around any network of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netgrad.errors import NetgradError
from netgrad.estimators.classifier import Classifier
from netgrad.estimators.columns import OfColumns
from netgrad.estimators.mlp import perceptron
from netgrad.estimators.registry import estimator
from netgrad.estimators.regressor import Regressor
from netgrad.network import Network


@dataclass(eq=False, repr=False)
class OwnNetwork(OfColumns):
    """What both estimators around a given network share. Of data frames: `OfColumns`.

    Parameters
    ----------
    network : a `netgrad.Network` with one input and one output; or a function (shape, units) -> network, for networks
        that depend on the shape of one example and on the number of output units that the targets ask for (one for
        two classes). None: one hidden layer of 100 rectified units, as `MLPClassifier` has it.
    """

    network: Any = None

    _more_axes = True

    def _rows_apart(self) -> bool:
        return self.network is None  # others may have batch normalisation, or a layer that does the like

    def _network(self, shape: tuple[int, ...], units: int) -> Network:
        if self.network is None:
            return perceptron((100,), "relu", units)
        network = self.network if isinstance(self.network, Network) else self.network(shape, units)
        if not isinstance(network, Network):
            raise NetgradError(f"network must be a netgrad.Network or a function that makes one, found {network!r}")
        if len(network.inputs) > 1 or len(network.outputs) > 1:
            raise NetgradError("estimators take networks of one input and one output: train others with netgrad.fit")
        return network


@estimator
@dataclass(eq=False, repr=False)
class NetworkClassifier(OwnNetwork, Classifier):
    """Any network as a classifier: it ends in one unit a class, or in one unit for two classes.

    X may have any number of axes, examples first. Further parameters: `OwnNetwork`, `Estimator`.

    >>> import netgrad as ng
    >>> from sklearn.datasets import load_iris
    >>> from netgrad.estimators import NetworkClassifier
    >>> net = ng.Sequential([ng.BatchNorm(), ng.Dense(16, activation="tanh"), ng.Dense(3)])
    >>> X, y = load_iris(return_X_y=True)
    >>> NetworkClassifier(net, learning_rate_init=0.01, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """


@estimator
@dataclass(eq=False, repr=False)
class NetworkRegressor(OwnNetwork, Regressor):
    """Any network as a regressor: it ends in one linear unit for each number that is to be predicted.

    X may have any number of axes, examples first. Further parameters: `OwnNetwork`, `Regressor`, `Estimator`.
    """
