"""Recurrent cells over whole sequences, forward and backward.

Shapes, all examples first: `x (N, T, d)`, `h (N, T, u)`, `c (N, T, u)` for a cell with a memory besides h and
`(N, T, 0)` for others, states `start (N, s)`: h, then c where there is one, side by side; `lengths (N,)` int32; weights
`W (d, k)`, `U (u, k)`, `b (k,)`, where k is u times the number of gates, which stand side by side in the order of
`cell.gates`; `own`, the cell's weights besides these, `(p, u)` where it has a kernel; `gates (N, T, g)`, what the way
back needs besides the states; `delta (N, T, k)` is dE/dz.

Common rules:

- `lengths` defaults to T for every sequence.
- A sequence that has ended keeps its state; in the padding, outputs and gradients are 0 and the contents of
  the inputs (NaN included) do not matter. NaN and infinity in the valid part pass through.
- `reverse=True` walks each sequence's valid part from its last step to its first; every output stays at
  its own time index.
- `mask (N, u)`, if given to both forward and backward, multiplies the state on its way to the next step's
  products (recurrent dropout); such calls run as plain JAX.
- `d_h (N, T, u)` is the gradient that arrives at each state from outside; `d_last (N, s)` the one that arrives at the
  state after the last processed step, which is `start` for a sequence of length 0.

A layer's backward rule is then

    delta, d_start = backward(cell, d_h, U, own, h, c, gates, start, lengths, d_last)
    dW, dU, db = weight_gradients(x, h, delta, h0, lengths)
    d_x = input_gradient(delta, W)

(`netgrad.kernels.recurrent_gradients`), and the compiler drops what is not used. The equations themselves are those of
the cell: `netgrad.layers.cells`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.kernels import recurrent_call
from netgrad.kernels import recurrent_reference as reference
from netgrad.kernels.cell import Cell
from netgrad.kernels.recurrent_call import check, check_weights, full_lengths, initial_state

Array = jax.Array


def forward(
    cell: Cell,
    x: Array,
    W: Array,
    U: Array,
    b: Array,
    own: Any,
    start: Array,
    lengths: Array | None = None,
    *,
    reverse: bool = False,
    mask: Array | None = None,
    h_only: bool = False,
) -> tuple[Array, Array, Array]:
    """The states h and c, and the gates, of every time-step; h_only: c and gates are left empty, (N, T, 0).

    Examples:
        >>> import jax.numpy as jnp, netgrad as ng
        >>> cell = ng.RNN(1, activation="identity")
        >>> x, one, none = jnp.ones((1, 3, 1)), jnp.ones((1, 1)), jnp.zeros((0, 1))
        >>> forward(cell, x, one, one, jnp.zeros(1), none, jnp.zeros((1, 1)))[0][0, :, 0]
        Array([1., 2., 3.], dtype=float32)
        >>> short = {"lengths": jnp.array([2]), "reverse": True}
        >>> forward(cell, x, one, one, jnp.zeros(1), none, jnp.zeros((1, 1)), **short)[0][0, :, 0]
        Array([2., 1., 0.], dtype=float32)
    """
    check_weights(x, W, U, b, max(1, len(cell.gates)))
    check("start", start, (x.shape[0], cell.memories * U.shape[0]))
    arrays = (x, W, U, b, own, start, full_lengths(lengths, x))
    way = reference.forward_h if h_only else reference.forward
    return recurrent_call.run("forward", partial(way, cell), *arrays, cell=cell.kernel, reverse=reverse, mask=mask)


def backward(
    cell: Cell,
    d_h: Array,
    U: Array,
    own: Any,
    h: Array,
    c: Array,
    gates: Array,
    start: Array,
    lengths: Array | None,
    d_last: Array,
    *,
    reverse: bool = False,
    mask: Array | None = None,
) -> tuple[Array, Array]:
    """`delta (N, T, k)` and `d_start (N, s)`; h, c and gates from the forward call."""
    check("h", h, d_h.shape)
    for name, state in (("start", start), ("d_last", d_last)):
        check(name, state, (d_h.shape[0], cell.memories * U.shape[0]))
    arrays = (d_h, U, own, h, c, gates, start, full_lengths(lengths, h), d_last)
    return recurrent_call.run(
        "backward", partial(reference.backward, cell), *arrays, cell=cell.kernel, reverse=reverse, mask=mask
    )


def gradients(
    cell: Cell,
    d_h: Array,
    U: Array,
    own: Any,
    h: Array,
    c: Array,
    gates: Array,
    start: Array,
    lengths: Array | None,
    d_last: Array,
    x: Array,
    *,
    reverse: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """`dW (d, k)`, `dU (u, k)`, `db (k,)` and `d_start (N, s)` in one pass, in which delta never leaves the cache.

    For networks of which nobody wants to see delta or needs the gradient of the inputs, and with few weights
    (`netgrad.kernels.recurrent_gradients.few_weights`), as each sum is kept as a whole vector. Those of `own` need
    delta.

    Examples:
        >>> import jax.numpy as jnp, netgrad as ng
        >>> one, x, none = jnp.ones((1, 1)), jnp.ones((1, 3, 1)), jnp.zeros((0, 1))
        >>> h, zero = jnp.array([[[1.0], [2.0], [3.0]]]), jnp.zeros((1, 1))
        >>> cell = ng.RNN(1, activation="identity")
        >>> found = gradients(cell, jnp.ones((1, 3, 1)), one, none, h, h[..., :0], h[..., :0], zero, None, zero, x)
        >>> float(found[0][0, 0]), float(found[1][0, 0])  # deltas 3, 2, 1 on inputs 1, 1, 1 and on states 0, 1, 2
        (6.0, 4.0)
    """
    check("h", h, d_h.shape)
    for name, state in (("start", start), ("d_last", d_last)):
        check(name, state, (d_h.shape[0], cell.memories * U.shape[0]))
    arrays = (d_h, U, own, h, c, gates, start, full_lengths(lengths, h), d_last, x)
    return recurrent_call.run(
        "gradients", partial(reference.gradients, cell), *arrays, cell=cell.kernel, reverse=reverse
    )


def last_state(
    states: Array, initial: Array | None = None, lengths: Array | None = None, *, reverse: bool = False
) -> Array:
    """The state (N, u) after the last processed step; the initial one where the length is 0.

    Its gradient is a part of the `d_last` of the backward functions.

    Examples:
        >>> import jax.numpy as jnp
        >>> h = jnp.array([[[1.0], [2.0], [0.0]]])
        >>> last_state(h, lengths=jnp.array([2]))
        Array([[2.]], dtype=float32)
    """
    initial, lengths = initial_state(initial, states, states.shape[2], "initial"), full_lengths(lengths, states)
    if states.shape[1] == 0:
        return initial
    at = jnp.zeros_like(lengths) if reverse else jnp.maximum(lengths - 1, 0)
    last = jnp.take_along_axis(states, at[:, None, None], axis=1)[:, 0]
    return jnp.where((lengths > 0)[:, None], last, initial)
