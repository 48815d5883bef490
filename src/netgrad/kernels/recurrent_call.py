"""How a recurrent kernel or its reference is called: the arguments checked, completed and laid out in memory.

What the functions mean: `netgrad.kernels.recurrent` and `netgrad.kernels.recurrent_gradients`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import ShapeError
from netgrad.kernels.dispatch import call, vary_alike

Array = jax.Array

# How arguments and results lie in memory for the C++ code: examples last.
_SEQUENCE, _STATE, _ROWS = (1, 2, 0), (1, 0), None
_BACKWARD = [_SEQUENCE, _ROWS, _ROWS, *[_SEQUENCE] * 3, _STATE, _ROWS, _STATE]
LAYOUTS: dict[str, tuple[list, list]] = {
    "forward": ([_SEQUENCE, *[_ROWS] * 4, _STATE, _ROWS], [_SEQUENCE] * 3),
    "backward": (_BACKWARD, [_SEQUENCE, _STATE]),
    "gradients": ([*_BACKWARD, _SEQUENCE], [*[_ROWS] * 3, _STATE]),
    "recurrent_weight_gradients": ([*[_SEQUENCE] * 4, _STATE, _ROWS], [_ROWS] * 3),
    "input_gradient": ([_SEQUENCE, _ROWS], [_SEQUENCE]),
    "sequence_dense_forward": ([_SEQUENCE, _ROWS, _ROWS], [_SEQUENCE]),
    "sequence_dense_gradients": ([_SEQUENCE] * 2, [_ROWS] * 2),
}

# A kernel's vectors hold one number of many examples: with one or two, XLA's products are up to four times as fast.
FEWEST_EXAMPLES = 3


def run(
    name: str, reference: Callable, *arrays: Any, cell: str | None = "", mask: Array | None = None, **given: Any
) -> Any:
    """The results of a kernel, or of its reference: for a dropout mask, for one or two examples, for empty arrays.

    name: of the layouts, and of the kernel, followed by ``cell`` where it belongs to one; None: it has no kernel.
    """
    if cell is None or mask is not None or arrays[0].size == 0 or arrays[0].shape[0] < FEWEST_EXAMPLES:
        leaves, tree = jax.tree.flatten((arrays, {} if mask is None else {"mask": mask}))
        arrays, masks = jax.tree.unflatten(tree, vary_alike(*leaves))
        return reference(*arrays, **masks, **given)
    inputs, outputs = LAYOUTS[name]
    kernel = f"{name}_{cell}" if cell else name
    return call(kernel, partial(reference, **given), *arrays, input_layouts=inputs, output_layouts=outputs, **given)


def check(name: str, array: Array, expected: tuple[int, ...]) -> None:
    """Raise a `ShapeError` unless the array has the expected shape."""
    if array.shape != expected:
        raise ShapeError(f"{name} has shape {array.shape}, expected {expected}")


def check_weights(x: Array, W: Array, U: Array, b: Array, gates: int) -> None:
    """Raise a `ShapeError` unless the weights fit the inputs and each other."""
    if x.ndim != 3:
        raise ShapeError(f"x has shape {x.shape}, expected (N, T, d): sequences of vectors, examples first")
    units = U.shape[0]
    check("W", W, (x.shape[2], gates * units))
    check("U", U, (units, gates * units))
    check("b", b, (gates * units,))


def initial_state(state: Array | None, like: Array, units: int, name: str) -> Array:
    """The given state (N, u), or zeros."""
    if state is None:
        return jnp.zeros((like.shape[0], units), like.dtype)
    check(name, state, (like.shape[0], units))
    return state


def full_lengths(lengths: Array | None, like: Array) -> Array:
    """The given lengths (N,), or T for every sequence."""
    if lengths is None:
        return jnp.full(like.shape[0], like.shape[1], jnp.int32)
    check("lengths", lengths, (like.shape[0],))
    return lengths.astype(jnp.int32)
