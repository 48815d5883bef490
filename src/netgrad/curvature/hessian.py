"""The second derivative of the error, whole or times a direction: forward mode through our backward rules."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.curvature.structures import check_memory
from netgrad.curvature.weights import Untrained, Weights, summed
from netgrad.errors import ShapeError
from netgrad.network import Network
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, gradients
from netgrad.trees import completed, trained

if TYPE_CHECKING:
    from netgrad.training.model import Model


def hessian_vector(model: Model, x: Any, y: Any, direction: Any, lengths: Any = None) -> np.ndarray:
    """H v, (P,), for a direction v (P,): as much work as two gradients, and no matrix.

    >>> import netgrad as ng, numpy as np
    >>> x, y = np.eye(3), [0.1, 0.2, 0.3]
    >>> model = ng.untrained(ng.Sequential([ng.Dense(1, bias=False)]), x, y)
    >>> ng.curvature.hessian_vector(model, x, y, [1.0, 2.0, 3.0]).tolist()  # of squared error H = x' x
    [1.0, 2.0, 3.0]
    """
    weights = Weights.of(model.network, model.params)
    v = np.asarray(direction, float)
    if v.shape != (weights.count,):
        raise ShapeError(f"a direction of shape {v.shape} does not fit the {weights.count:,} weights that are trained")
    return _times(model, model.batch(x, y, lengths=lengths), v[None], weights)[0]


def hessian(model: Model, x: Any, y: Any, lengths: Any = None) -> np.ndarray:
    """H, (P, P), row by row. It need not be positive definite: `gauss_newton` always is, or half so."""
    weights = Weights.of(model.network, model.params)
    check_memory("full", weights.count, 1)
    H = _times(model, model.batch(x, y, lengths=lengths), np.eye(weights.count), weights)
    return 0.5 * (H + H.T)


def _times(model: Model, batch: Batch, directions: np.ndarray, weights: Weights) -> np.ndarray:
    program = _compiled(model.network, summed(model.objective), weights.untrained)
    dtype = jax.tree.leaves(model.params)[0].dtype
    return np.asarray(program(model.params, model.state, batch, jnp.asarray(directions, dtype)))


@lru_cache(maxsize=32)
def _compiled(network: Network, objective: Objective, untrained: Untrained) -> Any:
    def run(params: dict, state: dict, batch: Batch, directions: jax.Array) -> jax.Array:
        own = trained(params, untrained)
        flat, back = jax.flatten_util.ravel_pytree(own)

        def slope(moved: jax.Array) -> jax.Array:
            at = completed(params, back(moved))
            found = gradients(network, objective, at, state, batch, None, training=False).params
            return jax.flatten_util.ravel_pytree(trained(found, untrained))[0]

        return jax.lax.map(lambda v: jax.jvp(slope, (flat,), (v,))[1], directions)

    return Program(run)
