"""A network that was given, from Python, a model file or pasted code, as the layers of a design: each can be changed.

A layer of such a design also has a ``name``, under which its weights stand, and where it is not fed by the one before
it a list ``from`` of those that it is fed by; "x" is the input. What the page has no fields for stands there as Python
(`netgrad.studio.python_in` reads it): {"kind": "python", "code": "ng.GRU(8, reverse=True)"}.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.network import Network, Node
from netgrad.studio.python_in import layer_of
from netgrad.studio.python_out import expression, plain_layers

INPUT = "x"


def specs_of(network: Network, fields_of: Callable[[Layer], dict[str, Any] | None]) -> tuple[dict[str, Any], ...]:
    """The layers of a network as a design has them; raises `NetgradError` where they cannot be changed one by one.

    fields_of: gives what the page has fields for as those fields, None for other layers.
    """
    instead = "change it in Python, and open it by netgrad.studio(net, x, y)"
    if len(network.inputs) > 1 or len(network.outputs) > 1:
        raise NetgradError("the studio shows networks of one input and one output: cut one out, or use Model.trace")
    if network.views:
        raise NetgradError(f"parameters of this network are tied, frozen, masked or normed: {instead}")
    specs, before = [], INPUT
    for node, layer in zip(network.nodes, plain_layers(network), strict=True):
        if node.params != node.name:
            raise NetgradError(f"{node.params} stands in this network twice, with the same weights: {instead}")
        spec = fields_of(layer)
        if spec is None:
            said = expression(layer)
            if layer_of(said) != layer:
                raise NetgradError(f"{node.name} cannot be written as one line of Python: {instead}")
            spec = {"kind": "python", "code": said}
        fed = [INPUT if name == network.inputs[0] else name for name in node.inputs]
        specs.append(spec | {"name": node.name} | ({} if fed == [before] else {"from": fed}))
        before = node.name
    if network.outputs[0][1] != before:
        raise NetgradError(f"the output of this network is not its last layer: {instead}")
    return tuple(specs)


def built(specs: Sequence[Mapping[str, Any]], layers: Sequence[Layer]) -> Network:
    """The network of a design's layers; raises `NetgradError` for what is fed by nothing or feeds nothing."""
    taken = {str(spec["name"]) for spec in specs if spec.get("name")}
    counts: Counter[str] = Counter()

    def fresh(kind: str) -> str:
        while True:
            counts[kind] += 1
            if (name := f"{kind}_{counts[kind]}") not in taken:
                return name

    nodes: list[Node] = []
    known, sources, used, before = {INPUT}, {INPUT}, set[str](), INPUT
    for i, (spec, layer) in enumerate(zip(specs, layers, strict=True)):
        name = str(spec.get("name") or fresh(layer.registered_name))
        fed = tuple(spec.get("from") or [before])
        if strange := [one for one in fed if one not in known]:
            raise NetgradError(f"layer {i + 1} comes from {strange[0]!r}, which is no layer before it")
        if name in known:
            raise NetgradError(f"two layers are named {name!r}: give one of them another name")
        first = sources.issuperset(fed)
        if first and layer.hands_on:
            sources.add(name)
        known.add(name)
        used.update(fed)
        nodes.append(Node(name, layer.placed(first), fed, name))
        before = name
    if not nodes:
        raise NetgradError("a network needs at least one layer: add one")
    if idle := [node.name for node in nodes[:-1] if node.name not in used]:
        raise NetgradError(f"{idle[0]} leads nowhere: remove it, or feed another layer by it")
    return Network.from_nodes([INPUT], nodes, [(before, before)])
