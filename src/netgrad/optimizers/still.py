"""An optimiser that some parameters are kept from: those that are frozen, and masks."""

from __future__ import annotations

from functools import lru_cache, wraps
from typing import Any

import jax
import jax.numpy as jnp
import optax

from netgrad.errors import NetgradError
from netgrad.trees import completed, trained


@lru_cache(maxsize=256)
def leaving(optimizer: Any, untrained: tuple[tuple[str, str], ...]) -> Any:
    """The optimiser for all parameters but these (`netgrad.network.parameters.Parameters.untrained`).

    It sees those that are trained, and nothing of the others: no decay, momentum or damping reaches them, and they
    weigh nothing in a norm, a line search or a matrix. Its state is the optimiser's own.

    >>> params = {"dense_1": {"W": jnp.ones(2)}, "dense_2": {"W": jnp.ones(2)}}
    >>> optimizer = leaving(optax.adamw(0.1, weight_decay=1.0), (("dense_1", "*"),))
    >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
    >>> updates["dense_1"]["W"].tolist(), bool((updates["dense_2"]["W"] < 0).all())
    ([0.0, 0.0], True)
    """
    if not untrained:
        return optimizer
    own = optax.with_extra_args_support(optimizer)

    def init(params: Any) -> Any:
        moving = trained(params, untrained)
        if not jax.tree.leaves(moving):
            raise NetgradError("every parameter is frozen, nothing is left to train: freeze fewer layers")
        return own.init(moving)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        if "grad" in extra:
            extra["grad"] = trained(extra["grad"], untrained)
        if "value_fn" in extra:
            whole = extra["value_fn"]

            @wraps(whole)  # optax's line searches look at its signature
            def value_fn(part: Any, **more: Any) -> Any:
                return whole(completed(params, part), **more)

            extra["value_fn"] = value_fn
        if "linearise" in extra:
            linearise = extra["linearise"]

            def here() -> Any:
                every = linearise()
                return every._replace(jacobian=trained(every.jacobian, untrained))

            extra["linearise"] = here
        if "curve" in extra:
            curve, none = extra["curve"], jax.tree.map(jnp.zeros_like, updates)
            extra["curve"] = lambda direction: trained(curve(completed(none, direction)), untrained)
        part = None if params is None else trained(params, untrained)
        moved, state = own.update(trained(updates, untrained), state, part, **extra)
        return completed(jax.tree.map(jnp.zeros_like, updates), moved), state

    return optax.GradientTransformationExtraArgs(init, update)
