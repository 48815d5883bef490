"""Layers around a layer: what such a layer says of itself is what the one inside says, derived here in one place.

Layers around a whole block of layers derive theirs in `netgrad.network.composite`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.types import Array, Inputs, Params, Saved, Shape, Shapes, State


@dataclass(frozen=True)
class Wrapper(Layer):
    """Base of the layers around one layer, ``layer``; a wrapper defines what it does otherwise, and nothing else.

    The exception are `forward`, `backward` and `gradients`, which are what a wrapper is for, so that a rule for the
    parameters' gradients alone is never taken from a layer whose parameters or way back the wrapper changes.
    """

    transparent: ClassVar[bool] = True  # z and a are those of the layer inside

    layer: Layer

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer):
            name = type(self).__name__
            raise NetgradError(f"{name} wraps a layer, found {self.layer!r}: write {name}(Dense(10))")
        object.__setattr__(self, "hands_on", self.layer.hands_on)

    def kept(self, saved: Saved) -> dict[str, Any]:
        """What the layer inside saved, out of what this one did."""
        return saved

    def init(self, key: Array, in_shape: Shapes) -> Params:
        return self.layer.init(key, in_shape)

    def init_state(self, in_shape: Shapes) -> State:
        return self.layer.init_state(in_shape)

    def next_state(self, state: State, saved: Saved) -> State:
        return self.layer.next_state(state, self.kept(saved))

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        return self.layer.look_back(params, self.kept(saved), d_out)

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        return self.layer.stream_state(n, in_shape)

    def check_input(self, x: np.ndarray, name: str, lengths: np.ndarray | None) -> np.ndarray:
        return self.layer.check_input(x, name, lengths)

    def out_shape(self, in_shape: Shapes) -> Shape:
        return self.layer.out_shape(in_shape)

    def out_lengths(self, lengths: Any, in_shape: Shapes) -> Any:
        return self.layer.out_lengths(lengths, in_shape)

    def placed(self, first: bool) -> Layer:
        return self.replace(layer=self.layer.placed(first))

    def operations(self, in_shape: Shapes) -> int:
        return self.layer.operations(in_shape)

    def connections(self, in_shape: Shapes) -> int:
        return self.layer.connections(in_shape)

    def scannable(self, in_shape: Shapes) -> bool:
        return self.layer.scannable(in_shape)

    def layout(self, x: Inputs) -> Inputs:
        return self.layer.layout(x)

    @property
    def draws(self) -> bool:
        return self.layer.draws

    @property
    def holds_steps(self) -> bool:
        return self.layer.holds_steps


def bare(layer: Layer) -> Layer:
    """The layer inside all wrappers that show its z and a, or the layer itself.

    >>> import netgrad as ng
    >>> bare(ng.Differentiated(ng.WeightNorm(ng.Dense(3)))).units
    3
    """
    while isinstance(layer, Wrapper) and layer.transparent:
        layer = layer.layer
    return layer
