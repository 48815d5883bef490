"""One epoch as one compiled program: shuffle, mini-batches, forward, backward, update, in a scan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad.compiling import Program
from netgrad.network import Network, fused
from netgrad.training.linearise import linearise
from netgrad.training.objective import Batch, Objective, gradients, loss
from netgrad.training.stepwise import epochs_by_step, scannable
from netgrad.training.truncated import pieces, with_streams, without_streams


class Carry(NamedTuple):
    """All that a training step changes."""

    params: dict
    state: dict
    opt_state: Any


class StepReport(NamedTuple):
    """What each step leaves behind: its loss and the norm of its gradient."""

    loss: jax.Array
    grad_norm: jax.Array


def step(
    network: Network,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    carry: Carry,
    batch: Batch,
    key: jax.Array,
) -> tuple[Carry, StepReport]:
    """One update.

    The optimiser also gets, for those that ask: value, the loss; grad; value_fn, the loss at other parameters, whose
    derivative is our backward rule; linearise, the outputs as a linear function of the parameters, see
    `netgrad.training.linearise`; batch and look, the step's own forward and backward pass with every quantity by name,
    which costs one more pass for those that call it.
    """
    whole, network = network, network if batch.lengths else fused(network)
    looked = gradients(network, objective, carry.params, carry.state, batch, key)

    @jax.custom_vjp
    def value(params: dict) -> jax.Array:
        return loss(network, objective, params, carry.state, batch, key)

    def value_and_gradient(params: dict) -> tuple[jax.Array, dict]:
        there = gradients(network, objective, params, carry.state, batch, key)
        return there.loss, there.params

    value.defvjp(value_and_gradient, lambda gradient, d: (jax.tree.map(lambda g: d * g, gradient),))

    def value_fn(params: dict, linearise: Any = None, batch: Any = None, look: Any = None) -> jax.Array:
        return value(params)  # optax's line searches hand all further arguments on, and insist that they are taken

    updates, opt_state = optax.with_extra_args_support(optimizer).update(
        looked.params,
        carry.opt_state,
        carry.params,
        value=looked.loss,
        grad=looked.params,
        value_fn=value_fn,
        linearise=lambda: linearise(network, objective, carry.params, carry.state, batch, key),
        batch=batch,
        look=lambda: gradients(whole, objective, carry.params, carry.state, batch, key),
    )
    params = optax.apply_updates(carry.params, updates)
    return Carry(params, looked.state, opt_state), StepReport(looked.loss, optax.tree.norm(looked.params))


def walk(
    network: Network,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    truncate: int | None,
    carry: Carry,
    batch: Batch,
    key: jax.Array,
) -> tuple[Carry, StepReport]:
    """One batch: one update; with ``truncate``, one for each piece of so many time-steps of its sequences."""
    if truncate is None:
        return step(network, objective, optimizer, carry, batch, key)
    cut = pieces(batch, truncate)

    def one(carry: Carry, numbered: tuple[jax.Array, Batch]) -> tuple[Carry, StepReport]:
        i, piece = numbered
        return step(network, objective, optimizer, carry, piece, step_key(key, i))

    begun = carry._replace(state=with_streams(network, carry.state, batch.size))
    count = next(iter(cut.lengths.values())).shape[0]
    done, reports = jax.lax.scan(one, begun, (jnp.arange(count), cut))
    valid = next(iter(cut.lengths.values())).sum(1)
    loss = reports.loss.sum() if objective.reduction == "sum" else (reports.loss * valid).sum() / valid.sum()
    done = done._replace(state=without_streams(done.state, carry.state))
    return done, StepReport(loss, reports.grad_norm.mean())


def batches_of(n: int, batch_size: int) -> tuple[int, int]:
    """How many full batches an epoch of n examples has, and how many examples remain for a last, smaller one."""
    return n // batch_size, n % batch_size


def epoch_loss(objective: Objective, losses: Any, sizes: Sequence[int]) -> Any:
    """The loss of epochs (..., ) from those of their steps (..., steps) on batches of these sizes."""
    return losses.sum(-1) if objective.reduction == "sum" else np.average(losses, axis=-1, weights=sizes)


def epoch_order(key: jax.Array, n: int, shuffle: bool, begun: Any = None) -> jax.Array:
    """The order in which an epoch with this key visits its n examples, or those of the chunk after ``begun`` steps."""
    if not shuffle:
        return jnp.arange(n)
    own = jax.random.fold_in(key, 0)
    return jax.random.permutation(own if begun is None else jax.random.fold_in(own, begun), n)


def step_key(key: jax.Array, i: Any) -> jax.Array:
    """The random key of the i-th step of an epoch."""
    return jax.random.fold_in(key, i + 1)


def epoch(
    network: Network,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    shuffle: bool,
    truncate: int | None,
    carry: Carry,
    data: Batch,
    key: jax.Array,
    begun: Any = None,
    order: Any = None,
) -> tuple[Carry, StepReport]:
    """One pass over the data. Every example is used once; the last batch is smaller where N does not divide.

    begun: where the data are only a chunk of the epoch's, the number of its steps before them. order: that of
    `epoch_order`, where it has been drawn before.
    """
    n, before = data.size, 0 if begun is None else begun
    if batch_size >= n:
        carry, report = walk(network, objective, optimizer, truncate, carry, data, step_key(key, before))
        return carry, jax.tree.map(lambda v: v[None], report)
    full, rest = batches_of(n, batch_size)
    order = epoch_order(key, n, shuffle, begun) if order is None else order

    def one(carry: Carry, i: jax.Array) -> tuple[Carry, StepReport]:
        index = jax.lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
        return walk(network, objective, optimizer, truncate, carry, data.take(index), step_key(key, before + i))

    carry, reports = jax.lax.scan(one, carry, jnp.arange(full))
    if rest:
        carry, last = walk(
            network, objective, optimizer, truncate, carry, data.take(order[-rest:]), step_key(key, before + full)
        )
        reports = jax.tree.map(lambda a, b: jnp.append(a, b), reports, last)
    return carry, reports


def epochs(
    network: Network,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    batch_size: int,
    shuffle: bool,
    truncate: int | None,
    count: int,
    carry: Carry,
    data: Batch,
    key: jax.Array,
    first: Any,
    begun: Any = None,
    orders: Any = None,
    limit: Any = None,
) -> tuple[Carry, StepReport]:
    """``count`` epochs, numbered from ``first``, in one program; each draws its key from its own number.

    orders (count, N): those of the epochs, where they have been drawn before. limit: do only so many of them, a number
    that the program learns when it runs; the reports of the others are 0.
    """

    def one(carry: Carry, numbered: tuple[jax.Array, Any]) -> tuple[Carry, StepReport]:
        i, order = numbered
        own = jax.random.fold_in(key, i)
        return epoch(network, objective, optimizer, batch_size, shuffle, truncate, carry, data, own, begun, order)

    if count == 1:
        carry, report = one(carry, (first, None if orders is None else orders[0]))
        return carry, jax.tree.map(lambda v: v[None], report)
    if limit is None:
        return jax.lax.scan(one, carry, (first + jnp.arange(count), orders))

    def next_one(i: jax.Array, done: tuple[Carry, StepReport]) -> tuple[Carry, StepReport]:
        carry, report = one(done[0], (first + i, None if orders is None else orders[i]))
        return carry, jax.tree.map(lambda every, own: every.at[i].set(own), done[1], report)

    shapes = jax.eval_shape(one, carry, (first, None if orders is None else orders[0]))[1]
    nothing = jax.tree.map(lambda s: jnp.zeros((count, *s.shape), s.dtype), shapes)
    return jax.lax.fori_loop(0, limit, next_one, (carry, nothing))


@partial(Program, static_argnums=(0, 1))
def drawn_orders(n: int, count: int, key: jax.Array, first: Any, begun: Any = None) -> jax.Array:
    """The random orders (count, n) of the epochs from ``first`` on, by a program of their own.

    Sorting takes as long to compile as a small network's whole step: this program serves all networks.
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))
    return jax.vmap(lambda own: epoch_order(own, n, True, begun))(keys)


@lru_cache(maxsize=64)
def compiled_epochs(
    network: Network,
    objective: Objective,
    optimizer: Any,
    batch_size: int,
    shuffle: bool,
    count: int,
    truncate: int | None = None,
) -> Any:
    """`epochs` compiled for these settings: (carry, data, key, first) -> (carry, reports of shape (count, steps)).

    Further arguments: ``begun`` says that the data are one chunk of an epoch, see `epoch`; ``limit`` that only so many
    of the epochs are to be done.

    One program, or one for each step where a layer is slow inside a loop (`netgrad.training.stepwise`).
    """
    alphas = objective.strengths
    together = _together(network, objective.at(1.0 for _ in alphas), optimizer, batch_size, shuffle, count, truncate)
    one = partial(walk, network, objective, optimizer, truncate)
    apart = epochs_by_step(one, epoch_order, step_key, batch_size, shuffle, count)

    def run(carry: Carry, data: Batch, *when: Any, limit: int | None = None) -> tuple[Carry, StepReport]:
        if not scannable(network, data):
            return apart(carry, data, *when, limit=limit)
        draws = shuffle and batch_size < data.size
        return together(alphas, carry, data, drawn_orders(data.size, count, *when) if draws else None, limit, *when)

    return run


@lru_cache(maxsize=64)
def _together(
    network: Network, objective: Objective, optimizer: Any, batch_size: int, shuffle: bool, count: int, truncate: Any
) -> Any:
    """One program for an objective at all strengths of its penalties, which are its first argument."""

    @Program
    def together(
        alphas: Any, carry: Carry, data: Batch, orders: Any, limit: Any, *when: Any
    ) -> tuple[Carry, StepReport]:
        key, first, begun = (*when, None) if len(when) == 2 else when
        own = (network, objective.at(alphas), optimizer, batch_size, shuffle, truncate, count)
        return epochs(*own, carry, data, key, first, begun, orders, limit)

    return together


@lru_cache(maxsize=64)
def compiled_step(network: Network, objective: Objective, optimizer: Any) -> Any:
    """`step` compiled on its own: (carry, batch, key) -> (carry, report)."""
    return Program(lambda carry, batch, key: step(network, objective, optimizer, carry, batch, key))


@lru_cache(maxsize=64)
def compiled_start(optimizer: Any) -> Any:
    """The optimiser's state before the first step, params -> state: one program, where JAX would make one an array."""
    return Program(optimizer.init, polish=0)
