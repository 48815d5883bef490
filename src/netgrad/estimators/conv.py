"""Convolutional networks for signals and images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.errors import NetgradError, ShapeError
from netgrad.estimators import inputs
from netgrad.estimators.classifier import Classifier
from netgrad.estimators.columns import numbers_alone
from netgrad.estimators.registry import estimator
from netgrad.estimators.settings import sizes
from netgrad.layers import Conv, Dense, Dropout, Flatten, Layer, MaxPool
from netgrad.network import Sequential


@estimator
@dataclass(eq=False, repr=False, kw_only=True)
class ConvClassifier(Classifier):
    """Convolutions and max-pooling by turns, then dense layers. Further parameters: `Estimator`.

    X may be rows (N, length), each a signal; images (N, height, width) of one channel; or (N, height, width, channels).

    Parameters
    ----------
    filters : of each convolution, default (16,).
    window, pool : the sizes of the convolutions' and the pooling's windows.
    hidden_layer_sizes, activation, dropout : of the dense layers after them, default (32,), "relu", 0; the activation
        is the convolutions', too.
    example_shape : what one row of X is to be taken for, channels last: (8, 8, 1) for a flattened image of 8 x 8.

    >>> from sklearn.datasets import load_digits
    >>> from netgrad.estimators import ConvClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = ConvClassifier(example_shape=(8, 8, 1), max_iter=20, learning_rate_init=0.01, random_state=0)
    >>> cnn.fit(X[:1000] / 16, y[:1000]).score(X[1000:] / 16, y[1000:]) > 0.85
    True
    """

    filters: Any = (16,)
    window: Any = 3
    pool: Any = 2
    hidden_layer_sizes: Any = (32,)
    activation: Any = "relu"
    dropout: float = 0.0
    example_shape: Any = None

    def _examples(self, X, y, reset):
        numbers_alone(self, X)
        found, y = inputs.table(self, X, y, reset, more_axes=True)
        return inputs.Examples(found.x.reshape(len(found), *self._shape(found.shape))), y

    def _shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one example, channels last."""
        if self.example_shape is None:
            return (*shape, 1) if len(shape) < 3 else shape
        wanted = tuple(int(n) for n in self.example_shape)
        if len(wanted) < 2:
            raise NetgradError(f"example_shape must end in the number of channels, as (8, 8, 1), found {wanted}")
        if np.prod(wanted) != np.prod(shape):
            raise ShapeError(f"rows of {np.prod(shape)} numbers are no examples of shape {wanted} (example_shape)")
        return wanted

    def _network(self, shape, units):
        layers: list[Layer] = []
        for filters in sizes("filters", self.filters):
            layers.append(Conv(filters, self.window, padding="same", activation=self.activation))
            layers.append(MaxPool(self.pool, padding="same"))
        layers.append(Flatten())
        for size in sizes("hidden_layer_sizes", self.hidden_layer_sizes):
            layers.append(Dense(size, activation=self.activation))
            if self.dropout:
                layers.append(Dropout(self.dropout))
        return Sequential([*layers, Dense(units)])
