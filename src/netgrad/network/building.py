"""From symbols to nodes: their order, a name for each, and what layers leave to the place where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Layer
from netgrad.layers.symbol import Call, Symbol
from netgrad.layers.views import ParameterView
from netgrad.network.parameters import renaming
from netgrad.registry import find
from netgrad.types import Shape


@dataclass(frozen=True)
class Node:
    """One function node of a finished network.

    name: its own name, with the names of the networks that it stands in before it: "encoder/dense_1"; inputs: the
    names of the nodes that feed it; params: the name under which its parameters stand, which differs from ``name``
    only where one layer is used several times.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    params: str

    def out_shape(self, in_shape: Any) -> Shape:
        """The shape of its output; of several layers of a kind a refusal names this one."""
        try:
            return self.layer.out_shape(in_shape)
        except ShapeError as error:
            said, label = str(error), self.layer.label
            raise (ShapeError(self.name + said.removeprefix(label)) if said.startswith(label) else error) from None


def as_node(part: Any) -> Layer:
    """What a file has in a node's place as a layer; an activation may be one, too."""
    layer: Layer = part if isinstance(part, Layer) else find("layer", part)
    return layer


@dataclass
class Building:
    """A network while its nodes are put down one after the other.

    nodes; written: the layer of each as the user wrote it, before defaults were filled in; values: the name of the
    node behind each symbol; views: those of the networks that are used as parts.
    """

    nodes: list[Node] = field(default_factory=list)
    written: list[Layer] = field(default_factory=list)
    values: dict[Symbol, str] = field(default_factory=dict)
    views: list[ParameterView] = field(default_factory=list)
    _params: dict[int, str] = field(default_factory=dict)  # by layer: one object is one set of parameters
    _prefixes: dict[int, str] = field(default_factory=dict)  # by network
    _uses: Counter[str] = field(default_factory=Counter)
    _counts: Counter[str] = field(default_factory=Counter)
    _taken: set[str] = field(default_factory=set)
    _unweighted: set[str] = field(default_factory=set)  # inputs, and what only hands them on: before a first layer

    def begin(self, sources: Sequence[Symbol], order: Sequence[Symbol]) -> None:
        """The inputs, and the names that are spoken for."""
        for source in sources:
            if source.layer is not None or source.call is not None:
                raise NetgradError("a network's inputs are made by ng.Input(), found the output of a layer")
            name = str(source.name)
            if name in self._unweighted:
                raise NetgradError(f"two inputs are named {name!r}: give ng.Input(name) different names")
            self.values[source] = name
            self._unweighted.add(name)
        self._taken = {*self._unweighted}
        for symbol in order:
            part = symbol.layer if symbol.call is None else symbol.call.network
            if part is not None and part.name:
                if "/" in part.name:
                    raise NetgradError(f"a name is a word, found {part.name!r}: {'/'!r} stands between names")
                self._taken.add(part.name)

    def layer(self, layer: Layer, inputs: tuple[str, ...], name: str) -> str:
        """One more use of a layer, under this name where it is the first; the name of the node."""
        params = self._params.get(id(layer))
        if params is None:
            if self._uses[name]:
                raise NetgradError(f"two different layers are named {name!r}: give them different names")
            params = self._params[id(layer)] = name
        self._uses[params] += 1
        name = params if self._uses[params] == 1 else f"{params}@{self._uses[params]}"
        first = self._unweighted.issuperset(inputs)
        if first and layer.hands_on:
            self._unweighted.add(name)
        self.nodes.append(Node(name, layer.placed(first), inputs, params))
        self.written.append(layer)
        return name

    def network(self, call: Call) -> dict[str, str]:
        """All nodes of a network that is used as a part of this one; the node behind each of its outputs."""
        inner = call.network
        prefix = self._prefixes.get(id(inner))
        if prefix is None:
            prefix = self._prefixes[id(inner)] = inner.name or self.fresh(type(inner).__name__.lower())
        values = {name: self.values[symbol] for name, symbol in zip(inner.inputs, call.inputs, strict=True)}
        for node, layer in zip(inner.nodes, inner.written, strict=True):
            values[node.name] = self.layer(
                layer, tuple(values[name] for name in node.inputs), f"{prefix}/{node.params}"
            )
        outer = renaming({n.params: self._params[id(w)] for n, w in zip(inner.nodes, inner.written, strict=True)})
        self.views += [view.renamed(outer) for view in inner.views]
        return {key: values[name] for key, name in inner.outputs}

    def fresh(self, base: str) -> str:
        """The base with the next number that is free."""
        while True:
            self._counts[base] += 1
            name = f"{base}_{self._counts[base]}"
            if name not in self._taken:
                return name


def build(sources: Sequence[Symbol], sinks: Iterable[Symbol]) -> Building:
    """The nodes that lead from these inputs to these outputs, in topological order."""
    order = _topological(sinks)
    made = Building()
    made.begin(sources, order)
    calls: dict[Call, dict[str, str]] = {}
    for symbol in order:
        if symbol.call is not None:
            if symbol.call not in calls:
                calls[symbol.call] = made.network(symbol.call)
            made.values[symbol] = calls[symbol.call][str(symbol.name)]
        elif symbol.layer is not None:
            layer = symbol.layer
            inputs = tuple(made.values[s] for s in symbol.inputs)
            known = id(layer) in made._params
            base = layer.registered_name or type(layer).__name__.lower()
            made.values[symbol] = made.layer(layer, inputs, layer.name or ("" if known else made.fresh(base)))
        elif symbol not in made.values:
            raise NetgradError(f"the outputs depend on input {symbol.name!r}, which is not among the inputs given")
    reached = set(order)
    for source in sources:
        if source not in reached:
            raise NetgradError(f"input {source.name!r} leads to no output: connect it or leave it out")
    return made


def _topological(sinks: Iterable[Symbol]) -> list[Symbol]:
    """Every symbol that the outputs depend on, each after its inputs. Iterative, so that depth has no limit."""
    order: list[Symbol] = []
    done: set[Symbol] = set()
    stack = [(symbol, False) for symbol in reversed(list(sinks))]
    while stack:
        symbol, expanded = stack.pop()
        if symbol in done:
            continue
        if expanded:
            done.add(symbol)
            order.append(symbol)
        else:
            stack.append((symbol, True))
            stack.extend((s, False) for s in reversed(symbol.inputs))
    return order
