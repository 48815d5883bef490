"""How good predictions are: loss and one or two plain measures for each kind of task."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from netgrad.losses import Loss
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, position_weights


def score(objective: Objective, outputs: dict[str, Any], batch: Batch, lengths: dict[str, Any]) -> dict[str, Any]:
    """Loss (without penalties) and metrics of these outputs.

    Keys: ``loss``, then for each output ``accuracy`` (classification: share of examples right; multilabel: share
    of labels right) or ``rmse`` and ``r2`` (regression), preceded by the output's name and a dot where there are
    several outputs.
    """
    scores = {"loss": objective.errors(outputs, batch, lengths)[0]}
    for name, loss, _ in objective.terms:
        prefix = "" if len(objective.terms) == 1 else f"{name}."
        w = position_weights(outputs[name].shape[:-1], batch.weights.get(name), lengths.get(name))
        scores |= {prefix + key: value for key, value in _measures(loss, outputs[name], batch.y[name], w).items()}
    return scores


def _measures(loss: Loss, output: jax.Array, target: jax.Array, w: jax.Array | None) -> dict[str, jax.Array]:
    w = jnp.ones(output.shape[:-1]) if w is None else w
    if loss.task == "classification":
        truth = target if target.ndim == output.ndim - 1 else target.argmax(-1)
        return {"accuracy": _mean(output.argmax(-1) == truth, w)}
    if loss.task == "multilabel":
        right = (loss.link(output) >= 0.5) == (target >= 0.5)
        return {"accuracy": _mean(right.mean(-1), w)}
    output = loss.link(output)
    square = _mean(((output - target) ** 2).mean(-1), w)
    centre = _mean(target, w[..., None], axis=tuple(range(target.ndim - 1)))
    spread = _mean(((target - centre) ** 2).mean(-1), w)
    return {"rmse": jnp.sqrt(square), "r2": 1 - square / spread}


def _mean(values: jax.Array, w: jax.Array, axis: Any = None) -> jax.Array:
    values = jnp.where(w != 0, values, 0)
    return jnp.sum(values * w, axis) / jnp.sum(jnp.broadcast_to(w, values.shape), axis)
