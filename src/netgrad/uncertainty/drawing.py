"""Targets drawn from what a model predicts, where its output is a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import as_seed
from netgrad.errors import NetgradError
from netgrad.mixture_density import MixtureDensity

if TYPE_CHECKING:
    from netgrad.training.model import Model


def draw(model: Model, x: Any, samples: int = 1, lengths: Any = None, seed: int = 0) -> np.ndarray:
    """(samples, N, ..., d), or (samples, N, ...) of one target: from the predicted mixture, in the target's terms.

    For a model trained with `netgrad.MixtureDensity`; `NetgradError` for others.

    >>> import netgrad as ng, numpy as np
    >>> loss = ng.MixtureDensity(2)
    >>> model = ng.untrained(ng.Sequential([ng.Dense(loss.units(1))]), np.eye(3), [0.1, 0.2, 0.3], loss=loss)
    >>> ng.uncertainty.draw(model, np.eye(3), 100).shape
    (100, 3)
    """
    ((name, loss, _), *others) = model.objective.terms
    if others or not isinstance(loss, MixtureDensity):
        raise NetgradError("targets are drawn from a mixture: train with loss=ng.MixtureDensity(...), and one output")
    if not isinstance(samples, int) or samples < 1:
        raise NetgradError(f"samples must be a whole number of at least 1, found {samples!r}")
    drawn = loss.draw(jax.random.key(as_seed(seed)), jnp.asarray(model.outputs(x, lengths)[name]), samples)
    return np.stack([model._decide(loss, np.asarray(one)) for one in drawn])
