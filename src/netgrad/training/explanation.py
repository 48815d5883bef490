"""Where in a step of training the first number arises that is not finite: the step again, operation by operation."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LIBRARIES = tuple(str(Path(module.__file__).parent) for module in (jax, np) if module.__file__)
NETGRAD = str(Path(__file__).parents[1])


def first_non_finite(
    step: Callable[..., Any], carry: Any, batch: Any, key: jax.Array, report: Mapping[str, float]
) -> str:
    """In words: the array it stands in before the step, or the operation and the line of code that makes it.

    report: what the step reported; named where the step, run operation by operation, makes finite numbers only.
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(carry._asdict()):
        if jnp.issubdtype(leaf.dtype, jnp.inexact) and not jnp.isfinite(leaf).all():
            return f"{jax.tree_util.keystr(path, simple=True, separator='.')} before the step"
    try:
        with jax.debug_nans(True), jax.debug_infs(True), jax.disable_jit():
            step(carry, batch, key)
    except FloatingPointError as error:
        operation = re.search(r"encountered in ([\w.-]+)", str(error))
        made = f"what {operation[1]} makes" if operation else "what is made"
        frames = [f for f in traceback.extract_tb(error.__traceback__)[1:] if not f.filename.startswith(LIBRARIES)]
        own = [frame for frame in frames if not frame.filename.startswith(NETGRAD)] or frames  # the user's code first
        return f"{made} in {own[-1].name}, {Path(own[-1].filename).name} line {own[-1].lineno}"
    bad = [name for name, value in report.items() if not np.isfinite(value)]
    return f"the reported {' and '.join(bad)}"
