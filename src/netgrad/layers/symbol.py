"""Symbols: what layers are called on while a graph is being built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError

if TYPE_CHECKING:
    from netgrad.layers.base import Layer


@dataclass(frozen=True, eq=False)
class Symbol:
    """The output of a layer, or an input, while a graph is being built; identity is what tells symbols apart.

    Of a network that is used as a part of another: one of its outputs, ``name``, at this ``call``.
    """

    layer: Layer | None
    inputs: tuple[Symbol, ...] = ()
    name: str | None = None
    call: Call | None = None


@dataclass(frozen=True, eq=False)
class Call:
    """One use of a network as a part of another."""

    network: Any
    inputs: tuple[Symbol, ...]


def Input(name: str = "x") -> Symbol:  # noqa: N802 - reads as a layer where graphs are built
    """A place where data enter the network; ``name`` is the key under which they are given."""
    return Symbol(None, (), name)


def place(layer: Layer, inputs: tuple[Any, ...]) -> Symbol:
    """What calling a layer does: the symbol of its output on these inputs."""
    return Symbol(layer, symbols(layer.label, inputs))


def symbols(label: str, inputs: tuple[Any, ...]) -> tuple[Symbol, ...]:
    """What a layer or network of this label was called on, checked."""
    for value in inputs:
        if not isinstance(value, Symbol):
            raise NetgradError(
                f"{label} was called on {type(value).__name__}: layers and networks are called on symbols (ng.Input() "
                "or another layer's result) to build a network; numbers go to model.predict or ng.fit"
            )
    if not inputs:
        raise NetgradError(f"{label} was called without an input: give it a symbol, such as ng.Input()")
    return inputs
