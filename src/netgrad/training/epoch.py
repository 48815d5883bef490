"""One epoch as one compiled program: shuffle, mini-batches and the task's steps, in a scan."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.compiling import Program
from netgrad.training.batch import Batch
from netgrad.training.stepwise import epochs_by_step
from netgrad.training.task import Carry, StepReport, Task, checked_step


def batches_of(n: int, batch_size: int) -> tuple[int, int]:
    """How many full batches an epoch of n examples has, and how many examples remain for a last, smaller one."""
    return n // batch_size, n % batch_size


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
    task: Task,
    batch_size: int,
    shuffle: bool,
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
        carry, report = checked_step(task, carry, data, step_key(key, before))
        return carry, jax.tree.map(lambda v: v[None], report)
    full, rest = batches_of(n, batch_size)
    order = epoch_order(key, n, shuffle, begun) if order is None else order

    def one(carry: Carry, i: jax.Array) -> tuple[Carry, StepReport]:
        index = jax.lax.dynamic_slice_in_dim(order, i * batch_size, batch_size)
        return checked_step(task, carry, data.take(index), step_key(key, before + i))

    carry, reports = jax.lax.scan(one, carry, jnp.arange(full))
    if rest:
        carry, last = checked_step(task, carry, data.take(order[-rest:]), step_key(key, before + full))
        reports = jax.tree.map(lambda a, b: jnp.append(a, b), reports, last)
    return carry, reports


def epochs(
    task: Task,
    batch_size: int,
    shuffle: bool,
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
        return epoch(task, batch_size, shuffle, carry, data, own, begun, order)

    if count == 1:
        carry, report = one(carry, (first, None if orders is None else orders[0]))
        return carry, jax.tree.map(lambda v: v[None], report)
    if limit is None:
        scanned: tuple[Carry, StepReport] = jax.lax.scan(one, carry, (first + jnp.arange(count), orders))
        return scanned

    def next_one(i: jax.Array, done: tuple[Carry, StepReport]) -> tuple[Carry, StepReport]:
        carry, report = one(done[0], (first + i, None if orders is None else orders[i]))
        return carry, jax.tree.map(lambda every, own: every.at[i].set(own), done[1], report)

    shapes = jax.eval_shape(one, carry, (first, None if orders is None else orders[0]))[1]
    nothing = jax.tree.map(lambda s: jnp.zeros((count, *s.shape), s.dtype), shapes)
    looped: tuple[Carry, StepReport] = jax.lax.fori_loop(0, limit, next_one, (carry, nothing))
    return looped


@partial(Program, static_argnums=(0, 1))
def drawn_orders(n: int, count: int, key: jax.Array, first: Any, begun: Any = None) -> jax.Array:
    """The random orders (count, n) of the epochs from ``first`` on, by a program of their own.

    Sorting takes as long to compile as a small network's whole step: this program serves all networks.
    """
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))
    return jax.vmap(lambda own: epoch_order(own, n, True, begun))(keys)


SHARED, OWN = "shared", "own"  # the data of several carries


@lru_cache(maxsize=64)
def compiled_epochs(task: Task, batch_size: int, shuffle: bool, count: int, each: str | None = None) -> Any:
    """`epochs` compiled for these settings: (carry, data, key, first) -> (carry, reports of shape (count, steps)).

    Further arguments: ``begun`` says that the data are one chunk of an epoch, see `epoch`; ``limit`` that only so many
    of the epochs are to be done.

    each: for several carries at once, stacked along a first axis, as are their reports: on the same data, ``SHARED``,
    or each on its ``OWN``, which then have that axis, too. All see their examples in the same order.

    One program, or one for each step where that is slow inside a loop (`netgrad.training.stepwise`).
    """
    numbers = task.numbers
    task = task.at(numbers)
    together = _together(task.at(jax.tree.map(lambda _: 1.0, numbers)), batch_size, shuffle, count, each)
    apart = epochs_by_step(partial(checked_step, task), epoch_order, step_key, batch_size, shuffle, count)
    if each is not None:
        apart = Program(jax.vmap(apart, (0, _axis(each), None, None)))

    def run(carry: Carry, data: Batch, *when: Any, **limited: int | None) -> tuple[Carry, StepReport]:
        done: tuple[Carry, StepReport]
        one = jax.tree.map(_first_of, data) if each == OWN else data
        if not task.scannable(one):
            done = apart(carry, data, *when, **limited)
            return done
        orders = drawn_orders(one.size, count, *when) if shuffle and batch_size < one.size else None
        done = together(numbers, carry, data, orders, limited.get("limit"), *when)
        return done

    return run


def _first_of(each: jax.Array) -> jax.ShapeDtypeStruct:
    """What one of several data stacked along a first axis is like. `jax.eval_shape` would trace it in every epoch."""
    return jax.ShapeDtypeStruct(each.shape[1:], each.dtype)


def _axis(each: str | None) -> int | None:
    """The axis of the data along which the carries have theirs."""
    return 0 if each == OWN else None


@lru_cache(maxsize=64)
def _together(task: Task, batch_size: int, shuffle: bool, count: int, each: str | None) -> Any:
    """One program for a task with any numbers (`Task.numbers`), which are its first argument."""

    @Program
    def together(
        numbers: Any, carry: Carry, data: Batch, orders: Any, limit: Any, *when: Any
    ) -> tuple[Carry, StepReport]:
        key, first, begun = (*when, None) if len(when) == 2 else when

        def of_one(carry: Carry, data: Batch) -> tuple[Carry, StepReport]:
            return epochs(task.at(numbers), batch_size, shuffle, count, carry, data, key, first, begun, orders, limit)

        return of_one(carry, data) if each is None else jax.vmap(of_one, (0, _axis(each)))(carry, data)

    return together


@lru_cache(maxsize=64)
def compiled_step(task: Task) -> Any:
    """`Task.step` compiled on its own: (carry, batch, key) -> (carry, report)."""
    return Program(partial(checked_step, task))
