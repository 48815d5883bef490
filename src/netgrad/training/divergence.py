"""Where training diverged: the failed steps again, one by one, up to the first number that is not finite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import DivergenceError
from netgrad.network import Network, Trace
from netgrad.training.epoch import Carry, StepReport, compiled_step, step_key
from netgrad.training.objective import Batch, Objective, trace_batch
from netgrad.training.truncated import pieces, with_streams, without_streams


def first_bad(reports: StepReport) -> int | None:
    """The number of the first step whose loss or gradient is not finite, or None."""
    bad = np.flatnonzero(~(np.isfinite(reports.loss) & np.isfinite(reports.grad_norm)))
    return int(bad[0]) if len(bad) else None


def divergence(
    network: Network,
    objective: Objective,
    optimizer: Any,
    carry: Carry,
    steps: Iterable[tuple[str, Batch, jax.Array]],
    bad: int,
    truncate: int | None = None,
) -> DivergenceError:
    """The error that names the place.

    carry: what the first of the ``steps`` began with; steps: where each stands, its batch and its random key, with the
    failed one at number ``bad``.
    """
    one = compiled_step(network, objective, optimizer)
    for number, (where, batch, key) in enumerate(steps):
        kept = carry.state
        if truncate is not None:
            carry = carry._replace(state=with_streams(network, kept, batch.size))
        for part, part_key in _parts(batch, key, truncate):
            if number == bad:
                trace = trace_batch(network, objective, carry.params, carry.state, part, part_key, True)
                place = trace.first_non_finite()
                if place or truncate is None:
                    return DivergenceError(
                        f"training diverged at {where}: the first number that is not finite is in "
                        f"{place or _overflow(trace)}; "
                        "try a lower learning rate, clip_norm=1.0, or inputs on a smaller scale"
                    )
            carry, _ = one(carry, part, part_key)
        carry = carry._replace(state=without_streams(carry.state, kept))
    raise AssertionError("a reported step is always replayed")


def _parts(batch: Batch, key: jax.Array, truncate: int | None) -> list[tuple[Batch, jax.Array]]:
    """What `netgrad.training.epoch.walk` steps on, one after the other."""
    if truncate is None:
        return [(batch, key)]
    cut = pieces(batch, truncate)
    count = next(iter(cut.lengths.values())).shape[0]
    return [(cut.take(i), step_key(key, i)) for i in range(count)]


def _overflow(trace: Trace) -> str:
    """Every gradient is finite and yet their norm is not: say where the largest stands."""
    sizes = {
        f"{key} of layer {node.name}": max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(node[key]))
        for node in trace.values()
        for key in node.values
        if key.startswith("d") and key not in ("d_in", "delta")
    }
    return f"the norm of the gradient, which overflowed; its largest part is {max(sizes, key=lambda k: sizes[k])}"
