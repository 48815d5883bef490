"""`untrained`: the model before the first step of its training, with its encoders and its objective."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.compiling import INITIAL, random_key
from netgrad.data.targets import TargetEncoder
from netgrad.errors import DataError, NetgradError, unknown_name
from netgrad.network import Network
from netgrad.training.frames import USUAL, encoders_for, unusual
from netgrad.training.model import Model
from netgrad.training.pictures import for_pictures
from netgrad.training.prepare import check_inputs, encode_labels, given_params, in_shapes, make_objective
from netgrad.training.reconstruction import (
    check_reconstructs,
    check_targets,
    inputs_as_targets,
    warn_of_copies,
    warn_of_silence,
)
from netgrad.types import Params


def untrained(
    network: Network,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    loss_weights: Any = None,
    penalty: Any = None,
    weight_noise: float | None = None,
    reduction: str | None = None,
    lengths: Any = None,
    seed: int = 0,
    params: Params | None = None,
    **encoding: Any,
) -> Model:
    """The model as it stands before its first step: `fit` begins with it, and it can be looked into all the same.

    Arguments as for `fit`, ``encoding`` those of a data frame (drop, only, ...). A data frame x gets a
    `netgrad.data.TableEncoder`, targets that are labels a `netgrad.data.TargetEncoder`; the model remembers both.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    >>> model = ng.untrained(net, np.eye(3), [0.1, 0.2, 0.3])
    >>> model.trace(np.eye(3), [0.1, 0.2, 0.3])["dense_1"].z.shape
    (3, 2)
    """
    if unknown := [name for name in encoding if name not in USUAL]:
        raise unknown_name("argument of untrained", unknown[0], USUAL)
    target_encoder: TargetEncoder | None
    encoder, of_logarithm = encoders_for(x, y, unusual(**encoding))
    x = encoder.transform(x) if encoder else x
    network = for_pictures(network, x)
    shapes = in_shapes(check_inputs(network, x, lengths)[0])
    out_shape = network.shapes(shapes)[network.outputs[0][1]]
    check_targets(network, False, y)
    if reconstructs := y is None:
        check_reconstructs(network, network.shapes(shapes))
        y = inputs_as_targets(network, x)
    if of_logarithm is not None:
        y, target_encoder = of_logarithm.transform(y), of_logarithm
    else:
        y, target_encoder = encode_labels(network, y, out_shape[-1], loss)
    objective = make_objective(
        network,
        network.shapes(shapes),
        y,
        loss,
        loss_weights,
        penalty,
        reduction or "mean",
        weight_noise or 0.0,
        reconstructs,
    )
    if params is None:
        warn_of_copies(network, objective, network.shapes(shapes))
        warn_of_silence(network, objective, network.shapes(shapes))
        params, state = network.init(random_key(seed, INITIAL), shapes)
    else:
        params, state = given_params(network, shapes, params), network.init_state(shapes)
    return Model(network, params, state, objective, shapes, encoder=encoder, target_encoder=target_encoder)


def start_of(
    network: Network | Model,
    x: Any,
    y: Any,
    more: dict[str, Any],
    settings: dict[str, Any],
    params: Any,
    seed: int,
    encoding: dict[str, Any],
) -> Model:
    """The model before the first step: drawn, or one that goes on, with the parameters given where there are any."""
    if not isinstance(network, Model):
        start = untrained(network, x, y, lengths=more.get("lengths"), seed=seed, params=params, **settings, **encoding)
    elif encoding:
        raise NetgradError(f"a model goes on with its own encoders: leave {next(iter(encoding))} out")
    elif given := [name for name, value in settings.items() if value is not None]:
        raise NetgradError(f"a model goes on with its own objective: leave {given[0]} out, or train model.network anew")
    else:
        start = network
        check_targets(start.network, start.objective.reconstructs, y)
        if y is None and not start.objective.reconstructs:
            raise DataError("y, the targets, are missing: this model does not reconstruct its inputs")
        if params is not None:
            return replace(start, params=given_params(start.network, start.shapes, params))
    return replace(start, params=jax.tree.map(jnp.asarray, start.params))
