"""The generalised Gauss-Newton matrix: the sum over examples of G S S' G', the part of H that is never negative."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.curvature.jacobian import at_once, parts
from netgrad.curvature.structures import STRUCTURES, Kronecker, Structure, check_memory, chosen
from netgrad.curvature.weights import Untrained, Weights, summed
from netgrad.errors import DataError, NetgradError
from netgrad.layers.dense import Dense
from netgrad.losses import SquaredError
from netgrad.network import Network
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, position_weights
from netgrad.training.rows import Rows, by_root, flat, rows
from netgrad.trees import trained

if TYPE_CHECKING:
    from netgrad.training.model import Model


def gauss_newton(model: Model, x: Any, y: Any, structure: str | None = None, lengths: Any = None) -> Structure:
    """The generalised Gauss-Newton matrix of E at the model's weights.

    structure: "full", P x P; "diagonal"; "kronecker", a block for each dense layer, A (x) B of its inputs' and its
    deltas' second moments (Martens & Grosse 2015); "last", the full matrix of the last layer alone. By default full up
    to 5,000 weights, beyond that Kronecker factors where all layers with weights are dense, else the last layer or,
    where that is as large, the diagonal.

    Returns a `netgrad.curvature.Structure`: ``matrix()``, ``diagonal()``, and what posteriors need of it.

    Raises `NetgradError` for losses that say no curvature, for what a structure cannot describe, and where the matrix
    would not fit into memory, with the structure that does; `DataError` where it is not finite.

    >>> import netgrad as ng, numpy as np
    >>> x, y = np.eye(3), [0.1, 0.2, 0.3]
    >>> model = ng.untrained(ng.Sequential([ng.Dense(1, bias=False)]), x, y)
    >>> ng.curvature.gauss_newton(model, x, y).matrix().tolist()  # of squared error x' x
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    structure = chosen(structure, model.network, model.params)
    weights = Weights.of(model.network, model.params, structure == "last")
    batch = model.batch(x, y, lengths=lengths)
    units = _kinds(model.objective, model.network, batch)
    kronecker = structure == "kronecker"
    dense = dense_layers(model.network, weights) if kronecker else ()
    check_memory(structure, weights.count, units)
    found = STRUCTURES[structure].empty(weights, units)
    program = _compiled(model.network, summed(model.objective), weights.untrained, dense)
    shapes = model.network.shapes({name: tuple(value.shape[1:]) for name, value in batch.x.items()})
    nodes = dict(model.network.outputs)
    rows_each = sum(int(np.prod(shapes[nodes[name]])) for name, _, _ in model.objective.terms)
    width = sum(m + d for d, m in (found.sides() if isinstance(found, Kronecker) else ())) if kronecker else 0
    for part in parts(batch, at_once(rows_each * (width or weights.count))):
        found.add(program(model.params, model.state, part), units)
    if not found.finite():
        raise DataError(
            "the curvature is not finite: weights, inputs or outputs are too large or no numbers, see model.diagnose"
        )
    found.examples = batch.size
    return found


def dense_layers(network: Network, weights: Weights) -> tuple[tuple[str, str, bool], ...]:
    """Node, parameters and whether there is a bias, of each dense layer, or `NetgradError` for what has no factors."""
    found = []
    layers = dict.fromkeys(weights.layer(path) for path in weights.paths)
    special = {weights.layer(path) for view in network.views for path in view.paths}
    for layer in layers:
        nodes = [node for node in network.nodes if node.params == layer]
        own = {path.rpartition("/")[2] for path in weights.paths if weights.layer(path) == layer}
        kind = nodes[0].layer if nodes else None
        bad = ""
        if kind is None or len(nodes) != 1:
            bad = f"{layer} is used in several places" if nodes else f"{layer} is a part of another layer"
        elif not isinstance(kind, Dense):
            bad = f"{layer} is {kind.registered_name or type(kind).__name__}"
        elif layer in special or own != ({"W", "b"} if kind.bias else {"W"}):
            bad = f"the weights of {layer} are seen through a view, frozen in part, or have a slope beside them"
        if bad:
            raise NetgradError(
                f"Kronecker factors are of dense layers with weights of their own, {bad}: "
                "take structure='diagonal', 'last' or 'full'"
            )
        found.append((nodes[0].name, layer, "b" in own))
    return tuple(found)


def _kinds(objective: Objective, network: Network, batch: Batch) -> int:
    """How many matrices are kept apart: of a regression one for each output unit, so that each may have its noise."""
    if len(objective.terms) == 1 and isinstance(objective.terms[0][1], SquaredError):
        return int(batch.y[objective.terms[0][0]].shape[-1])
    return 1


def _counts(found: Rows, one: Batch, name: str, weight: float) -> jax.Array:
    """What each row of an output counts, (M,): 0 beyond a sequence's end."""
    output, span = found.outputs[name][None], found.lengths.get(name)
    given = one.weights[name][None] if name in one.weights else None
    w = position_weights(output.shape[:-1], given, None if span is None else span[None])
    w = jnp.ones(output.shape[:-1], output.dtype) if w is None else w
    return jnp.broadcast_to((weight * w)[..., None], output.shape).ravel()


@lru_cache(maxsize=32)
def _compiled(
    network: Network, objective: Objective, untrained: Untrained, dense: tuple[tuple[str, str, bool], ...]
) -> Any:
    """params, state, batch -> rows of S' G' (n, M, P); or by layer the inputs (n, d) and the deltas (n, M, units)."""

    def example(params: dict, state: dict, one: Batch) -> Any:
        def sides(outputs: Any) -> dict[str, jax.Array]:
            roots = {n: loss.curvature_root(outputs[n], one.y[n][None]) for n, loss, _ in objective.terms}
            return by_root(roots, outputs)

        found = rows(network, params, state, one, sides)
        counts = jnp.sqrt(jnp.concatenate([_counts(found, one, name, weight) for name, _, weight in objective.terms]))
        if not dense:
            own = trained(found.params, untrained)
            return jax.tree.map(lambda leaf: leaf * counts.reshape(-1, *(1,) * (leaf.ndim - 1)), own)
        factors = {}
        for node, layer, bias in dense:
            a, delta = found.saved[node]["x"], found.deltas[node]
            if a.ndim != 2:
                raise NetgradError(
                    f"Kronecker factors are of dense layers on vectors, {layer} works along {a.ndim - 2} more axes: "
                    "take structure='diagonal', 'last' or 'full'"
                )
            a = jnp.concatenate([a[0], jnp.ones(1, a.dtype)]) if bias else a[0]
            factors[layer] = (a, delta[:, 0] * counts[:, None])
        return factors

    def run(params: dict, state: dict, batch: Batch) -> Any:
        found = jax.vmap(lambda one: example(params, state, one))(batch)
        return found if dense else flat(found)

    return Program(run)
