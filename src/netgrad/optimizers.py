"""Optimisers by name; all are optax's, and any `optax.GradientTransformation` can be given instead of a name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import optax

from netgrad.errors import NetgradError, unknown_name

# Each name with its maker and the learning rate that its users start from.
OPTIMIZERS: dict[str, tuple[Any, float | None]] = {
    "sgd": (optax.sgd, 0.1),
    "momentum": (lambda rate: optax.sgd(rate, momentum=0.9), 0.05),
    "nesterov": (lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True), 0.05),
    "adagrad": (optax.adagrad, 0.05),
    "rmsprop": (optax.rmsprop, 1e-3),
    "adam": (optax.adam, 3e-3),
    "adamw": (optax.adamw, 3e-3),
    "lbfgs": (optax.lbfgs, None),
}


@lru_cache(maxsize=256)
def get(optimizer: Any, learning_rate: Any = None, clip_norm: float | None = None) -> Any:
    """The optimiser of this name, or the given one, behind gradient clipping where ``clip_norm`` is set.

    learning_rate: a number or an optax schedule (a function of the step); by default the name's own, see
    `OPTIMIZERS`. Equal arguments give the same object, so that compiled programs are found again.
    Raises `NetgradError` for unknown names, rates that are not positive, and a rate beside a ready optimiser.
    """
    if clip_norm is not None and not clip_norm > 0:
        raise NetgradError(f"clip_norm, the largest norm a gradient may have, must be positive, found {clip_norm}")
    if isinstance(learning_rate, int | float) and not learning_rate > 0:
        raise NetgradError(f"learning_rate must be positive, found {learning_rate}")
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise unknown_name("optimizer", optimizer, OPTIMIZERS)
        make, usual = OPTIMIZERS[optimizer]
        chosen = make(usual if learning_rate is None else learning_rate)
    elif not hasattr(optimizer, "update"):
        raise NetgradError(
            f"optimizer must be a name or an optax optimiser such as optax.sgd(0.1), found {optimizer!r}"
        )
    elif learning_rate is not None:
        raise NetgradError("learning_rate goes with an optimiser's name; an optax optimiser already has its own")
    else:
        chosen = optimizer
    return chosen if clip_norm is None else optax.chain(optax.clip_by_global_norm(clip_norm), chosen)
