"""The weights that curvature is of: those that are stored and trained, as one long vector and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from netgrad.errors import NetgradError
from netgrad.layers.dropout import Dropout
from netgrad.layers.wrapper import bare
from netgrad.network import Network
from netgrad.network.ensemble import Ensemble
from netgrad.training.objective import Objective
from netgrad.trees import by_path, completed, map_leaves, trained

Untrained = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Weights:
    """Where each parameter stands in the vector.

    paths, shapes: of each, in order; untrained: what is left out, as `netgrad.Network.untrained` has it.
    """

    paths: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    untrained: Untrained

    @classmethod
    def of(cls, network: Network, params: dict, last: bool = False) -> Weights:
        """All that are trained, or with ``last`` those of the layer that the output comes from."""
        untrained = network.untrained
        if last:
            name = output_layer(network)
            layers = dict.fromkeys(path.rpartition("/")[0] for path in by_path(params))
            untrained += tuple((layer, "*") for layer in layers if not f"{layer}/".startswith(f"{name}/"))
        left = by_path(trained(params, untrained))
        if not left:
            raise NetgradError("no weights are left to look at: every one is frozen, or the last layer has none")
        return cls(tuple(left), tuple(tuple(leaf.shape) for leaf in left.values()), untrained)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each parameter has."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def count(self) -> int:
        """How many weights there are."""
        return sum(self.sizes)

    def spans(self) -> Iterator[tuple[str, slice]]:
        """Each parameter's path and place."""
        start = 0
        for path, size in zip(self.paths, self.sizes, strict=True):
            yield path, slice(start, start + size)
            start += size

    def vector(self, params: dict) -> np.ndarray:
        """(P,), in double precision."""
        leaves = by_path(trained(params, self.untrained))
        return np.concatenate([np.asarray(leaves[path], float).ravel() for path in self.paths])

    def tree(self, vector: Any, params: dict) -> dict:
        """The parameters with these numbers in their places."""
        places = dict(self.spans())
        part = map_leaves(
            lambda path, leaf: vector[places[path]].reshape(leaf.shape).astype(leaf.dtype),
            trained(params, self.untrained),
        )
        return completed(jax.tree.map(jax.numpy.asarray, params), part)

    def layer(self, path: str) -> str:
        """The layer that a parameter belongs to."""
        return path.rpartition("/")[0]


def output_layer(network: Network) -> str:
    """The parameters' name of the layer that the first output comes from: of an ensemble, the last of its members'."""
    node = network.by_name[dict(network.outputs)[network.output_names[0]]]
    inside = f"/{output_layer(node.layer.block)}" if isinstance(node.layer, Ensemble) else ""
    return f"{node.params}{inside}"


def held_fixed(network: Network, state: dict) -> str:
    """What of chance and of batch statistics is held fixed in prediction, in words; empty where there is none."""
    told = [f"{node.name} drops nothing" for node in network.nodes if isinstance(bare(node.layer), Dropout)]
    told += [f"{name} keeps its running statistics" for name in state]
    return " and ".join(told[:3]) + (", ..." if len(told) > 3 else "")


def summed(objective: Objective) -> Objective:
    """The same losses added up over the examples, without penalties and noise: equal ones share their programs."""
    return Objective(objective.terms, (), "sum")
