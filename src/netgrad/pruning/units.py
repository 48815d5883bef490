"""Hidden units and filters: which layer's they are, where their outputs go, and pruning them whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.curvature.gauss_newton import gauss_newton
from netgrad.curvature.weights import Weights
from netgrad.errors import NetgradError
from netgrad.layers.activation import Activation, Softmax
from netgrad.layers.convolution import Conv
from netgrad.layers.dense import Dense
from netgrad.layers.dropout import Dropout
from netgrad.layers.pooling import Pool
from netgrad.layers.shape import Flatten
from netgrad.layers.views import Masked
from netgrad.network import Network
from netgrad.pruning.masks import masked, masks

if TYPE_CHECKING:
    from netgrad.training.model import Model

PASSING = (Activation, Dropout, Pool, Flatten)  # what leaves units apart on their way


@dataclass(frozen=True)
class Hidden:
    """A layer of hidden units and the one that sees them: nodes of dense layers or convolutions."""

    layer: str
    after: str
    units: int

    def outgoing(self, W: Any) -> np.ndarray:
        """The weights of the layer after, (units, ...): those that each unit's output meets."""
        W = np.moveaxis(np.asarray(W), -2, 0)
        # Behind a `Flatten` a filter's output is several inputs, the filters next to each other.
        return np.moveaxis(W.reshape(-1, self.units, *W.shape[1:]), 1, 0)

    def rows(self, keep: np.ndarray, inputs: int) -> np.ndarray:
        """Of the inputs of the layer after, those of the units that are kept."""
        return np.tile(keep, inputs // self.units)


def hidden_layers(network: Network) -> list[Hidden]:
    """The layers of which units can go: each seen by one other layer, with nothing between that mixes units."""
    found = [one for node in network.nodes if (one := _hidden(network, node)) is not None]
    if not found:
        raise NetgradError(
            "no units can be pruned: there is no dense layer or convolution that only another one sees, through "
            "activations, dropout, pooling and Flatten"
        )
    return found


def _hidden(network: Network, node: Any) -> Hidden | None:
    used = [other.params for other in network.nodes]
    seen = {path for view in network.views if not isinstance(view, Masked) for path in view.paths}
    if not _plain(node, used, seen):
        return None
    name = node.name
    while True:
        users = [other for other in network.nodes if name in other.inputs]
        if len(users) != 1 or any(name == output for _, output in network.outputs):
            return None
        if isinstance(users[0].layer, PASSING) and not isinstance(users[0].layer, Softmax):
            name = users[0].name
            continue
        if not _plain(users[0], used, seen):
            return None
        layer = node.layer
        return Hidden(node.params, users[0].params, layer.units if isinstance(layer, Dense) else layer.filters)


def _plain(node: Any, used: list[str], seen: set[str]) -> bool:
    layer = node.layer
    if not isinstance(layer, Dense | Conv) or used.count(node.params) > 1 or f"{node.params}/W" in seen:
        return False
    if isinstance(layer, Conv) and (layer.groups > 1 or layer.depth is not None):
        return False
    return not isinstance(layer.activation, Softmax) and not layer.activation.init(None, (1,))


def _living(model: Model, hidden: list[Hidden]) -> Iterator[np.ndarray]:
    """By layer, which units' outputs still go anywhere."""
    effective = model.effective
    for one in hidden:
        going = one.outgoing(effective[one.after]["W"]).reshape(one.units, -1)
        yield (going != 0).any(1)


def without_units(model: Model, x: Any, y: Any, method: str, mu: float | None, left: int | None) -> tuple[Model, int]:
    """The model with so many hidden units left, and how many there are; with None only those are counted.

    Of a unit that goes, all weights into it and all that its output meets are masked.
    """
    hidden = hidden_layers(model.network)
    alive = list(_living(model, hidden))
    count = int(sum(own.sum() for own in alive))
    if left is None:
        return model, count
    if left < len(hidden):
        raise NetgradError(
            f"of {count} units {left} would be left for {len(hidden)} layers, which need one each: take a smaller share"
        )
    weights = Weights.of(model.network, model.params)
    w, places = weights.vector(model.params), dict(weights.spans())
    each = np.abs(w) if method == "magnitude" else 0.5 * w**2 * gauss_newton(model, x, y, "diagonal").diagonal()
    worths = []
    for one, own in zip(hidden, alive, strict=True):
        W = each[places[f"{one.layer}/W"]].reshape(-1, one.units)
        worth = W.mean(0) if method == "magnitude" else W.sum(0)
        worth[~own] = np.inf
        worth[np.argmax(np.where(own, worth, -np.inf))] = np.inf  # each layer keeps its best
        worths.append(worth)
    order = np.argsort(np.concatenate(worths), kind="stable")[: count - left]
    gone = np.zeros(sum(one.units for one in hidden), bool)
    gone[order] = True
    keep = masks(model, sorted({f"{name}/W" for one in hidden for name in (one.layer, one.after)}))
    for one, own in zip(hidden, np.split(gone, np.cumsum([one.units for one in hidden])[:-1]), strict=True):
        keep[f"{one.layer}/W"][..., own] = False
        after = keep[f"{one.after}/W"]
        after[..., one.rows(own, after.shape[-2]), :] = False
    return masked(model, model.params, keep), count
