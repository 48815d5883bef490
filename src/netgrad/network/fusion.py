"""The same network with neighbouring layers joined where one pass over memory can do the work of two."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache

from netgrad.layers.base import Layer
from netgrad.layers.conv_pool import ConvPool
from netgrad.layers.joined import Joined
from netgrad.layers.norm_relu import NormReLU
from netgrad.network.building import Node
from netgrad.network.composite import Composite
from netgrad.network.graph import Network


@lru_cache(maxsize=64)
def fused(network: Network) -> Network:
    """A network of the same nodes, parameters and results, without the arrays between joined layers.

    For training and prediction; a trace shows the network as it was built. Every node keeps its name and its place in
    the order, and with it its random key. Layers inside of composites (`netgrad.Stack`) are joined, too.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Conv(6, 5, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(10)])
    >>> [type(node.layer).__name__ for node in fused(net).nodes]
    ['ConvPool', 'Joined', 'Flatten', 'Dense']
    """
    uses = Counter(name for node in network.nodes for name in node.inputs)
    uses.update(name for _, name in network.outputs)
    changed: dict[str, Node] = {}
    for node in network.nodes:
        if isinstance(node.layer, Composite) and (block := fused(node.layer.block)) is not node.layer.block:
            changed[node.name] = replace(node, layer=node.layer.with_block(block))
        before = network.by_name.get(node.inputs[0])
        if before is None or uses[before.name] > 1 or (joined := _joined(before.layer, node.layer)) is None:
            continue
        changed[before.name] = replace(before, layer=joined)
        changed[node.name] = replace(node, layer=Joined())
    if not changed:
        return network
    nodes = (changed.get(n.name, n) for n in network.nodes)
    return Network.from_nodes(network.inputs, nodes, network.outputs, network.views)


def _joined(first: Layer, second: Layer) -> Layer | None:
    """Both layers as one, where there is such a one."""
    return ConvPool.of(first, second) or NormReLU.of(first, second)
