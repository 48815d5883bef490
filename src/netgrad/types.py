"""The types that the signatures of layers, networks, losses and training are written in: one name for each.

Where a shape belongs to the contract it is said beside it (`netgrad.layers.base`, `netgrad.losses`), in the words of
jaxtyping: ``Float[Array, "N *steps units"]`` is an array of floating-point numbers of examples, steps if there are any,
and units. They are checked in the tests of the contracts, and cost nothing when a program runs.
"""

from __future__ import annotations

from typing import Any

from jax import Array

__all__ = ["Array", "Inputs", "Lengths", "Named", "Params", "Saved", "Shape", "Shapes", "State"]

Shape = tuple[int, ...]  # without the axis of examples, unless it is said otherwise
Params = dict[str, Any]  # arrays by name; of a network by the layer's name first, of a composite by path
State = dict[str, Any]  # what is remembered between steps, in the same order
Saved = dict[str, Any]  # named quantities of the way forward that the way back needs
Named = dict[str, Any]  # arrays by the name of the input or output that they belong to
Lengths = Array | None  # (N,) valid time-steps of each sequence, None where all are

# What a layer gets: an array and its shape, or those of several inputs in a tuple. Each layer says which it takes.
Inputs = Any
Shapes = Any
