"""Truncated backpropagation through time: long sequences in pieces, each starting from the state the last one left.

The way forward goes through the whole sequence; the way back stops at the border of each piece. (Kelleher,
"Backpropagation through time": "a typical size for a subsequence might be 20 inputs"; Pattipati: "initialize hidden
variables from last unroll".)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.network import Network, stream_state
from netgrad.training.batch import Batch
from netgrad.training.prepare import in_shapes
from netgrad.types import Shape, State


def check_pieces(network: Network, data: Batch) -> None:
    """Refuse data without a common time axis, and networks that keep nothing from one piece to the next."""
    steps = {name: value.shape[1:2] for name, value in (data.x | data.y).items()}
    if len(set(steps.values())) != 1 or () in steps.values():
        found = ", ".join(f"{name} {value.shape}" for name, value in (data.x | data.y).items())
        raise ShapeError(
            f"truncate cuts sequences of one length: inputs and targets must be (N, T, ...), found {found}"
        )
    if not with_streams(network, {}, data.size, in_shapes(data.x)):
        raise NetgradError("truncate is for recurrent networks: this one has no layer that carries a state on")


def with_streams(network: Network, state: State, n: int, shapes: Mapping[str, Shape]) -> State:
    """The network's state with that of ``n`` long sequences before their first step.

    shapes: of the inputs, one whole sequence each, without the axis of examples.
    """
    both: State = _both(state, stream_state(network, n, network.shapes(shapes)))
    return both


def _both(state: Any, streams: Any) -> Any:
    """What either holds: a stack may have running statistics and a stream."""
    if not isinstance(streams, dict):
        return streams
    return state | {name: _both(state.get(name, {}), kept) for name, kept in streams.items()}


def without_streams(state: Any, before: Any) -> Any:
    """The state that stays when the sequences are done."""
    if not isinstance(before, dict):
        return state
    return {name: without_streams(state[name], kept) for name, kept in before.items()}


def pieces(batch: Batch, truncate: int) -> Batch:
    """The batch in pieces of ``truncate`` time-steps, along a new first axis; the last is padded to full size.

    >>> import numpy as np
    >>> x = np.arange(10.0).reshape(2, 5, 1)
    >>> cut = pieces(Batch({"x": x}, {"y": x}), 3)
    >>> cut.x["x"].shape, cut.lengths["x"].tolist()
    ((2, 2, 3, 1), [[3, 3], [2, 2]])
    """
    n, steps = next(iter(batch.x.values())).shape[:2]
    count = -(-steps // truncate)

    def cut(value: Any) -> Any:
        value = jnp.pad(value, ((0, 0), (0, count * truncate - steps), *((0, 0),) * (value.ndim - 2)))
        return jnp.swapaxes(value.reshape(n, count, truncate, *value.shape[2:]), 0, 1)

    starts = jnp.arange(count)[:, None] * truncate
    lengths = {name: batch.lengths.get(name, jnp.full(n, steps, jnp.int32)) for name in batch.x}
    return Batch(
        jax.tree.map(cut, batch.x),
        jax.tree.map(cut, batch.y),
        {k: cut(w) if w.ndim > 1 else jnp.broadcast_to(w, (count, n)) for k, w in batch.weights.items()},
        {name: jnp.clip(span - starts, 0, truncate) for name, span in lengths.items()},
    )
