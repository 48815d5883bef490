"""A network like another, with some of its layers changed: what remedies do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.layers.dense import Dense
from netgrad.layers.wrapper import Wrapper, bare
from netgrad.network.building import Node
from netgrad.network.composite import Composite
from netgrad.network.graph import Network


def with_layers(network: Network, change: Callable[[Node], Layer]) -> Network:
    """The same graph with ``change(node)`` in the place of each node's layer; names and connections stay.

    Layers inside stacks and other composites are changed, too, as nodes under their paths, "stack_1/dense_1".

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(4, activation="logistic"), ng.Dense(1)])
    >>> wider = with_layers(net, lambda node: node.layer.replace(units=2 * node.layer.units))
    >>> [node.layer.units for node in wider.nodes]
    [8, 2]
    """

    def changed(node: Node) -> Node:
        layer = change(node)
        if isinstance(layer, Composite):
            block = with_layers(layer.block, lambda inner: change(replace(inner, name=f"{node.name}/{inner.name}")))
            layer = layer if block == layer.block else layer.with_block(block)
        return replace(node, layer=layer)

    return Network.from_nodes(network.inputs, map(changed, network.nodes), network.outputs, network.views)


def every_layer(network: Network) -> Iterator[Node]:
    """The nodes, and under their paths those inside stacks and other composites.

    >>> import netgrad as ng
    >>> [node.name for node in every_layer(ng.Sequential([ng.Stack([ng.Dense(4)], 9), ng.Dense(1)]))]
    ['stack_1', 'stack_1/dense_1', 'dense_1']
    """
    for node in network.nodes:
        yield node
        if isinstance(node.layer, Composite):
            yield from (replace(inner, name=f"{node.name}/{inner.name}") for inner in every_layer(node.layer.block))


def with_first(network: Network, layer: Layer, name: str, input: str | None = None) -> Network:
    """The network with one more layer between an input (the first by default) and all that it feeds.

    >>> import netgrad as ng
    >>> net = with_first(ng.Sequential([ng.Dense(4)]), ng.Rescaling(0.0, 2.0), "rescaling")
    >>> [(node.name, node.inputs) for node in net.nodes]
    [('rescaling', ('x',)), ('dense_1', ('rescaling',))]
    """
    source, name = input or network.inputs[0], _free(network, name)
    fed = [replace(n, inputs=tuple(name if i == source else i for i in n.inputs)) for n in network.nodes]
    nodes = [Node(name, layer, (source,), name), *fed]
    return Network.from_nodes(network.inputs, nodes, network.outputs, network.views)


def with_last(network: Network, layer: Layer, name: str, output: str | None = None) -> Network:
    """The network with one more layer behind an output (the first by default).

    >>> import netgrad as ng
    >>> net = with_last(ng.Sequential([ng.Dense(1)]), ng.Rescaling(0.0, 2.0), "rescaling")
    >>> [(node.name, node.inputs) for node in net.nodes], net.outputs
    ([('dense_1', ('x',)), ('rescaling', ('dense_1',))], (('dense_1', 'rescaling'),))
    """
    key, name = output or network.output_names[0], _free(network, name)
    outputs = [(k, name if k == key else node) for k, node in network.outputs]
    last = Node(name, layer, (dict(network.outputs)[key],), name)
    return Network.from_nodes(network.inputs, [*network.nodes, last], outputs, network.views)


def with_outputs(network: Network, units: int) -> tuple[Network, str]:
    """The network with so many units in the last layer that has any, and the name of that layer.

    For networks of one output whose last dense layer is behind whatever has no weights, also inside an `Ensemble`;
    raises `NetgradError` for others.

    >>> import netgrad as ng
    >>> changed, name = with_outputs(ng.Sequential([ng.Dense(4), ng.Dense(1), ng.Softmax()]), 5)
    >>> name, changed.by_name["dense_2"].layer.units
    ('dense_2', 5)
    """
    if len(network.outputs) > 1:
        raise NetgradError(f"this network has the outputs {', '.join(network.output_names)}: it has no one last layer")
    name = network.outputs[0][1]
    while name in network.by_name and type(network.by_name[name].layer).init is Layer.init:
        if len(network.by_name[name].inputs) > 1:
            raise NetgradError(f"the output is made by {name}, of several layers: there is no last dense one")
        (name,) = network.by_name[name].inputs
    if name not in network.by_name:
        raise NetgradError("this network has no layer with weights: there is no last dense one")
    node = network.by_name[name]
    head, layer = name, node.layer
    if isinstance(layer, Composite):
        block, inner = with_outputs(layer.block, units)
        head, layer = f"{name}/{inner}", layer.with_block(block)
    elif isinstance(bare(layer), Dense):
        layer = _with_units(layer, units)
    else:
        raise NetgradError(f"the last layer, {name}, is a {type(layer).__name__}, no dense one")
    nodes = [replace(n, layer=layer) if n.params == node.params else n for n in network.nodes]
    return Network.from_nodes(network.inputs, nodes, network.outputs, network.views), head


def _with_units(layer: Layer, units: int) -> Layer:
    if isinstance(layer, Wrapper):
        return layer.replace(layer=_with_units(layer.layer, units))
    return layer.replace(units=units)


def halves(network: Network, entry: str) -> tuple[Network | None, Network]:
    """The network in two: what does not depend on this input, and what does, whose inputs are ``entry`` and whatever it
    needs of the first; None where that is nothing but inputs. Both take the effective parameters of the whole.

    >>> import netgrad as ng
    >>> a, b = ng.Input("a"), ng.Input("b")
    >>> net = ng.Network([a, b], ng.Dense(1)(ng.Concatenate()(ng.Dense(2)(a), ng.Dense(2)(b))))
    >>> before, after = halves(net, "b")
    >>> before.output_names, after.inputs, [node.name for node in after.nodes]
    (('dense_1',), ('dense_1', 'b'), ['dense_2', 'concatenate_1', 'dense_3'])
    """
    moved = {entry}
    for node in network.nodes:
        if moved.intersection(node.inputs):
            moved.add(node.name)
    after = [node for node in network.nodes if node.name in moved]
    crossing = list(dict.fromkeys(name for node in after for name in node.inputs if name not in moved))
    rest = Network.from_nodes([*crossing, entry], after, network.outputs)
    needed = {name for name in crossing if name in network.by_name}
    outputs = [(name, name) for name in crossing if name in needed]
    before = []
    for node in reversed(network.nodes):
        if node.name in needed and node.name not in moved:
            before.append(node)
            needed.update(node.inputs)
    if not before:
        return None, rest
    return Network.from_nodes([name for name in network.inputs if name in needed], before[::-1], outputs), rest


def _free(network: Network, name: str) -> str:
    taken = {*network.inputs, *network.by_name}
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if n not in taken)
