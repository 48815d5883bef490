"""Which weights share a prior: all, those of a layer, or all that lead from one input (relevance)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netgrad.curvature.weights import Weights
from netgrad.errors import NetgradError
from netgrad.layers.dense import Dense
from netgrad.network import Network

GROUPS = ("all", "layer", "input")


@dataclass(frozen=True, eq=False)
class Groups:
    """names: of each group; of: the number of each weight's group, (P,)."""

    names: tuple[str, ...]
    of: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum of what each weight has, by group."""
        return np.bincount(self.of, weights=values, minlength=len(self.names))

    @property
    def sizes(self) -> np.ndarray:
        """How many weights each group has."""
        return np.bincount(self.of, minlength=len(self.names)).astype(float)

    def spread(self, by_group: np.ndarray) -> np.ndarray:
        """What each group has, for each weight, (P,)."""
        return np.asarray(by_group, float)[self.of]


def grouped(kind: str, network: Network, weights: Weights, inputs: Sequence[str] = ()) -> Groups:
    """Weights in groups of this kind.

    "input": the weights from each input of the network's one first layer, a dense one, are a group, all others go by
    layer. inputs: the name of each input, of which equal ones are one group.
    """
    if kind not in GROUPS:
        raise NetgradError(f"unknown groups {kind!r}: take one of {', '.join(GROUPS)}")
    if kind == "all":
        return Groups(("all",), np.zeros(weights.count, int))
    layers = [weights.layer(path) for path in weights.paths for _ in (0,)]
    first = first_layer(network) if kind == "input" else ""
    names: dict[str, int] = {}
    of = np.zeros(weights.count, int)
    for layer, (path, place), shape in zip(layers, weights.spans(), weights.shapes, strict=True):
        if path != f"{first}/W":
            of[place] = names.setdefault(layer, len(names))
            continue
        each = list(inputs) or [f"x{i}" for i in range(shape[0])]
        if len(each) != shape[0]:
            raise NetgradError(f"{len(each)} names were given for the {shape[0]} inputs of {first}")
        own = [names.setdefault(f"input {name}", len(names)) for name in each]
        of[place] = np.repeat(own, shape[1])
    if kind == "input" and f"{first}/W" not in weights.paths:
        raise NetgradError(f"the relevance of inputs is that of the weights {first}/W, which are not stored or trained")
    return Groups(tuple(names), of)


def first_layer(network: Network) -> str:
    """The parameters' name of the one dense layer that sees the one input, or `NetgradError`."""
    nodes = [node for node in network.nodes if set(node.inputs) & set(network.inputs)]
    if len(network.inputs) != 1 or len(nodes) != 1 or not isinstance(nodes[0].layer, Dense):
        found = ", ".join(node.layer.registered_name or node.name for node in nodes)
        raise NetgradError(
            f"the relevance of inputs is read off one dense layer that sees them all, found {found}: begin the "
            "network with a Dense layer"
        )
    return nodes[0].params
