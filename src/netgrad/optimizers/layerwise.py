"""A different optimiser, or learning rate, for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import optax

from netgrad.errors import unknown_name
from netgrad.trees import covers, map_leaves


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


Paces = tuple[tuple[str, str, float], ...]  # a layer's path, a pattern for its parameters, and the factor


@lru_cache(maxsize=256)
def paced(optimizer: Any, factors: Paces) -> Any:
    """The optimiser with the updates of some parameters multiplied, as by learning rates of their own.

    factors: of the parameters that `netgrad.trees.covers` says, the last that fits; all others have 1. The optimiser
    and its state are one, so a norm that is clipped or a schedule is that of all layers together.

    >>> import jax.numpy as jnp
    >>> params = {"dense_1": {"W": jnp.ones(1)}, "dense_2": {"W": jnp.ones(1)}}
    >>> optimizer = paced(optax.sgd(1.0), (("dense_1", "*", 0.1),))
    >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
    >>> round(float(updates["dense_1"]["W"][0]), 3), float(updates["dense_2"]["W"][0])
    (-0.1, -1.0)
    """
    if not factors:
        return optimizer

    def factor(path: str) -> float:
        return next((rate for layer, pattern, rate in reversed(factors) if covers(layer, pattern, path)), 1.0)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return map_leaves(lambda path, leaf: factor(path) * leaf, updates), state

    return optax.chain(optimizer, optax.GradientTransformation(lambda params: optax.EmptyState(), update))
