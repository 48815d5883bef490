"""A different optimiser, or learning rate, for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optax

from netgrad.errors import unknown_name


def layerwise(optimizers: Mapping[str, Any], otherwise: Any) -> optax.GradientTransformationExtraArgs:
    """Each layer with the optimiser of its name, ``otherwise`` for those left out (`optax.partition` by layer).

    Raises `NetgradError`, when training starts, for a layer that has no parameters. Pattipati, "Backprop
    Practicalities", advises a smaller rate for higher layers, whose gradients are larger.

    >>> import netgrad as ng, numpy as np, optax
    >>> net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    >>> each = ng.optimizers.layerwise({"dense_2": optax.sgd(0.01)}, optax.sgd(0.1))
    >>> model = ng.fit(net, np.eye(3), [0.1, 0.2, 0.3], optimizer=each, epochs=1)

    The same, by name: ``optimizer="sgd", learning_rate={"dense_2": 0.01}``.
    """

    def labels(params: Any) -> dict[str, str]:
        for layer in optimizers:
            if layer not in params:
                raise unknown_name("layer with parameters", layer, params)
        return {layer: layer if layer in optimizers else "" for layer in params}

    return optax.partition({**optimizers, "": otherwise}, labels)
