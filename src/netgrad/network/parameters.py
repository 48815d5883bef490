"""The parameters of a network, stored once and seen through one map: its views (`netgrad.layers.views`), in order.

`Parameters` is what a network knows of its parameters beside their numbers: which are tied, masked, normed or frozen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cached_property, reduce
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

from netgrad.errors import NetgradError, ShapeError, unknown_name
from netgrad.layers.base import Layer
from netgrad.layers.views import Frozen, Masked, ParameterView, Tied, WeightNormed
from netgrad.layers.wrapper import bare
from netgrad.trees import at, by_path, fits, put
from netgrad.types import Params

if TYPE_CHECKING:
    from netgrad.network.building import Node

N = TypeVar("N", bound="Parameters")


class Parameters:
    """Base of `Network`: the map from what is stored to what its layers compute with, and the doors to it."""

    nodes: tuple[Node, ...]
    views: tuple[ParameterView, ...] = ()

    # --- the map

    def effective(self, params: Params) -> Params:
        """What the layers compute with, made from what is stored.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(3, name="encoder"), ng.Dense(8, name="decoder")])
        >>> net = net.tied("decoder/W", "encoder/W", transposed=True)
        >>> params, _ = net.init(0, (8,))
        >>> sorted(params["decoder"]), net.effective(params)["decoder"]["W"].shape
        (['b'], (3, 8))
        """
        return reduce(lambda made, view: view.see(made), self.views, params)

    def stored(self, effective: Params) -> Params:
        """What is stored of these effective parameters; `NetgradError` in one line where a view does not fit them."""
        for view in self.views:
            view.check(effective)
        self._check_frozen()
        return reduce(lambda left, view: view.store(left), reversed(self.views), effective)

    def returned(self, params: Params, gradient: Params) -> Params:
        """The gradient of what is stored, ``params``, from that of what is effective: back through the same map."""
        befores = accumulate(self.views[:-1], lambda made, view: view.see(made), initial=params)
        for view, before in reversed(list(zip(self.views, befores, strict=False))):
            gradient = view.back(before, gradient)
        return gradient

    def seen_otherwise(self, params: Params) -> dict[str, Params]:
        """By layer, the effective parameters that are not what is stored: tied, masked, normed."""
        found: dict[str, Params] = {}
        effective = self.effective(params)
        for view in self.views:
            for path in view.paths[:1]:
                layer = self._layer(path)
                found.setdefault(layer, {})[path[len(layer) + 1 :]] = at(effective, path)
        return found

    # --- what is trained

    @cached_property
    def untrained(self) -> tuple[tuple[str, str], ...]:
        """Of what is stored, what nothing that trains may move: pairs of a path and a pattern for what is under it."""
        found = [pair for view in self.views if isinstance(view, Frozen) for pair in view.where]
        still = [view for view in self.views if isinstance(view, Frozen)]
        for view in self.views:
            parts = view.untrained
            if view.parts and any(frozen.holds(path) for frozen in still for path in view.paths):
                parts = (*parts, *view.parts)
            found += [(path, "") for path in parts]
        for node in self.nodes:
            if (block := _block(node.layer)) is not None:
                found += [(f"{node.params}/{path}", pattern) for path, pattern in block.untrained]
        return tuple(dict.fromkeys(found))

    def count(self, params: Params) -> int:
        """How many numbers of what is stored can be learned: no masks, and nothing that a network's own mask takes."""
        sizes: dict[str, int] = {path: math.prod(leaf.shape) for path, leaf in by_path(params).items()}
        masks = {path: view for path, view in self._masks.items() if path in sizes}
        gone = (
            v.zeros * sizes[path] // math.prod(v.shape) for path, v in masks.items() if isinstance(v, Masked) and v.bits
        )
        return sum(n for path, n in sizes.items() if path not in masks) - sum(gone)

    @cached_property
    def _masks(self) -> dict[str, ParameterView]:
        """The views that store what is never trained, by its path."""
        every = ((before, view) for network, before in self.networks() for view in network.views)
        return {before + path: view for before, view in every for path in view.untrained}

    @cached_property
    def still(self) -> frozenset[str]:
        """The layers with a state that are frozen as a whole: they run as in prediction, and their state stays."""
        views = (view for view in self.views if isinstance(view, Frozen))
        whole = {layer for view in views for layer, pattern in view.where if pattern == "*"}
        with_state = {n.params for n in self.nodes if type(bare(n.layer)).init_state is not Layer.init_state}
        return frozenset(whole & with_state)

    def with_mask(self, params: Params, path: str, mask: Any) -> Params:
        """What is stored, with this mask in the place of that which is there or in front of the parameter."""
        view = Masked.of(self._parameter(path), mask)
        if view.path not in by_path(self.effective(params)):
            raise unknown_name("parameter", path, by_path(self.effective(params)))
        W = at(self.effective(params), view.path)
        if view.shape != W.shape:
            raise ShapeError(f"the mask of {path} has the shape {view.shape}, the parameter has {W.shape}")
        made = put(params, view.stored_mask, view.begin(W))
        return put(made, view.path, at(made, view.path) * view.begin(W)) if view.path in by_path(made) else made

    # --- the doors

    def tied(self: N, path: str, source: str, *, transposed: bool = False) -> N:
        """This network with one parameter in the place of another, as it is or transposed.

        path: the parameter that is no longer stored, "decoder/W"; source: the one that it is, "encoder/W". The
        parameters of the one layer and the other stay apart otherwise. The gradients of both places are added.

        Raises `NetgradError` for layers that are not there, for a tie to itself or in a ring, and, when the sizes of
        the inputs are known, for parameters and shapes that do not fit.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(3, activation="tanh", name="encoder"), ng.Dense(8, name="decoder")])
        >>> net.tied("decoder/W", "encoder/W", transposed=True).summary((8,)).parameters  # 24 + 3 + 8
        35
        """
        path, source = self._parameter(path), self._parameter(source)
        ties = {view.path: view for view in self.views if isinstance(view, Tied)}
        if path in ties:
            raise NetgradError(f"{path} is tied to {ties[path].source} already")
        if source in ties:  # of what is tied itself: to what it is tied to
            source, transposed = ties[source].source, transposed != ties[source].transposed
        if path == source:
            raise NetgradError(f"{path} would be tied to itself: name another parameter as its source")
        for view in self.views:
            if isinstance(view, Masked | WeightNormed) and view.path == path:
                raise NetgradError(f"{path} is {view.registered_name.replace('_', ' ')}: tie the other one to it")
        own = Tied(path, source, transposed)
        moved = (
            replace(v, source=source, transposed=v.transposed != transposed)
            if isinstance(v, Tied) and v.source == path
            else v
            for v in self.views
        )
        return self.viewed(*moved, own, anew=True)

    def frozen(self: N, *which: str | type) -> N:
        """This network with layers or parameters that training leaves as they are.

        which: as for `Network.select`, a pattern of names ("encoder/*", or "encoder" for all that is in it) or a class
        of layers; or a pattern of parameters ("dense_1/b", "*/b"). A layer that is frozen as a whole also keeps its
        state, and runs as in prediction: `BatchNorm` uses its running statistics. For one run alone there is
        ``ng.fit(..., frozen="encoder/*")``; `thawed` undoes it.

        >>> import netgrad as ng, numpy as np
        >>> net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)]).frozen("dense_1")
        >>> start = ng.untrained(net, np.eye(3), [0.1, 0.2, 0.3])
        >>> model = ng.fit(start, np.eye(3), [0.1, 0.2, 0.3], epochs=2)
        >>> [bool((model.params[name]["W"] == start.params[name]["W"]).all()) for name in ("dense_1", "dense_2")]
        [True, False]
        """
        return self.viewed(*(Frozen(self.places(one), _called(one)) for one in which))

    def thawed(self: N) -> N:
        """This network without what `frozen` has said of it."""
        return self.viewed(*(view for view in self.views if not isinstance(view, Frozen)), anew=True)

    def masked(self: N, path: str, mask: Any = None) -> N:
        """This network with a mask of zeros and ones before a parameter: where it is 0, the parameter is and stays 0.

        mask: an array of the parameter's shape; by default ones everywhere, and stored all the same. For a trained
        model there is `Model.masked`.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(2)]).masked("dense_1/W", [[1, 0], [1, 1]])
        >>> (net.effective(net.init(0, (2,))[0])["dense_1"]["W"] == 0).tolist()
        [[False, True], [False, False]]
        """
        path = self._parameter(path)
        if any(isinstance(view, Tied) and view.path == path for view in self.views):
            raise NetgradError(f"{path} is tied to another parameter: give that one the mask")
        view = Masked(path) if mask is None else Masked.of(path, mask)
        others = (v for v in self.views if not (isinstance(v, Masked) and v.path == path))
        return self.viewed(*others, view, anew=True)

    def weight_normed(self: N, path: str) -> N:
        """This network with weights that are learned as length times direction, W = g V / ||V||, unit by unit.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(2)]).weight_normed("dense_1/W")
        >>> sorted(net.init(0, (3,))[0]["dense_1"])
        ['V', 'W_g', 'b']
        """
        path = self._parameter(path)
        for view in self.views:
            if isinstance(view, Tied | WeightNormed) and view.path == path:
                raise NetgradError(f"{path} is {view.registered_name.replace('_', ' ')} already")
        if "/" in path[len(self._layer(path)) + 1 :]:
            raise NetgradError(f"{path} has copies or is part of a part: norm the weights of the block itself")
        return self.viewed(WeightNormed(path))

    def viewed(self: N, *views: ParameterView, anew: bool = False) -> N:
        """This network with more views, in their order; ``anew``: with these instead of those that it has."""
        other = copy(self)
        every = dict.fromkeys(views if anew else (*self.views, *views))
        object.__setattr__(other, "views", tuple(sorted(every, key=lambda view: view.rank)))
        return other

    # --- a part of the network

    def views_among(self, layers: set[str]) -> list[ParameterView]:
        """The views that are left where only these layers are."""
        left = (view.among(lambda path: self._layer(path) in layers) for view in self.views)
        return [view for view in left if view is not None]

    def left_to(self, smaller: Parameters, params: Params) -> Params:
        """What is stored for a network of some of these layers; ties to layers that are gone become parameters."""
        layers = {node.params for node in smaller.nodes}
        left, effective = {name: own for name, own in params.items() if name in layers}, self.effective(params)
        for view in self.views:
            if isinstance(view, Tied) and view not in smaller.views and self._layer(view.path) in layers:
                left = put(left, view.path, at(effective, view.path))
        return left

    # --- names

    def networks(self) -> Iterator[tuple[Parameters, str]]:
        """This network, and those in its composites, each with what stands before the paths of its parameters."""
        yield self, ""
        for node in self.nodes:
            if (block := _block(node.layer)) is not None:
                yield from ((network, f"{node.params}/{before}") for network, before in block.networks())

    def parts(self) -> Iterator[tuple[str, str, Node]]:
        """Every node with its name and the path of its parameters, those in composites too: "stack_1/dense_1"."""
        for node in self.nodes:
            yield node.name, node.params, node
            if (block := _block(node.layer)) is not None:
                for name, path, part in block.parts():
                    yield f"{node.name}/{name}", f"{node.params}/{path}", part

    def _layer(self, path: str) -> str:
        """The layer that a path begins with; of several the longest, as one name may be the beginning of another."""
        names = (node.params for node in self.nodes)
        return max((name for name in names if path == name or path.startswith(f"{name}/")), key=len)

    def _parameter(self, path: str) -> str:
        """A parameter's path, of a layer that is there; of one used several times under its first name."""
        if not isinstance(path, str) or "/" not in path:
            raise NetgradError(f"a parameter is named by layer and name, as {self.nodes[0].params}/W: found {path!r}")
        for node in sorted(self.nodes, key=lambda node: len(node.name), reverse=True):
            if path.startswith(f"{node.name}/"):
                return f"{node.params}{path[len(node.name) :]}"
        raise unknown_name("layer", path.rpartition("/")[0], {node.params for node in self.nodes})

    def places(self, which: str | type) -> tuple[tuple[str, str], ...]:
        """Where what is named stands, as for `frozen`: pairs of a layer's path and a pattern for its parameters.

        >>> import netgrad as ng
        >>> net = ng.Sequential([ng.Dense(2), ng.Dense(2)])
        >>> net.places("dense_*"), net.places("dense_1/b")
        ((('dense_1', '*'), ('dense_2', '*')), (('dense_1', 'b'),))
        """
        if isinstance(which, type):
            found = [path for _, path, node in self.parts() if isinstance(node.layer, which)]
            if not found:
                raise NetgradError(f"no layer of this network is a {which.__name__}")
            return tuple((path, "*") for path in dict.fromkeys(found))
        head, pattern = str(which), "*"
        while head:  # a layer's name, or its beginning before a parameter's
            if found := [path for name, path, _ in self.parts() if fits(name, head)]:
                return tuple((path, pattern) for path in dict.fromkeys(found))
            head, _, last = head.rpartition("/")
            pattern = last if pattern == "*" else f"{last}/{pattern}"
        raise unknown_name("layer", which, [name for name, _, _ in self.parts()])

    def _check_frozen(self) -> None:
        """Refuse a frozen parameter that is tied to one that is not: it would move with it."""
        still = [view for view in self.views if isinstance(view, Frozen)]
        for tie in (view for view in self.views if isinstance(view, Tied)):
            own, other = (any(one.holds(path) for one in still) for path in tie.paths)
            if own and not other:
                raise NetgradError(f"{tie.path} is frozen, but tied to {tie.source}: freeze that one, too")


def renaming(names: Mapping[str, str]) -> Callable[[str], str]:
    """How paths change where layers change their names.

    >>> renaming({"dense_1": "encoder/dense_1"})("dense_1/W")
    'encoder/dense_1/W'
    """
    longest = sorted(names, key=len, reverse=True)

    def renamed(path: str) -> str:
        name = next(name for name in longest if path == name or path.startswith(f"{name}/"))
        return names[name] + path[len(name) :]

    return renamed


def _block(layer: Any) -> Parameters | None:
    """The network that a layer runs, where it is a composite."""
    block = getattr(bare(layer), "block", None)
    return block if isinstance(block, Parameters) else None


def _called(which: str | type) -> str:
    """What a user has written, in words."""
    return which.__name__ if isinstance(which, type) else str(which)
