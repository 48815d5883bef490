"""How a recurrent kernel or its twin is called: the arguments checked, completed and laid out in memory.

What the functions mean: `netgrad.kernels.recurrent` and `netgrad.kernels.recurrent_gradients`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.errors import ShapeError, unknown_name
from netgrad.kernels import recurrent_twins as twins
from netgrad.kernels.dispatch import call, vary_alike

Array = jax.Array

# How arguments and results lie in memory for the C++ code: examples last.
_SEQUENCE, _STATE, _ROWS = (1, 2, 0), (1, 0), None
LAYOUTS: dict[str, tuple[list, list]] = {
    "rnn_forward": ([_SEQUENCE, *[_ROWS] * 3, _STATE, _ROWS], [_SEQUENCE]),
    "rnn_backward": ([_SEQUENCE, _ROWS, _SEQUENCE, _ROWS, _STATE], [_SEQUENCE, _STATE]),
    "forget_gate_forward": ([_SEQUENCE, *[_ROWS] * 3, _STATE, _ROWS], [_SEQUENCE] * 2),
    "forget_gate_backward": (
        [_SEQUENCE, _ROWS, _SEQUENCE, _SEQUENCE, _STATE, _ROWS, _STATE],
        [_SEQUENCE, _STATE],
    ),
    "lstm_forward": ([_SEQUENCE, *[_ROWS] * 4, _STATE, _STATE, _ROWS], [_SEQUENCE] * 3),
    "lstm_backward": (
        [_SEQUENCE, _ROWS, _ROWS, _SEQUENCE, _SEQUENCE, _STATE, _ROWS, _STATE, _STATE],
        [_SEQUENCE, _STATE, _STATE],
    ),
    "weight_gradients": ([*[_SEQUENCE] * 3, _STATE, _ROWS], [_ROWS] * 3),
    "gru_weight_gradients": ([*[_SEQUENCE] * 4, _STATE, _ROWS], [_ROWS] * 3),
    "input_gradient": ([_SEQUENCE, _ROWS], [_SEQUENCE]),
    "sequence_dense_forward": ([_SEQUENCE, _ROWS, _ROWS], [_SEQUENCE]),
    "sequence_dense_gradients": ([_SEQUENCE] * 2, [_ROWS] * 2),
}
LAYOUTS["gru_forward"] = LAYOUTS["forget_gate_forward"]
LAYOUTS["gru_backward"] = LAYOUTS["forget_gate_backward"]
# A way back that ends in the weights' gradients: what it takes besides, and dW, dU, db in place of delta.
_BESIDES: dict[str, list] = {
    "rnn": [_SEQUENCE, _STATE],
    "forget_gate": [_SEQUENCE],
    "lstm": [_SEQUENCE, _SEQUENCE, _STATE],
    "gru": [_SEQUENCE],
}
for _cell, _besides in _BESIDES.items():
    _inputs, _outputs = LAYOUTS[f"{_cell}_backward"]
    LAYOUTS[f"{_cell}_gradients"] = ([*_inputs, *_besides], [_ROWS, _ROWS, _ROWS, *_outputs[1:]])


# A kernel's vectors hold one number of many examples: with one or two, XLA's products are up to four times as fast.
FEWEST_EXAMPLES = 3


def run(name: str, *arrays: Array, mask: Array | None = None, **attributes: Any) -> Any:
    """The results of kernel `name`, or of its twin: for a dropout mask, for one or two examples, for empty arrays."""
    if mask is not None:
        mask, *same = vary_alike(mask, *arrays)
        return getattr(twins, name)(*same, mask=mask, **attributes)
    twin = functools.partial(getattr(twins, name), **attributes)
    if arrays[0].size == 0 or arrays[0].shape[0] < FEWEST_EXAMPLES:
        return twin(*vary_alike(*arrays))
    inputs, outputs = LAYOUTS[name]
    return call(name, twin, *arrays, input_layouts=inputs, output_layouts=outputs, **attributes)


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


def spans(lengths: Array | None, like: Array) -> Array:
    """The given lengths (N,), or T for every sequence."""
    if lengths is None:
        return jnp.full(like.shape[0], like.shape[1], jnp.int32)
    check("lengths", lengths, (like.shape[0],))
    return lengths.astype(jnp.int32)


def peephole_weights(peepholes: Array | None, U: Array) -> Array:
    """The given peepholes (3, u), or zeros."""
    if peepholes is None:
        return jnp.zeros((3, U.shape[0]), U.dtype)
    check("peepholes", peepholes, (3, U.shape[0]))
    return peepholes


def check_activation(activation: str) -> None:
    """Raise an error that names the known ones unless the kernels know this activation."""
    if activation not in twins.ACTIVATIONS:
        raise unknown_name("activation", activation, twins.ACTIVATIONS)
