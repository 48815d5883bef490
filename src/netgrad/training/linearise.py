"""The outputs of a batch as a linear function of the parameters: as Gauss-Newton and Kalman filters ask for."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.losses import SquaredError
from netgrad.network import Network, forward
from netgrad.optimizers.second_order import Linearised, check_size
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, position_weights
from netgrad.training.precision import too_coarse
from netgrad.training.rows import Rows, by_root, rows
from netgrad.types import Named, Params, State


def linearise(
    network: Network, objective: Objective, params: Params, state: State, batch: Batch, key: jax.Array | None
) -> Linearised:
    """The gradients of the outputs and their Jacobian, by our backward rules: one pass back for each example and unit.

    Raises `NetgradError` for a loss that says no curvature, and for layers that mix the examples of a batch.
    """
    if objective.dtype is not None:
        raise too_coarse("this optimizer")
    if state:
        raise NetgradError(
            f"this optimizer looks at one example at a time, layer {next(iter(state))} carries a state from batch to "
            "batch: leave the layer out or use another optimizer"
        )
    if objective.weight_noise or _draws(network, params, batch):
        raise NetgradError("this optimizer is for steps without chance: leave dropout and noise out")
    targets = {name: batch.y[name] for name, _, _ in objective.terms}

    def example(one: Batch, target: Named) -> Rows:
        def sides(outputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
            units = sum(outputs[name].size for name in targets)
            check_size("the Jacobian", batch.size * units, _count(params), 4, "outputs x parameters")
            roots = {name: loss.curvature_root(outputs[name], target[name][None]) for name, loss, _ in objective.terms}
            return by_root(roots, outputs)

        return rows(network, params, {}, one, sides, training=True, key=key)

    found = jax.vmap(example)(Batch(batch.x, {}, {}, batch.lengths), targets)
    residuals, weights = [], []
    for name, loss, weight in objective.terms:
        output = found.outputs[name]
        w = position_weights(output.shape[:-1], batch.weights.get(name), found.lengths.get(name))
        w = jnp.ones(output.shape[:-1], output.dtype) if w is None else w
        scale = weight / jnp.maximum(w.sum(), jnp.finfo(w.dtype).tiny) if objective.reduction == "mean" else weight
        # Padding may hold anything, NaN included: it counts for nothing.
        r = jnp.where(w[..., None] != 0, loss.delta(output, batch.y[name]), 0)
        residuals.append(r.reshape(batch.size, -1))
        weights.append(jnp.broadcast_to((scale * w)[..., None], r.shape).reshape(batch.size, -1))
    return Linearised(
        jnp.concatenate(residuals, axis=1).ravel(),
        jnp.concatenate(weights, axis=1).ravel(),
        jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found.params),
        bool(objective.penalties),
        all(isinstance(loss, SquaredError) for _, loss, _ in objective.terms),
    )


def _draws(network: Network, params: Params, batch: Batch) -> bool:
    """Whether the outputs depend on the random key: mapped over two keys, they would have to be two."""

    def outputs(key: jax.Array) -> Named:
        return forward(network, params, {}, batch.x, training=True, key=key, lengths=batch.lengths).outputs

    try:
        jax.eval_shape(jax.vmap(outputs, out_axes=None), jax.random.split(jax.random.key(0)))
    except ValueError:
        return True
    return False


def _count(params: Params) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
