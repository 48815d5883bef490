"""Checks of what estimators are set to: at `fit`, as scikit-learn wants it, and in one line."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

from netgrad.errors import NetgradError, unknown_name
from netgrad.optimizers import OPTIMIZERS
from netgrad.training.callbacks import Callback

RATES = ("constant", "invscaling", "adaptive")


def check_settings(estimator: Any) -> None:
    """Refuse settings that mean nothing: those of `netgrad.estimators.base.Estimator`."""
    loss = getattr(estimator, "loss", None)
    if isinstance(loss, int | list | tuple):
        raise NetgradError(
            f"loss={loss!r} is no loss: as in scikit-learn, loss is the first argument of MLPRegressor, and "
            f"hidden_layer_sizes the second; write hidden_layer_sizes={loss!r}"
        )
    if not isinstance(estimator.solver, str) or estimator.solver not in OPTIMIZERS:
        raise unknown_name("solver", estimator.solver, OPTIMIZERS)
    if estimator.learning_rate not in RATES:
        raise unknown_name("learning_rate", estimator.learning_rate, RATES)
    for name in ("max_iter", "n_starts", "max_fun"):
        whole(name, getattr(estimator, name))
    if estimator.n_iter_no_change != math.inf:
        whole("n_iter_no_change", estimator.n_iter_no_change)
    if estimator.batch_size != "auto":
        whole("batch_size", estimator.batch_size)
    for name in ("alpha", "power_t", "tol"):
        number(name, getattr(estimator, name), lowest=0)
    for name in ("momentum", "beta_1", "beta_2"):
        number(name, getattr(estimator, name), lowest=0, highest=1)
    for name in ("learning_rate_init", "epsilon"):
        number(name, getattr(estimator, name), above=0)
    if estimator.clip_norm is not None:
        number("clip_norm", estimator.clip_norm, above=0)
    several = isinstance(estimator.callbacks, list | tuple)
    if not several or not all(isinstance(callback, Callback) for callback in estimator.callbacks):
        raise NetgradError(f"callbacks must be a list of netgrad.Callbacks, found {estimator.callbacks!r}")
    if estimator.early_stopping:
        number("validation_fraction", estimator.validation_fraction, above=0, highest=1)


def whole(name: str, value: Any) -> None:
    """Refuse what is not a whole number of at least 1."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise NetgradError(f"{name} must be a whole number of at least 1, found {value!r}")


def number(name: str, value: Any, *, lowest: float = -math.inf, above: float = -math.inf, highest: Any = None) -> None:
    """Refuse what is not a number in this range."""
    right = isinstance(value, Real) and not isinstance(value, bool) and lowest <= float(value) and above < float(value)
    if not right or (highest is not None and value > highest):
        least = f"of at least {lowest:g}" if above == -math.inf else f"above {above:g}"
        most = "" if highest is None else f" and at most {highest:g}"
        raise NetgradError(f"{name} must be a number {least}{most}, found {value!r}")


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """The sizes of hidden layers or convolutions: a whole number, or several.

    >>> sizes("hidden_layer_sizes", [64, 32]), sizes("hidden_layer_sizes", 10)
    ((64, 32), (10,))
    """
    several = tuple(value) if hasattr(value, "__iter__") else (value,)
    for one in several:
        whole(name, one)
    return tuple(int(one) for one in several)
