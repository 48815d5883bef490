"""Optimisers by name. Any `optax.GradientTransformation` can be given instead of a name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import optax

from netgrad.errors import NetgradError
from netgrad.habits import refuse_foreign, translated
from netgrad.optimizers.conjugate import conjugate_gradient, memoryless_quasi_newton, scaled_conjugate_gradient
from netgrad.optimizers.first_order import delta_bar_delta, quickprop
from netgrad.optimizers.kalman import meka
from netgrad.optimizers.layerwise import Paces, layerwise, paced
from netgrad.optimizers.line_search import lbfgs
from netgrad.optimizers.second_order import gauss_newton, levenberg_marquardt, newton
from netgrad.optimizers.still import leaving
from netgrad.trees import norm


def rprop(learning_rate: float) -> optax.GradientTransformationExtraArgs:
    """`optax.rprop`, whose steps begin at this rate and then follow the signs of the gradient alone."""
    if callable(learning_rate):
        raise NetgradError("rprop only begins at learning_rate and then paces itself: give it a number, no schedule")
    return optax.rprop(learning_rate)


# Each name with its maker and the learning rate that its users start from; None where the method finds its own step.
OPTIMIZERS: dict[str, tuple[Any, float | None]] = {
    "sgd": (optax.sgd, 0.1),
    "momentum": (lambda rate: optax.sgd(rate, momentum=0.9), 0.05),
    "nesterov": (lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True), 0.05),
    "adagrad": (optax.adagrad, 0.05),
    "rmsprop": (optax.rmsprop, 1e-3),
    "adam": (optax.adam, 3e-3),
    "adamw": (optax.adamw, 3e-3),
    "delta_bar_delta": (delta_bar_delta, 0.1),
    "quickprop": (quickprop, 0.1),
    "rprop": (rprop, 0.01),
    "lbfgs": (lbfgs, None),
    "memoryless_quasi_newton": (memoryless_quasi_newton, None),
    "conjugate_gradient": (conjugate_gradient, None),
    "scaled_conjugate_gradient": (scaled_conjugate_gradient, None),
    "newton": (newton, None),
    "gauss_newton": (gauss_newton, None),
    "levenberg_marquardt": (levenberg_marquardt, None),
    "meka": (meka, None),
}


def named(optimizer: Any) -> Any:
    """An optimiser's name as it stands in `OPTIMIZERS`, however others spell it; anything else as it is."""
    refuse_foreign("optimizer", optimizer, OPTIMIZERS)
    return translated("optimizer", optimizer, OPTIMIZERS).name if isinstance(optimizer, str) else optimizer


def takes_schedule(name: str) -> bool:
    """Whether the learning rate of this optimiser means something in every step."""
    return OPTIMIZERS[name][1] is not None and OPTIMIZERS[name][0] is not rprop


def get(
    optimizer: Any,
    learning_rate: Any = None,
    clip_norm: float | None = None,
    untrained: tuple[tuple[str, str], ...] = (),
    factors: Paces = (),
) -> Any:
    """The optimiser of this name, or the given one, behind gradient clipping where ``clip_norm`` is set.

    learning_rate: a number or an optax schedule (a function of the step); or a dict of them by layer, where layers
    left out keep the name's own; by default that of `OPTIMIZERS`. untrained: the parameters that it leaves alone, a
    network's `untrained`. factors: on the rates of some parameters, see `paced`. Equal arguments give the same object,
    so that compiled programs are found again.
    Raises `NetgradError` for unknown names, rates that are not positive, a rate beside a ready optimiser, and a rate or
    clipping for a method that finds its own step.

    >>> get("sgd", 0.1) is get("sgd", 0.1)
    True
    """
    rates = tuple(sorted(learning_rate.items())) if isinstance(learning_rate, Mapping) else None
    if factors and isinstance(optimizer, str) and not takes_schedule(name := named(optimizer)):
        raise NetgradError(f"{name} finds the length of its steps itself: leave layer_rates out")
    chosen = _get(optimizer, learning_rate if rates is None else None, rates, clip_norm)
    return leaving(paced(chosen, factors), untrained)


@lru_cache(maxsize=256)
def _get(optimizer: Any, rate: Any, rates: tuple[tuple[str, Any], ...] | None, clip_norm: float | None) -> Any:
    if clip_norm is not None and not clip_norm > 0:
        raise NetgradError(f"clip_norm, the largest norm a gradient may have, must be positive, found {clip_norm}")
    for layer, value in rates or ():
        if isinstance(value, int | float) and value == 0:
            raise NetgradError(
                f"learning_rate must be positive, found 0 for {layer}: keep it as it is by frozen={layer!r}"
            )
    for value in (rate, *(value for _, value in rates or ())):
        if isinstance(value, int | float) and not value > 0:
            raise NetgradError(f"learning_rate must be positive, found {value}")
    if isinstance(optimizer, str):
        chosen = _by_name(optimizer, rate, rates, clip_norm)
    elif not hasattr(optimizer, "update"):
        raise NetgradError(
            f"optimizer must be a name or an optax optimiser such as optax.sgd(0.1), found {optimizer!r}"
        )
    elif rate is not None or rates is not None:
        raise NetgradError("learning_rate goes with an optimiser's name; an optax optimiser already has its own")
    else:
        chosen = optimizer
    return chosen if clip_norm is None else optax.chain(clipped(clip_norm), chosen)


def clipped(limit: float) -> optax.GradientTransformation:
    """All gradients by one factor smaller, where their norm is larger than ``limit``: what `optax.clip_by_global_norm`
    does, with the norm that the history has, too, and that compiles in a short time (`netgrad.trees.total`)."""

    def update(updates: Any, state: optax.EmptyState, params: Any = None) -> tuple[Any, optax.EmptyState]:
        size = norm(updates)
        return jax.tree.map(lambda g: jnp.where(size < limit, g, g / size * limit), updates), state

    return optax.GradientTransformation(optax.init_empty_state, update)


def _by_name(name: str, rate: Any, rates: tuple[tuple[str, Any], ...] | None, clip_norm: float | None) -> Any:
    name = named(name)
    make, usual = OPTIMIZERS[name]
    if usual is None:
        given = "clip_norm" if clip_norm is not None else "learning_rate"
        if rate is not None or rates is not None or clip_norm is not None:
            raise NetgradError(f"{name} finds the length of its steps itself: leave {given} out")
        return make()
    if rates is not None:
        return layerwise({layer: make(value) for layer, value in rates}, make(usual))
    return make(usual if rate is None else rate)
