"""An epoch as one compiled call a step, for tasks that are slow inside a compiled loop.

XLA's own convolution takes ten times as long within a scan on a CPU as on its own. Such layers say so
(`netgrad.layers.Layer.scannable`), so does their task (`netgrad.training.task.Task.scannable`), and their epochs run
here: the same batches in the same order with the same keys, only that Python stands between the steps. The numbers
agree to rounding, as the two programs are not fused alike. What `netgrad.kernels` computes needs none of this.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.compiling import Program
from netgrad.training.batch import Batch

Step = Callable[..., Any]


def epochs_by_step(step: Step, epoch_order: Step, step_key: Step, batch_size: int, shuffle: bool, count: int) -> Step:
    """A compiled `netgrad.training.epoch.epochs` again: (carry, data, key, first, begun, limit) -> (carry, reports).

    step: (carry, batch, key) -> (carry, report), one batch; it is compiled here.
    """

    @partial(Program, static_argnames="size")
    def one(carry: Any, data: Batch, order: jax.Array, key: jax.Array, i: Any, before: Any, size: int) -> Any:
        index = jax.lax.dynamic_slice_in_dim(order, i * batch_size, size)
        return step(carry, data.take(index), step_key(key, before + i))

    whole = Program(lambda carry, data, key, before: step(carry, data, step_key(key, before)))

    def run(
        carry: Any, data: Batch, key: jax.Array, first: int, begun: int | None = None, limit: int | None = None
    ) -> Any:
        n, before, reports = data.size, begun or 0, []
        epochs = count if limit is None else limit
        for epoch in range(epochs):
            own = jax.random.fold_in(key, first + epoch)
            if batch_size >= n:
                carry, report = whole(carry, data, own, before)
                reports.append(report)
                continue
            order = epoch_order(own, n, shuffle, begun)
            for i in range(-(-n // batch_size)):
                carry, report = one(carry, data, order, own, i, before, min(batch_size, n - i * batch_size))
                reports.append(report)
        return carry, jax.tree.map(lambda *v: jnp.stack(v).reshape(epochs, -1), *reports)

    return run
