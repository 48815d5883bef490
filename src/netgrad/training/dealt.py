"""A stream's chunks dealt out to the processes of a group: each reads every so-manieth one and hands it to the others.

So every chunk is read, decoded and checked once an epoch, and all devices have it, as if one process had read it: the
batches are those of one process whatever the number of processes and the sizes of chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import jax
import numpy as np
from safetensors.numpy import load, save

from netgrad.parallel.processes import in_turn
from netgrad.training.batch import Batch


def dealt(order: Sequence[int], read: Callable[[int], Batch]) -> Iterator[Batch]:
    """The chunks of this order, of which this process reads its share.

    >>> [chunk.size for chunk in dealt([1, 0], lambda i: Batch({"x": np.zeros((i + 1, 2))}, {}))]
    [2, 1]
    """
    processes, own = jax.process_count(), jax.process_index()
    for begun in range(0, len(order), processes):
        mine = order[begun + own : begun + own + 1]
        brought = packed(read(mine[0])) if mine else b""
        yield from map(unpacked, islice(in_turn(brought), len(order) - begun))


def packed(batch: Batch) -> bytes:
    """Examples as bytes, without anything that runs when they are read."""
    return save(
        {
            f"{part}/{name}": np.ascontiguousarray(array)
            for part, named in batch._asdict().items()
            for name, array in named.items()
        }
    )


def unpacked(message: bytes) -> Batch:
    """What `packed` made bytes of.

    >>> unpacked(packed(Batch({"x": np.eye(2)}, {"y": np.arange(2)}))).y
    {'y': array([0, 1])}
    """
    parts: dict[str, dict[str, np.ndarray]] = {part: {} for part in Batch._fields}
    for path, array in load(message).items():
        part, _, name = path.partition("/")
        parts[part][name] = array
    return Batch(**parts)
