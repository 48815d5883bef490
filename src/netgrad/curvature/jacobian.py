"""How each output of each example depends on each weight."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from netgrad.compiling import Program
from netgrad.curvature.weights import Untrained, Weights
from netgrad.network import Network
from netgrad.training.batch import Batch
from netgrad.training.rows import each_unit, flat, rows
from netgrad.trees import trained

if TYPE_CHECKING:
    from netgrad.training.model import Model

LARGEST = 2**26  # numbers of a Jacobian made at once


def jacobian(model: Model, x: Any, lengths: Any = None) -> np.ndarray:
    """The Jacobian of the outputs by the weights, (N, outputs, P): G' of each example.

    outputs: all units of all outputs (and time-steps) that are trained, in order; P: all weights that are trained.
    The outputs are those before the loss's link function.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> model = ng.untrained(net, [[2.0, 3.0]], [1.0])
    >>> ng.curvature.jacobian(model, [[2.0, 3.0]]).tolist()
    [[[2.0, 3.0, 1.0]]]
    """
    batch = model._inputs(x, lengths)
    weights = Weights.of(model.network, model.params)
    names = tuple(name for name, _, _ in model.objective.terms)
    return np.concatenate([of for _, of in blocks(model, batch, weights, names)])


def blocks(model: Model, batch: Batch, weights: Weights, names: tuple[str, ...]) -> Any:
    """Outputs by name and the Jacobian, for some examples at a time, so that memory is bounded."""
    program = _compiled(model.network, names, weights.untrained)
    shapes = model.network.shapes({name: tuple(value.shape[1:]) for name, value in batch.x.items()})
    nodes = dict(model.network.outputs)
    units = sum(int(np.prod(shapes[nodes[name]])) for name in names)
    size = at_once(units * weights.count)
    for part in parts(batch, size):
        outputs, J = program(model.params, model.state, part)
        yield outputs, np.asarray(J)


def at_once(numbers: int) -> int:
    """How many examples at once, each of so many numbers."""
    return max(1, min(256, LARGEST // max(numbers, 1)))


def parts(batch: Batch, size: int) -> Any:
    """The examples, so many at a time."""
    for start in range(0, batch.size, size):
        yield batch if batch.size <= size else batch.take(slice(start, start + size))


@lru_cache(maxsize=32)
def _compiled(network: Network, names: tuple[str, ...], untrained: Untrained) -> Any:
    def run(params: dict, state: dict, batch: Batch) -> tuple[dict, jax.Array]:
        found = jax.vmap(lambda one: rows(network, params, state, one, lambda out: each_unit(out, list(names))))(batch)
        return found.outputs, flat(trained(found.params, untrained))

    return Program(run)
