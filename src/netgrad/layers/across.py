"""Examples that are spread over several devices: what a layer that looks across its batch, or draws for it, asks.

Everywhere else a layer sees the whole batch, and all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp


@dataclass(frozen=True)
class Shares:
    """How a batch is spread: over so many devices along this axis of their mesh, each with equally many examples.

    examples: of the whole batch; where they do not divide, the last device's are filled up by some that do not count.
    together: whether batch normalisation takes its statistics over the whole batch.
    """

    axis: str
    devices: int
    examples: int
    together: bool = True

    @property
    def each(self) -> int:
        """The examples of one device, those that fill up included."""
        return -(-self.examples // self.devices)


_shares: ContextVar[Shares | None] = ContextVar("shares", default=None)


@contextmanager
def shared(shares: Shares) -> Iterator[None]:
    """What is traced within sees one device's share of a batch."""
    before = _shares.set(shares)
    try:
        yield
    finally:
        _shares.reset(before)


def spread() -> bool:
    """Whether this device sees a part of the batch only.

    >>> spread()
    False
    """
    return _shares.get() is not None


def total(value: Any) -> Any:
    """A sum over this device's examples as that over the whole batch.

    >>> total(3.0)
    3.0
    """
    shares = _shares.get()
    return value if shares is None else jax.lax.psum(value, shares.axis)


def statistic(value: Any) -> Any:
    """`total`, for statistics of a batch that are taken by device where that was asked for."""
    shares = _shares.get()
    return total(value) if shares is None or shares.together else value


def counts(rows: int) -> jax.Array | None:
    """Which of this device's rows are of examples that count, (rows,), or None where all are.

    rows: a multiple of its examples, where positions were made rows.
    """
    shares = _shares.get()
    if shares is None or shares.each * shares.devices == shares.examples:
        return None
    first = jax.lax.axis_index(shares.axis) * shares.each
    return jnp.repeat(first + jnp.arange(shares.each) < shares.examples, rows // shares.each)


def number(rows: int) -> int:
    """How many rows of all devices count where this one has so many.

    >>> number(5)
    5
    """
    shares = _shares.get()
    return rows if shares is None else rows // shares.each * shares.examples


def drawn(draw: Callable[[tuple[int, ...]], jax.Array], shape: tuple[int, ...], axis: int = 0) -> jax.Array:
    """What is drawn for examples (N, ...): ``draw(shape)``; of a shared batch, this device's part of what is drawn for
    all, so that it does not depend on the number of devices. JAX's numbers at a place depend on nothing but the place.

    axis: where the examples stand; only along the first do the others not move what each is given.
    """
    shares = _shares.get()
    if shares is None:
        return draw(shape)
    rows = shape[axis]
    all_rows = rows * shares.devices
    if axis:  # places are counted through the rows: those that fill up must not be there
        all_rows = rows // shares.each * shares.examples
    whole = draw((*shape[:axis], all_rows, *shape[axis + 1 :]))
    at = jax.lax.axis_index(shares.axis) * rows + jnp.arange(rows)
    return jnp.take(whole, jnp.minimum(at, all_rows - 1), axis=axis)
