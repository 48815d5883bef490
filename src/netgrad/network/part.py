"""A part of a network as a network of its own: the encoder of an autoencoder, the trunk of a classifier."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy

from netgrad.errors import NetgradError
from netgrad.network.graph import Network


def named(network: Network, name: str) -> Network:
    """The same network under another name, which stands before those of its layers where it is a part."""
    other = copy(network)
    object.__setattr__(other, "name", name)
    return other


def part(network: Network, name: str) -> Network:
    """The nodes of one part, "encoder": those whose names begin with it. Names stay, so that its parameters fit.

    Its input has the name of what feeds it, its output that of its last node. Raises `NetgradError` where there is no
    such part, or it has several ways in or out.

    >>> import netgrad as ng
    >>> net = ng.Autoencoder([ng.Dense(3, activation="tanh")], [ng.Dense(8)])
    >>> decoder = part(net, "decoder")
    >>> decoder.inputs, [node.name for node in decoder.nodes]
    (('encoder/dense_1',), ['decoder/dense_1'])
    """
    nodes = [node for node in network.nodes if node.name == name or node.name.startswith(f"{name}/")]
    if not nodes:
        tops = dict.fromkeys(node.name.split("/")[0] for node in network.nodes)
        raise NetgradError(f"this network has no part {name!r}: it has {', '.join(tops)}; see netgrad.Autoencoder")
    own = {node.name for node in nodes}
    ins = list(dict.fromkeys(fed for node in nodes for fed in node.inputs if fed not in own))
    used = {fed for node in network.nodes if node.name not in own for fed in node.inputs}
    used |= {node for _, node in network.outputs}
    outs = [node.name for node in nodes if node.name in used]
    for which, ends in (("in", ins), ("out", outs)):
        if len(ends) != 1:
            raise NetgradError(f"{name} has {len(ends)} ways {which}, {', '.join(ends)}: a part has one")
    return Network.from_nodes(ins, nodes, [(outs[0], outs[0])], network.views_among({n.params for n in nodes}))


def behind(network: Network, names: Collection[str]) -> Network:
    """What makes the outputs of what these nodes have made: a network whose inputs they are. Names stay.

    Raises `NetgradError` where an output needs an input of the network besides.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(3), ng.Dense(2), ng.Dense(1)])
    >>> rest = behind(net, {"dense_2"})
    >>> rest.inputs, [node.name for node in rest.nodes]
    (('dense_2',), ['dense_3'])
    """
    wanted, nodes = {name for _, name in network.outputs}, []
    for node in reversed(network.nodes):
        if node.name in wanted and node.name not in names:
            wanted.update(node.inputs)
            nodes.append(node)
    if beside := [name for name in network.inputs if name in wanted]:
        raise NetgradError(f"what comes out of this network hangs on its input {beside[0]} besides {', '.join(names)}")
    ins = [node.name for node in network.nodes if node.name in wanted and node.name in names]
    return Network.from_nodes(ins, nodes[::-1], network.outputs, network.views_among({n.params for n in nodes}))
