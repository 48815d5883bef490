"""The loop over time of every recurrent cell in plain JAX, and what belongs to it: runs wherever XLA does.

Each function here has a C++ counterpart; `netgrad.kernels.recurrent` and `recurrent_gradients` document both and
choose. A sequence that has ended keeps its state, emits zeros and gets zero gradients, whatever its padding holds.
`reverse` runs time backwards: a sequence then starts at its own last valid step, because until then it keeps its
initial state. `mask (N, u)`, which only the reference knows, multiplies h before it meets U: recurrent dropout, one
mask a sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.kernels.cell import Cell, Moment

Array = jax.Array


def valid_steps(steps: int, lengths: Array) -> Array:
    """(N, T, 1), true where the step belongs to the sequence."""
    return (jnp.arange(steps) < lengths[:, None])[..., None]


def masked(h: Array, mask: Array | None) -> Array:
    """What recurrent dropout leaves of h (N, u) on its way to the next step; without a mask, all of it."""
    return h if mask is None else h * mask


def previous_states(states: Array, initial: Array, lengths: Array, reverse: bool) -> Array:
    """The state that each step started from, (N, T, u)."""
    first = initial[:, None]
    if not reverse:
        return jnp.concatenate([first, states[:, :-1]], axis=1)
    later = jnp.concatenate([states[:, 1:], first], axis=1)
    return jnp.where(valid_steps(states.shape[1], lengths - 1), later, first)


def scan(step: Callable, state: Any, inputs: Any, lengths: Array, reverse: bool) -> tuple[Any, Any]:
    """`lax.scan` of `step(state, inputs) -> (state, outputs)` over axis 1, within valid parts."""
    valid = valid_steps(jax.tree.leaves(inputs)[0].shape[1], lengths)
    # The padding is cleared before the equations see it: zero times NaN would be NaN.
    clean = jax.tree.map(lambda a: jnp.swapaxes(jnp.where(valid, a, 0), 0, 1), inputs)

    def masked(state: Any, now: Any) -> tuple[Any, Any]:
        inputs, valid = now
        new, outputs = step(state, inputs)
        kept = jax.tree.map(lambda a, b: jnp.where(valid, a, b), new, state)
        return kept, jax.tree.map(lambda a: jnp.where(valid, a, 0), outputs)

    state, outputs = jax.lax.scan(masked, state, (clean, jnp.swapaxes(valid, 0, 1)), reverse=reverse)
    return state, jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), outputs)


class Back(NamedTuple):
    """The way back of all time-steps, (N, T, ...), named as in `netgrad.kernels.cell.StepBack`, and d_start (N, s).

    The kernels write down no d_gates and d_states.
    """

    delta: Array
    d_start: Array
    d_gates: Any = None
    d_states: Any = None


def states_of(cell: Cell, joined: Array) -> tuple[Array, ...]:
    """A state (N, s) as its vectors (N, u)."""
    return tuple(jnp.split(joined, cell.memories, axis=-1))


def moment(
    cell: Cell, h: Array, c: Array, gates: Array, start: Array, lengths: Array, *, reverse: bool, mask: Array | None
) -> Moment:
    """What every time-step met and made, all arrays (N, T, ...)."""
    states = (h, c)[: cell.memories]
    starts = states_of(cell, start)
    before = tuple(previous_states(s, first, lengths, reverse) for s, first in zip(states, starts, strict=True))
    return Moment(gates, masked(before[0], None if mask is None else mask[:, None]), before, states)


def forward(
    cell: Cell,
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    own: Any,
    start: Array,
    lengths: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> tuple[Array, Array, Array]:
    def step(before: tuple[Array, ...], x_t: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        made = cell.step(U, own, x_t @ W + b, masked(before[0], mask), before)
        return made.states, (*made.states, made.gates)

    (h, *c, gates) = scan(step, states_of(cell, start), x, lengths, reverse)[1]
    return h, c[0] if c else h[..., :0], gates


def forward_h(cell: Cell, *arrays: Any, **given: Any) -> tuple[Array, Array, Array]:
    """`forward` where only h is asked for."""
    h = forward(cell, *arrays, **given)[0]
    return h, h[..., :0], h[..., :0]


def walk_back(
    cell: Cell,
    d_h: Array,
    U: Array,
    own: Any,
    h: Array,
    c: Array,
    gates: Array,
    start: Array,
    lengths: Array,
    d_last: Array,
    *,
    reverse: bool,
    mask: Array | None = None,
) -> Back:
    """The way back with everything that there is to see."""

    def step(later: tuple[Array, ...], now: tuple[Array, Moment]) -> tuple[tuple[Array, ...], tuple]:
        d_h_t, at = now
        back = cell.step_back(U, own, at, (d_h_t + later[0], *later[1:]))
        first, *others = back.d_before
        return (first + masked(back.d_met, mask), *others), (back.delta, back.d_gates, back.d_states)

    steps = moment(cell, h, c, gates, start, lengths, reverse=reverse, mask=mask)
    last = states_of(cell, d_last)
    d_start, (delta, d_gates, d_states) = scan(step, last, (d_h, steps), lengths, not reverse)
    return Back(delta, jnp.concatenate(d_start, axis=-1), d_gates, d_states)


def backward(cell: Cell, *arrays: Any, reverse: bool, mask: Array | None = None) -> tuple[Array, Array]:
    back = walk_back(cell, *arrays, reverse=reverse, mask=mask)
    return back.delta, back.d_start


def gradients(
    cell: Cell,
    d_h: Array,
    U: Array,
    own: Any,
    h: Array,
    c: Array,
    gates: Array,
    start: Array,
    lengths: Array,
    d_last: Array,
    x: Array,
    *,
    reverse: bool,
) -> tuple[Array, Array, Array, Array]:
    delta, d_start = backward(cell, d_h, U, own, h, c, gates, start, lengths, d_last, reverse=reverse)
    seen, h0 = gates if cell.resets else gates[..., :0], states_of(cell, start)[0]
    return *weight_gradients(x, h, seen, delta, h0, lengths, reverse=reverse), d_start


def weight_gradients(
    x: Array, h: Array, gates: Array, delta: Array, h0: Array, lengths: Array, *, reverse: bool
) -> tuple[Array, Array, Array]:
    valid, units = valid_steps(x.shape[1], lengths), h.shape[-1]
    x, delta = jnp.where(valid, x, 0), jnp.where(valid, delta, 0)
    before = jnp.where(valid, previous_states(h, h0, lengths, reverse), 0)
    dW, db = jnp.einsum("ntd,ntk->dk", x, delta), delta.sum(axis=(0, 1))
    if not gates.shape[-1]:
        return dW, jnp.einsum("ntu,ntk->uk", before, delta), db
    reset = jnp.where(valid, gates[..., :units] * before, 0)
    seen = ((before, delta[..., :-units]), (reset, delta[..., -units:]))
    return dW, jnp.concatenate([jnp.einsum("ntu,ntk->uk", *pair) for pair in seen], axis=1), db


def input_gradient(delta: Array, W: Array) -> Array:
    return delta @ W.T


def sequence_dense_forward(x: Array, W: Array, b: Array) -> Array:
    return x @ W + b


def sequence_dense_gradients(x: Array, delta: Array) -> tuple[Array, Array]:
    return jnp.einsum("ntd,ntk->dk", x, delta), delta.sum(axis=(0, 1))
