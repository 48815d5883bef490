"""Which function writes which layer: the export rules, one for each layer that ONNX can express."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.errors import NetgradError
from netgrad.exchange.writer import Writer
from netgrad.layers.base import Layer


@dataclass(frozen=True)
class Place:
    """A layer where it stands in a network.

    params, state: its numbers. inputs: the names of the values that feed it. in_shape: their shapes, without the axis
    of examples, as `Layer.out_shape` takes them. lengths: the name of its sequences' lengths (int32), if there are any;
    told: those of each input. name: what the network calls it.
    """

    layer: Any
    params: dict[str, Any]
    state: dict[str, Any]
    inputs: tuple[str, ...]
    in_shape: Any
    lengths: str | None = None
    name: str = ""
    told: tuple[str | None, ...] = ()

    @property
    def x(self) -> str:
        """The first input."""
        return self.inputs[0]

    @property
    def rank(self) -> int:
        """The number of axes of the first input, that of the examples included."""
        first = self.in_shape[0] if self.in_shape and isinstance(self.in_shape[0], tuple) else self.in_shape
        return len(first) + 1

    def array(self, *keys: str) -> np.ndarray:
        """A parameter as float32."""
        value: Any = self.params
        for key in keys:
            value = value[key]
        return np.asarray(value, np.float32)


Rule = Callable[[Writer, Place], str]

RULES: dict[type, Rule] = {}
FIXED_STEPS: set[type] = set()  # layers whose rule writes the number of time-steps into the file


def writes(*layers: type, fixed_steps: bool = False) -> Callable[[Rule], Rule]:
    """Decorator: this function writes these layers."""

    def add(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(layers, rule))
        if fixed_steps:
            FIXED_STEPS.update(layers)
        return rule

    return add


def rule_for(layer: Layer, name: str | None = None) -> Rule:
    """The rule of this layer, or the one-line refusal; ``name`` is what the network calls it."""
    if type(layer) not in RULES:
        raise refusal(layer, name)
    return RULES[type(layer)]


def refusal(layer: Layer, name: str | None = None) -> NetgradError:
    """The error for a layer without a rule."""
    return NetgradError(
        f"layer {name or layer.label!r} ({type(layer).__name__}) cannot be written as ONNX: there is no rule for it; "
        "leave it out, or write one and register it with netgrad.exchange.rules.writes"
    )
