"""Parts of a network, found by name or class, to look at or to put others in their place."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError, unknown_name
from netgrad.layers.base import Layer
from netgrad.network.building import Node
from netgrad.trees import fits

if TYPE_CHECKING:
    from netgrad.network.graph import Network


class Selection(tuple[Node, ...]):
    """Nodes of a network, in its order: a tuple of them, which knows where they stand. `Network.select` makes it."""

    network: Network

    @classmethod
    def of(cls, network: Network, which: str | type) -> Selection:
        """The nodes whose name fits a pattern, by itself or by its beginning, or whose layer is of a class."""
        if isinstance(which, str):
            found = cls(node for node in network.nodes if fits(node.name, which))
            if not found:
                raise unknown_name("layer", which, network.by_name)
        else:
            found = cls(node for node in network.nodes if isinstance(node.layer, which))
            if not found:
                raise NetgradError(f"no layer of this network is a {which.__name__}")
        found.network = network
        return found

    def replace(self, layer: Layer | None = None, **changes: Any) -> Network:
        """The network with another layer in the place of each of these, or with some of their settings changed.

        Names and connections stay, and so do the parameters of all other layers: those of a trained model fit. Layers
        that share their parameters are replaced together.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(8, activation="relu"), ng.Dense(3)])
        >>> [n.layer.units for n in net.select("dense_3").replace(ng.Dense(5)).nodes]
        [8, 8, 5]
        >>> {n.layer.activation.registered_name for n in net.select("dense_[12]").replace(activation="tanh").nodes[:2]}
        {'tanh'}
        """
        if (layer is None) == (not changes):
            raise NetgradError("replace takes either a layer, replace(ng.Dense(5)), or settings, replace(units=5)")
        if layer is not None and not isinstance(layer, Layer):
            raise NetgradError(f"replace takes a layer, found {type(layer).__name__}: write for instance ng.Dense(5)")
        chosen = {node.params for node in self}
        unweighted = {*self.network.inputs}  # what a first layer may be fed by, as in `building`
        nodes, written = [], []
        for node, before in zip(self.network.nodes, self.network.written, strict=True):
            after = before
            if node.params in chosen:
                after = self._changed(node, before, changes) if layer is None else layer
            first = unweighted.issuperset(node.inputs)
            if first and after.hands_on:
                unweighted.add(node.name)
            nodes.append(replace(node, layer=after.placed(first)) if node.params in chosen else node)
            written.append(after)
        return self.network.rebuilt(nodes, written)

    @staticmethod
    def _changed(node: Node, layer: Layer, changes: dict[str, Any]) -> Layer:
        known = [field.name for field in fields(layer)]
        for name in changes:
            if name not in known:
                raise unknown_name(f"setting of {node.name}", name, known)
        changed: Layer = layer.replace(**changes)
        return changed
