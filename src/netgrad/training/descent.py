"""The gradient of a training step; of a batch that several devices share, each finds its part, and they are added."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from netgrad.errors import NetgradError
from netgrad.layers.across import Shares, shared
from netgrad.network import Network
from netgrad.parallel.placement import AXIS, Placement, current
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, disturbed, gradients, of_data, with_penalties
from netgrad.training.prepare import in_shapes
from netgrad.types import Params, State


class Descent(NamedTuple):
    """The loss with penalties, its gradient by parameters, the state after the step."""

    loss: Any
    params: Params
    state: State


def descent(
    network: Network, objective: Objective, params: Params, state: State, batch: Batch, key: jax.Array | None
) -> Descent:
    """What a step of training descends by."""
    placement = current()
    if placement is None:
        looked = gradients(network, objective, params, state, batch, key, together=True)
        return Descent(looked.loss, looked.params, looked.state)
    at = disturbed(network, objective, params, key)
    error, d_params, after = _shared(network, objective, placement, at, state, batch, key)
    loss, d_params = with_penalties(network, objective, params, state, batch, error, d_params)
    return Descent(loss, d_params, after)


def _shared(
    network: Network,
    objective: Objective,
    placement: Placement,
    params: Params,
    state: State,
    batch: Batch,
    key: jax.Array | None,
) -> tuple[Any, Params, State]:
    """Error, gradient and next state of the data, each device by its own examples.

    Where they do not divide, the last device has its last one several times, with the weight 0.
    """
    shares = Shares(AXIS, placement.count, batch.size, placement.statistics == "batch")
    axes = _axes_of_examples(network, state, batch)
    by_example = PartitionSpec(AXIS)
    specs = jax.tree.map(lambda axis: PartitionSpec(*[None] * axis, AXIS) if axis >= 0 else PartitionSpec(), axes)

    def own(params: Params, state: State, batch: Batch, key: jax.Array | None) -> tuple[Any, Params, State]:
        with shared(shares):
            looked = of_data(network, objective, params, state, batch, key)
        d_params = jax.tree.map(_added, looked.params)
        after = jax.tree.map(lambda leaf, axis: leaf if axis >= 0 else _meant(leaf), looked.state, axes)
        return _added(looked.error), d_params, after

    filled = jax.tree.map(lambda leaf: _filled(leaf, 0, shares), batch)
    begun = jax.tree.map(lambda leaf, axis: _filled(leaf, axis, shares), state, axes)
    error, d_params, after = jax.shard_map(
        own,
        mesh=placement.mesh,
        in_specs=(PartitionSpec(), specs, by_example, PartitionSpec()),
        out_specs=(PartitionSpec(), PartitionSpec(), specs),
        check_vma=False,
    )(params, begun, filled, key)
    after = jax.tree.map(
        lambda leaf, axis: leaf if axis < 0 else jax.lax.slice_in_dim(leaf, 0, batch.size, axis=axis), after, axes
    )
    return error, d_params, after


def _axes_of_examples(network: Network, state: State, batch: Batch) -> State:
    """Of each array in the state the axis along which the examples stand, -1 for those that all share.

    What long sequences carry from piece to piece has one; it is found by what one more sequence would have.
    """
    shapes = network.shapes(in_shapes(batch.x))
    some, more = (_streams(network, state, n, shapes) for n in (2, 3))

    def axis(path: Any, leaf: Any) -> int:
        name = jax.tree_util.keystr(path)
        pairs = zip(some.get(name, ()), more.get(name, ()), strict=True)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), -1)

    axes: State = jax.tree_util.tree_map_with_path(axis, state)
    return axes


def _streams(network: Network, state: State, n: int, shapes: Any) -> dict[str, tuple[int, ...]]:
    """The shapes of what ``n`` sequences carry, by their paths; a layer that refuses pieces carries nothing."""

    def all_of_them() -> State:
        streams = {}
        for node in network.nodes:
            if node.params in state:
                with suppress(NetgradError):
                    streams[node.params] = node.layer.stream_state(n, network.in_shape(node, shapes))
        return streams

    tree = jax.eval_shape(all_of_them)
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _filled(leaf: Any, axis: int, shares: Shares) -> Any:
    """With the last example repeated until every device has equally many."""
    if axis < 0 or shares.each * shares.devices == shares.examples:
        return leaf
    index = jnp.minimum(jnp.arange(shares.each * shares.devices), shares.examples - 1)
    return jnp.take(leaf, index, axis=axis)


def _added(leaf: Any) -> Any:
    return jax.lax.psum(leaf, AXIS) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf


def _meant(leaf: Any) -> Any:
    return jax.lax.pmean(leaf, AXIS) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf
