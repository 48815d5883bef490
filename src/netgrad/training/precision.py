"""What a training step computes in: in what the parameters are, or in bfloat16 beside parameters in float32.

bfloat16 has float32's range and 8 bits of its 24. The way forward and the way back through the layers are computed in
it; parameters, what layers remember, loss, penalties and the optimiser stay in float32, so that small steps add up.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError
from netgrad.optimizers import OPTIMIZERS

BFLOAT16 = "bfloat16"


def as_dtype(dtype: Any, optimizer: Any) -> str | None:
    """What ``dtype=`` of `netgrad.fit` stands for: "bfloat16", or None for what parameters are in anyway.

    optimizer: its name, or one of optax. Raises `NetgradError` for other types, and for optimisers that compare losses
    closer than bfloat16 tells them apart.

    >>> as_dtype("float32", "adam") is None, as_dtype(jnp.bfloat16, "adam")
    (True, 'bfloat16')
    """
    usual = jnp.result_type(float).name
    try:
        name = usual if dtype is None else np.dtype(dtype).name
    except TypeError:
        name = repr(dtype)
    if name == usual:
        return None
    if name == "float16":
        raise NetgradError(f"dtype 'float16' rounds small gradients to 0: give 'bfloat16', which has {usual}'s range")
    if name != BFLOAT16:
        raise NetgradError(f"dtype is what steps compute in, 'bfloat16' or {usual!r}, found {dtype!r}")
    if isinstance(optimizer, str) and OPTIMIZERS[optimizer][1] is None:
        raise too_coarse(optimizer)
    return BFLOAT16


def too_coarse(optimizer: str) -> NetgradError:
    """What is said of an optimiser that needs its numbers whole."""
    return NetgradError(f"{optimizer} compares losses that are too close for bfloat16: leave dtype out")


def narrowed(tree: Any, dtype: str | None) -> Any:
    """Its floating numbers in this type, whole ones as they are; None leaves all as it is.

    >>> narrowed({"x": jnp.ones(2), "symbols": jnp.arange(2)}, "bfloat16")["x"].dtype.name
    'bfloat16'
    """
    if dtype is None:
        return tree
    return jax.tree.map(lambda v: v.astype(dtype) if jnp.issubdtype(v.dtype, jnp.floating) else v, tree)


def like(tree: Any, other: Any) -> Any:
    """Each array in the type of that in the other's place."""
    return jax.tree.map(lambda v, o: v.astype(o.dtype), tree, other)
