"""What a recurrent cell is: one step, and one step back. Everything else about sequences is written once, elsewhere.

A cell (`netgrad.layers.cells`, one file each) states its equations for one time-step, on arrays whose last axis is the
units': (N, u) within the loop over time (`netgrad.kernels.recurrent_reference`), (N, T, u) where a quantity of all
steps is asked for at once. Its C++ counterpart, if any, does the same for a vector of examples (`native/cell.h`).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import jax

Array = jax.Array


class Step(NamedTuple):
    """What a step makes: the new states (h, or h and c), the net inputs z (..., k) of the gates side by side, and what
    the way back needs besides the states, as a rule the gates' activations (..., k)."""

    states: tuple[Array, ...]
    z: Array
    gates: Array


class Moment(NamedTuple):
    """What a step met and made. met: h_(t-1) on its way to U, of which recurrent dropout may have left a part."""

    gates: Array
    met: Array
    before: tuple[Array, ...]
    states: tuple[Array, ...]


class StepBack(NamedTuple):
    """What a step back makes.

    delta (..., k): dE/dz of the gates side by side. d_gates (..., k): dE/d(activation) of the gates; (..., 0) for a
    cell without gates. d_states: the whole of dE/dh_t (and dE/dc_t). d_met: the gradient at what met U. d_before: what
    each state before gets by other ways than U.
    """

    delta: Array
    d_gates: Array
    d_states: tuple[Array, ...]
    d_met: Array
    d_before: tuple[Any, ...]


class Cell(Protocol):
    """The contract; `netgrad.layers.recurrent.Recurrent` implements all but the two equations.

    gates: the names of the gates in the order of the columns of W, U and b; () for a cell without.
    memories: of how many vectors of u numbers the state consists, 1 (h) or 2 (h and c).
    kernel: the name under which the C++ library has the cell, or None.
    resets: whether the last gate meets U with the first gate times h_(t-1) instead of h_(t-1).
    """

    @property
    def gates(self) -> tuple[str, ...]: ...
    @property
    def memories(self) -> int: ...
    @property
    def kernel(self) -> str | None: ...
    @property
    def resets(self) -> bool: ...

    def step(self, U: Array, own: Any, from_x: Array, met: Array, before: tuple[Array, ...]) -> Step:
        """One step; from_x: x_t W + b (..., k); own: the cell's weights besides W, U and b."""
        ...

    def step_back(self, U: Array, own: Any, at: Moment, d_states: tuple[Array, ...]) -> StepBack:
        """One step back; d_states: what arrives at the states of this step from later ones and from above."""
        ...
