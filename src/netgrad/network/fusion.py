"""The same network with neighbouring layers joined where one pass over memory can do the work of two."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from netgrad.layers.conv_pool import ConvPool, Pooled
from netgrad.network.building import Node
from netgrad.network.graph import Network


@lru_cache(maxsize=64)
def fused(network: Network) -> Network:
    """A network of the same nodes, parameters and results, without the arrays between joined layers.

    For training and prediction; a trace shows the network as it was built. Every node keeps its name and its place in
    the order, and with it its random key.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Conv(6, 5, activation="relu"), ng.MaxPool(2), ng.Flatten(), ng.Dense(10)])
    >>> [type(node.layer).__name__ for node in fused(net).nodes]
    ['ConvPool', 'Pooled', 'Flatten', 'Dense']
    """
    uses = Counter(name for node in network.nodes for name in node.inputs)
    uses.update(name for _, name in network.outputs)
    changed: dict[str, Node] = {}
    for node in network.nodes:
        before = network.by_name.get(node.inputs[0])
        if before is None or uses[before.name] > 1:
            continue
        if (joined := ConvPool.of(before.layer, node.layer)) is None:
            continue
        changed[before.name] = Node(before.name, joined, before.inputs, before.params)
        changed[node.name] = Node(node.name, Pooled(), node.inputs, node.params)
    if not changed:
        return network
    nodes = (changed.get(n.name, n) for n in network.nodes)
    return Network.from_nodes(network.inputs, nodes, network.outputs, network.views)
