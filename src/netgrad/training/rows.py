"""The outputs of one example as a linear function of the parameters, by our backward rules: rows of a Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.network import Network, backward, forward
from netgrad.training.batch import Batch
from netgrad.types import Named, Params, Saved, State

Sides = Callable[[Mapping[str, jax.Array]], dict[str, jax.Array]]


class Rows(NamedTuple):
    """What one example yields.

    outputs, lengths: by output, without the examples' axis. params: for each parameter (M, *its shape), a row for each
    of M gradients with respect to the outputs that were sent back. saved: what each node kept on the way forward, and
    deltas what arrived before its activation, (M, ...), both with an examples' axis of one.
    """

    outputs: dict[str, jax.Array]
    lengths: dict[str, Any]
    params: Params
    saved: dict[str, Saved]
    deltas: dict[str, Any]


def rows(
    network: Network,
    params: Params,
    state: State,
    example: Batch,
    sides: Sides,
    training: bool = False,
    key: jax.Array | None = None,
) -> Rows:
    """One example forward, and once back for each gradient that ``sides`` makes of its outputs: name -> (M, 1, ...)."""
    one = jax.tree.map(lambda v: v[None], example)
    run = forward(network, params, state, one.x, training=training, key=key, lengths=one.lengths)
    none = {name: jnp.zeros_like(value) for name, value in run.outputs.items()}

    def back(side: dict[str, jax.Array]) -> tuple[Params, Named]:
        found = backward(network, params, run.saved, none | side)
        return found.params, {name: node.delta for name, node in found.nodes.items() if node.delta is not None}

    made, deltas = jax.vmap(back)(sides(run.outputs))
    lengths = {name: span[0] for name, span in run.lengths.items() if span is not None}
    return Rows({name: value[0] for name, value in run.outputs.items()}, lengths, made, run.saved, deltas)


def each_unit(outputs: Mapping[str, jax.Array], names: list[str]) -> dict[str, jax.Array]:
    """Sides of which each is one output unit's, those of the first name before those of the second."""
    return by_root({name: identity(outputs[name]) for name in names}, outputs)


def identity(output: jax.Array) -> jax.Array:
    """(..., K) -> (..., K, K)."""
    return jnp.broadcast_to(jnp.eye(output.shape[-1], dtype=output.dtype), (*output.shape, output.shape[-1]))


def by_root(roots: Mapping[str, jax.Array], outputs: Mapping[str, jax.Array]) -> dict[str, jax.Array]:
    """Sides of which each is a column of S, (1, ..., K, K), at one position of an output (1, ..., K)."""
    sizes = {name: outputs[name].size for name in roots}
    whole, before, sides = sum(sizes.values()), 0, {}
    for name, root in roots.items():
        units = outputs[name].shape[-1]
        positions = sizes[name] // units
        S = root.reshape(positions, units, units)
        apart = jnp.eye(positions, dtype=S.dtype)
        own = jnp.einsum("pab,pq->pbqa", S, apart).reshape(sizes[name], sizes[name])
        own = jnp.pad(own, ((before, whole - before - sizes[name]), (0, 0)))
        sides[name] = own.reshape(whole, *outputs[name].shape)
        before += sizes[name]
    return sides


def flat(tree: Any) -> jax.Array:
    """Rows of all parameters side by side: leaves (..., M, *shape) with ``M`` the second axis -> (n, M, P)."""
    leaves = jax.tree.leaves(tree)
    return jnp.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)
