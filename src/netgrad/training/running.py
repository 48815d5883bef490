"""A network over examples, compiled: its outputs and their scores, a bounded number of examples at a time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import numpy as np

from netgrad.compiling import Program
from netgrad.network import Network, forward, fused
from netgrad.training.batch import Batch
from netgrad.training.metrics import score
from netgrad.training.objective import Objective
from netgrad.types import Named, Params, State

AT_ONCE = 4096  # examples at once in prediction: bounds its memory, whatever N


def run(
    network: Network, linked: Objective | None, params: Params, state: State, batch: Batch, key: jax.Array | None = None
) -> tuple[Named, Named]:
    """Outputs and their lengths by name; with an objective what they mean to it, see `Loss.link`; a key draws."""
    program = compiled_forward(network, linked)
    n = batch.size
    parts = []
    for start in range(0, n, AT_ONCE):
        part = batch if n <= AT_ONCE else batch.take(slice(start, start + AT_ONCE))
        part_key = None if key is None else jax.random.fold_in(key, start)
        parts.append(program(params, state, part.x, part.lengths, part_key))
    outputs, lengths = (
        {name: np.asarray(part[name]) if n <= AT_ONCE else np.concatenate([p[i][name] for p in parts]) for name in part}
        for i, part in enumerate(parts[0])
    )
    return outputs, lengths


@lru_cache(maxsize=64)
def compiled_forward(network: Network, linked: Objective | None) -> Any:
    """The program of `run`."""

    def outputs_of(
        params: Params, state: State, x: Named, lengths: Named, key: jax.Array | None
    ) -> tuple[Named, Named]:
        run = network if lengths else fused(network)
        done = forward(run, params, state, x, key=key, lengths=lengths, outputs_only=True)
        outputs = dict(done.outputs)
        for name, loss, _ in linked.terms if linked is not None else ():
            outputs[name] = loss.link(outputs[name])
        return outputs, {name: span for name, span in done.lengths.items() if span is not None}

    return Program(outputs_of)


@lru_cache(maxsize=64)
def compiled_score(objective: Objective) -> Any:
    """The program of `netgrad.training.metrics.score`."""
    return Program(lambda outputs, batch, lengths: score(objective, outputs, batch, lengths))


@lru_cache(maxsize=64)
def compiled_scores(network: Network, objective: Objective) -> Any:
    """The scores of several networks on the same examples, their parameters stacked along a first axis."""
    program = compiled_forward(network, None)

    def scores_of(params: Params, state: State, batch: Batch) -> dict[str, jax.Array]:
        outputs, lengths = program(params, state, batch.x, batch.lengths, None)
        return score(objective, outputs, batch, lengths)

    return Program(jax.vmap(scores_of, (0, 0, None)))
