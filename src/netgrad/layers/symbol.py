"""Symbols: what layers are called on while a graph is being built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError

if TYPE_CHECKING:
    from netgrad.layers.base import Layer


@dataclass(frozen=True, eq=False)
class Symbol:
    """The output of a layer, or an input, while a graph is being built; identity is what tells symbols apart."""

    layer: Layer | None
    inputs: tuple[Symbol, ...] = ()
    name: str | None = None


def Input(name: str = "x") -> Symbol:  # noqa: N802 - reads as a layer where graphs are built
    """A place where data enter the network; ``name`` is the key under which they are given."""
    return Symbol(None, (), name)


def place(layer: Layer, inputs: tuple[Any, ...]) -> Symbol:
    """What calling a layer does: the symbol of its output on these inputs."""
    for value in inputs:
        if not isinstance(value, Symbol):
            raise NetgradError(
                f"{layer.label} was called on {type(value).__name__}: layers are called on symbols (ng.Input() or "
                "another layer's result) to build a network; numbers go to model.predict or ng.fit"
            )
    if not inputs:
        raise NetgradError(f"{layer.label} was called without an input: give it a symbol, such as ng.Input()")
    return Symbol(layer, tuple(inputs))
