"""A recipe: everything that `netgrad.fit` was asked for, as a value that remedies can change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netgrad.initializers import Xavier, Zeros
from netgrad.layers.base import Layer
from netgrad.network import Network, Node, with_layers
from netgrad.optimizers.names import OPTIMIZERS
from netgrad.registry import find
from netgrad.training.fit import fit
from netgrad.training.model import Model
from netgrad.trees import by_path, map_leaves, trained


@dataclass(frozen=True)
class Recipe:
    """A network and the arguments of `netgrad.fit` beside it. changes: what remedies did to it, in words.

    >>> import netgrad as ng
    >>> recipe = Recipe(ng.Sequential([ng.Dense(2)]), {"optimizer": "sgd", "learning_rate": 4.0})
    >>> recipe.with_rate(0.1).settings["learning_rate"]
    0.4
    """

    network: Network | Model
    settings: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def train(self, x: Any, y: Any) -> Model:
        """Train it; raises what `netgrad.fit` raises."""
        return fit(self.network, x, y, **self.settings)

    @property
    def graph(self) -> Network:
        """The network itself, also where a model is to be trained further."""
        return self.network.network if isinstance(self.network, Model) else self.network

    def changed(self, what: str, **settings: Any) -> Recipe:
        """With other settings."""
        return replace(self, settings={**self.settings, **settings}, changes=(*self.changes, what))

    def with_network(self, network: Network, what: str) -> Recipe:
        """With another network, which starts anew; a model's own objective and encodings go on, and what is frozen."""
        given = self.network
        if isinstance(given, Model):
            params, state = network.init(int(self.settings.get("seed") or 0), given.shapes)
            still = trained(given.params, given.frozen(self.settings.get("frozen")).network.untrained)
            moving, before = by_path(still), by_path(given.params)
            params = map_leaves(lambda path, new: new if path in moving else before.get(path, new), params)
            given = replace(
                given, network=network, params=params, state=state, history=type(given.history)(), optimizer_state=None
            )
            return replace(self, network=given, changes=(*self.changes, what))
        return replace(self, network=network, changes=(*self.changes, what))

    def with_layers(self, change: Callable[[Node], Layer], what: str) -> Recipe:
        """With other layers in the same graph; ``self`` where nothing changes."""
        network = with_layers(self.graph, change)
        return self if network == self.graph else self.with_network(network, what)

    def with_loss(self, loss: str) -> Recipe:
        """With another loss on the only output."""
        what = f"the loss {loss}"
        if isinstance(self.network, Model):
            (name, _, weight), *_ = self.network.objective.terms
            objective = replace(self.network.objective, terms=((name, find("loss", loss), weight),))
            return replace(self, network=replace(self.network, objective=objective), changes=(*self.changes, what))
        return self.changed(what, loss=loss)

    def with_penalty(self, penalty: Any) -> Recipe:
        """With this penalty on the weights, or None; ``self`` where nothing changes."""
        what = "no penalty" if penalty is None else f"penalty {penalty.registered_name} of {penalty.alpha:g}"
        penalties = () if penalty is None else (penalty,)
        if isinstance(self.network, Model):
            if self.network.objective.penalties == penalties:
                return self
            objective = replace(self.network.objective, penalties=penalties)
            return replace(self, network=replace(self.network, objective=objective), changes=(*self.changes, what))
        return self if self.settings.get("penalty") == penalty else self.changed(what, penalty=penalty)

    def with_rate(self, factor: float) -> Recipe:
        """With the learning rate multiplied; ``self`` where the optimiser finds its own step or is an object."""
        name, rate = self.settings.get("optimizer") or "adam", self.settings.get("learning_rate")
        if not isinstance(name, str) or OPTIMIZERS[name][1] is None or isinstance(rate, Mapping) or callable(rate):
            return self
        base = float(rate if rate is not None else OPTIMIZERS[name][1])  # type: ignore[arg-type]
        return self.changed(f"learning rate {base * factor:.3g} instead of {base:.3g}", learning_rate=base * factor)

    def with_adam(self) -> Recipe:
        """With Adam at its usual rate, in the place of an optimiser that is an object and cannot be changed."""
        return self.changed("the optimiser adam", optimizer="adam", learning_rate=None)

    def with_usual_start(self) -> Recipe:
        """Every layer with the initialisers that the library would choose for it."""
        return self.with_layers(usual_start, "the usual initialisation in every layer")


def usual_start(node: Node) -> Layer:
    """The layer with its default initialisers: chosen by activation, or by the layer's own class."""
    layer = node.layer
    fields = getattr(type(layer), "__dataclass_fields__", {})
    usual = {name: part.default for name, part in fields.items() if name.endswith("initializer")}
    if not usual or "initializer" not in usual:
        return layer
    if usual["initializer"] is None:
        first = isinstance(getattr(layer, "initializer", None), Xavier)
        return layer.replace(**{**usual, "bias_initializer": Zeros()}).placed(first)
    return layer.replace(**usual)
