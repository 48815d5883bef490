"""Cross-entropies over sequences: error and gradient in one pass over the logits."""

from __future__ import annotations

from collections.abc import Callable

import jax

from netgrad.kernels.dispatch import call

_EXAMPLES_LAST = (1, 2, 0)


def weighted_loss(
    name: str,
    reference: Callable[..., tuple[jax.Array, jax.Array]],
    output: jax.Array,
    target: jax.Array,
    weight: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """``reference(output, target, weight)``, see `netgrad.losses.Loss.weighted`, by a kernel for outputs (N, T, k).

    name: "logistic_cross_entropy" with targets (N, T, k), or "softmax_cross_entropy" with class numbers (N, T).
    weight: one number, or (N, T).
    """
    if output.ndim != 3 or output.size == 0 or (name == "softmax_cross_entropy" and target.dtype != "int32"):
        return reference(output, target, weight)
    return call(
        name,
        reference,
        output,
        target,
        weight,
        input_layouts=[_EXAMPLES_LAST, None, (1, 0) if weight.ndim else None],
        output_layouts=[None, _EXAMPLES_LAST],
    )
