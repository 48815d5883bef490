"""Multilayer perceptrons: scikit-learn's `MLPClassifier` and `MLPRegressor`, by netgrad."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import jax
import numpy as np
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import NetgradError
from netgrad.estimators import inputs
from netgrad.estimators.classifier import Classifier
from netgrad.estimators.columns import OfColumns
from netgrad.estimators.registry import estimator
from netgrad.estimators.regressor import Regressor
from netgrad.estimators.settings import sizes
from netgrad.initializers import Xavier
from netgrad.layers import Dense, Dropout, Layer
from netgrad.network import Network, Sequential
from netgrad.tasks.pretraining import pretrain


def perceptron(hidden: tuple[int, ...], activation: Any, units: int, dropout: float = 0.0) -> Network:
    """Dense layers of these sizes, then a linear one; weights uniform after Glorot, as in scikit-learn."""
    draw = Xavier("fan_avg", "uniform")
    layers: list[Layer] = []
    for size in hidden:
        layers.append(Dense(size, activation=activation, initializer=draw))
        if dropout:
            layers.append(Dropout(dropout))
    return Sequential([*layers, Dense(units, initializer=draw)])


@dataclass(eq=False, repr=False)
class Perceptron(OfColumns):
    """What both multilayer perceptrons are: dense hidden layers. Of data frames: `OfColumns`.

    Parameters
    ----------
    hidden_layer_sizes : units of each hidden layer, default (100,).
    activation : of the hidden layers, "relu" by default: "identity", "logistic", "tanh", or any of netgrad's.
    dropout : the share of each hidden layer's units that training drops.
    pretrain : "autoencoder", or "rbm" for logistic layers: the hidden layers first learn one by one what X is like,
        without y (`netgrad.tasks.pretrain`, ten epochs each).

    Attributes
    ----------
    coefs_, intercepts_ : the weights (units before, units) and biases of each layer.
    n_layers_ : layers, with the inputs' and the outputs'.
    """

    hidden_layer_sizes: Any = (100,)
    activation: Any = "relu"
    _: KW_ONLY
    dropout: float = 0.0
    pretrain: str | None = None

    def _start(self: Any, examples: inputs.Examples, rng: np.random.RandomState) -> Network:
        if self.pretrain is None:
            return super()._start(examples, rng)  # type: ignore[misc]
        if self.n_starts > 1:
            raise NetgradError(f"pretrain={self.pretrain!r} is one start: set n_starts=1, found {self.n_starts}")
        network = self._network(examples.shape, self._units())
        with jax.enable_x64(self._double):
            self.__dict__["_first"] = pretrain(
                network,
                examples.x,
                by=self.pretrain,
                batch_size=self._batch_size(len(examples)),
                seed=int(rng.randint(np.iinfo(np.int32).max)),
            )
        return network

    def _network(self, shape: tuple[int, ...], units: int) -> Network:
        return perceptron(sizes("hidden_layer_sizes", self.hidden_layer_sizes), self.activation, units, self.dropout)

    def _params(self, network: Network, shape: tuple[int, ...], rng: np.random.RandomState) -> dict | None:
        """The very numbers that scikit-learn starts from with this random_state: uniform after Glorot, biases too."""
        if self.activation not in ("identity", "logistic", "tanh", "relu"):
            return None
        params, before = {}, shape[0]
        for node in network.nodes:
            if not isinstance(node.layer, Dense):
                continue
            units = node.layer.units
            bound = math.sqrt((2 if self.activation == "logistic" else 6) / (before + units))
            W, b = rng.uniform(-bound, bound, (before, units)), rng.uniform(-bound, bound, units)
            params[node.params], before = {"W": W, "b": b}, units
        return params

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer."""
        return self._of_layers("W")

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer."""
        return self._of_layers("b")

    @property
    def n_layers_(self) -> int:
        """Layers, with the inputs' and the outputs'."""
        return len(self.coefs_) + 1

    def _of_layers(self, name: str) -> list[np.ndarray]:
        check_is_fitted(self)
        model: Any = self.model_
        layers = [model.params[node.params] for node in model.network.nodes if node.params in model.params]
        return [self._handed_out(np.asarray(layer[name])) for layer in layers]  # type: ignore[attr-defined]


@estimator
@dataclass(eq=False, repr=False)
class MLPClassifier(Perceptron, Classifier):
    """A multilayer perceptron for classes. All parameters: `Perceptron`, `Estimator`, `Classifier`.

    >>> from sklearn.datasets import load_iris
    >>> from netgrad.estimators import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((20,), learning_rate_init=0.01, max_iter=300, random_state=0).fit(X, y)
    >>> mlp.predict(X[:2]), [W.shape for W in mlp.coefs_]
    (array([0, 0]), [(4, 20), (20, 3)])
    >>> mlp.score(X, y) > 0.95
    True
    """


@estimator
@dataclass(eq=False, repr=False)
class MLPRegressor(Perceptron, Regressor):
    """A multilayer perceptron for numbers. All parameters: `Perceptron`, `Estimator`, `Regressor`; as in scikit-learn,
    `loss` is the first of them.

    >>> import numpy as np
    >>> from netgrad.estimators import MLPRegressor
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> mlp = MLPRegressor("squared_error", (20,), "tanh", solver="lbfgs", random_state=0).fit(X, np.sin(3 * X[:, 0]))
    >>> mlp.score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    loss: Any = "squared_error"
