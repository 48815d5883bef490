"""Programs that run too seldom to be worth polishing, and the random keys that such programs make from a seed.

XLA polishes whatever it compiles, with fusions and LLVM's second and third round of optimisation. Drawing a network's
first weights takes milliseconds, and polishing that program took longer than compiling all the rest of its training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

UNPOLISHED = {"xla_backend_optimization_level": 1, "xla_cpu_use_fusion_emitters": False}

INITIAL, ORDER, STARTS = range(3)  # what a seed's keys are for


def compiled_quickly(function: Callable[..., Any], static_argnums: tuple[int, ...] = ()) -> Callable[..., Any]:
    """``function`` as a program that compiles in a third of the time and may run slower; its numbers are the same."""
    alone = jax.jit(function, static_argnums=static_argnums, compiler_options=UNPOLISHED)
    within = jax.jit(function, static_argnums=static_argnums)

    @wraps(function)
    def run(*arguments: Any) -> Any:
        # JAX takes no options for a part of another program; while one is traced, whatever is made is a tracer.
        return (within if isinstance(jnp.zeros(()), jax.core.Tracer) else alone)(*arguments)

    return run


def random_key(seed: int, purpose: int) -> jax.Array:
    """One of a seed's keys: for the INITIAL parameters, for the ORDER of the examples or for further STARTS.

    >>> from netgrad.compiling import INITIAL, random_key
    >>> bool(random_key(3, INITIAL) == jax.random.fold_in(jax.random.key(3), 0))
    True
    """
    return _key(np.int64(seed), purpose)


@compiled_quickly
def _key(seed: Any, purpose: Any) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed), purpose)
