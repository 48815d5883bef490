"""What is known of parameters before they are drawn: their shapes, and the memory that they take."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.resources import gib, memory
from netgrad.types import Params, State


@lru_cache(maxsize=4096)
def shapes_made(layer: Layer, in_shape: Any, numbers: Any) -> tuple[Params, State]:
    """Shapes and types of a layer's parameters and state; known from one time to the next, since layers are alike.

    numbers: their type, which JAX's 64-bit mode changes.
    """
    made: tuple[Params, State] = jax.eval_shape(
        lambda: (layer.init(jax.random.key(0), in_shape), layer.init_state(in_shape))
    )
    return made


def checked_memory(made: dict[str, Any]) -> int:
    """How many bytes these parameters of layers take; refused where this process's memory does not hold them several
    times."""
    need = {name: sum(nbytes(leaf) for leaf in jax.tree.leaves(p)) for name, p in made.items()}
    have = memory()
    # Training holds parameters, gradients, the start of the epoch and at least one optimiser moment.
    if 4 * sum(need.values()) > have:
        worst = max(need, key=lambda name: need[name])
        raise NetgradError(
            f"training this network needs about {gib(4 * sum(need.values()))}, this process may have "
            f"{gib(have)}: {worst} alone has {gib(need[worst])} of weights, use fewer units"
        )
    return sum(need.values())


def is_key(key: Any) -> bool:
    """Whether this is a random key of JAX's, of either kind, and not a seed."""
    return isinstance(key, jax.Array) and (jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.ndim > 0)


def nbytes(leaf: Any) -> int:
    """The memory that an array takes, or would."""
    return int(np.prod(leaf.shape, dtype=np.float64)) * int(leaf.dtype.itemsize)
