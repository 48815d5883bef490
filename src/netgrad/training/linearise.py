"""The outputs of a batch as a linear function of the parameters: as Gauss-Newton and Kalman filters ask for."""

from __future__ import annotations

from itertools import accumulate

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.losses import SquaredError
from netgrad.network import Network, backward, forward
from netgrad.optimizers.second_order import Linearised, check_size
from netgrad.training.objective import Batch, Objective, position_weights


def linearise(
    network: Network, objective: Objective, params: dict, state: dict, batch: Batch, key: jax.Array | None
) -> Linearised:
    """Residuals and their Jacobian, by our backward rules: one pass back for each example and output unit.

    Raises `NetgradError` for a loss that is not squared error, and for layers that mix the examples of a batch.
    """
    for name, loss, _ in objective.terms:
        if not isinstance(loss, SquaredError):
            raise NetgradError(
                f"this optimizer needs squared error, output {name!r} has {loss.registered_name!r}: "
                "give loss='squared_error' or another optimizer"
            )
    if state:
        raise NetgradError(
            f"this optimizer looks at one example at a time, layer {next(iter(state))} carries a state from batch to "
            "batch: leave the layer out or use another optimizer"
        )
    if objective.weight_noise or _draws(network, params, batch):
        raise NetgradError("this optimizer is for steps without chance: leave dropout and noise out")
    names = [name for name, _, _ in objective.terms]

    def example(one: Batch) -> tuple[dict, dict, dict]:
        one = jax.tree.map(lambda v: v[None], one)
        run = forward(network, params, {}, one.x, training=True, key=key, lengths=one.lengths)
        sizes = {name: run.outputs[name].size for name in names}
        check_size("the Jacobian", batch.size * sum(sizes.values()), _count(params), 4, "outputs x parameters")

        def row(unit: jax.Array) -> dict:
            parts = jnp.split(unit, list(accumulate(sizes.values()))[:-1])
            d = {name: jnp.zeros_like(value) for name, value in run.outputs.items()}
            d |= {name: part.reshape(d[name].shape) for name, part in zip(names, parts, strict=True)}
            return backward(network, params, run.saved, d).params

        rows = jax.vmap(row)(jnp.eye(sum(sizes.values()), dtype=run.outputs[names[0]].dtype))
        lengths = {name: span[0] for name, span in run.lengths.items() if span is not None}
        return {name: run.outputs[name][0] for name in names}, lengths, rows

    outputs, lengths, jacobian = jax.vmap(example)(batch)
    residuals, weights = [], []
    for name, _, weight in objective.terms:
        w = position_weights(outputs[name].shape[:-1], batch.weights.get(name), lengths.get(name))
        w = jnp.ones(outputs[name].shape[:-1], outputs[name].dtype) if w is None else w
        scale = weight / jnp.maximum(w.sum(), jnp.finfo(w.dtype).tiny) if objective.reduction == "mean" else weight
        # Padding may hold anything, NaN included: it counts for nothing.
        r = jnp.where(w[..., None] != 0, outputs[name] - batch.y[name], 0)
        residuals.append(r.reshape(batch.size, -1))
        weights.append(jnp.broadcast_to((scale * w)[..., None], r.shape).reshape(batch.size, -1))
    return Linearised(
        jnp.concatenate(residuals, axis=1).ravel(),
        jnp.concatenate(weights, axis=1).ravel(),
        jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), jacobian),
        bool(objective.penalties),
    )


def _draws(network: Network, params: dict, batch: Batch) -> bool:
    """Whether the outputs depend on the random key: mapped over two keys, they would have to be two."""

    def outputs(key: jax.Array) -> dict:
        return forward(network, params, {}, batch.x, training=True, key=key, lengths=batch.lengths).outputs

    try:
        jax.eval_shape(jax.vmap(outputs, out_axes=None), jax.random.split(jax.random.key(0)))
    except ValueError:
        return True
    return False


def _count(params: dict) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))
