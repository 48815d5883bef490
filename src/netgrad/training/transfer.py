"""Transfer: a model that begins from what another one has learned, for other targets or with another network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Layer
from netgrad.network import Network
from netgrad.network.edit import with_outputs
from netgrad.training.model import Model
from netgrad.training.untrained import untrained
from netgrad.trees import by_path, covers, map_leaves
from netgrad.types import Params


def transfer(
    model: Model,
    x: Any,
    y: Any = None,
    *,
    outputs: int | None = None,
    network: Network | None = None,
    anew: Any = (),
    **settings: Any,
) -> Model:
    """The model before its first step on other examples, with the parameters of a model that has learned from some.

    Whatever is in a layer of the same name is taken, with the state of the few layers that have one; what no layer of
    that name has is drawn, as `netgrad.untrained` does. `netgrad.fit` then trains it: all of it, or with ``frozen=``
    the new part alone, or with ``layer_rates=`` the old part slowly.

    Args:
        model: what is begun from, such as `netgrad.load` gives.
        x, y: examples, as for `netgrad.fit`; a table is encoded as the model's was.
        outputs: units of a new last layer, for other targets; None: the last layer is taken, too.
        network: another network than the model's, with some of its layers: cut, or longer. Made for instance by
            ``model.network.select("dense_3").replace(units=5)``.
        anew: a pattern of names, or several, of what is drawn all the same.
        settings: loss, penalty, lengths, seed, ... as `netgrad.untrained` takes them. Without ``outputs`` and
            ``network`` the loss is the model's.

    Raises `ShapeError` where a layer of the same name and settings has parameters of another shape, since then the
    inputs are others, and `NetgradError` where nothing would be taken.

    >>> import netgrad as ng, numpy as np
    >>> x = np.eye(6)
    >>> net = ng.Sequential([ng.Dense(4, activation="relu"), ng.Dense(3)])
    >>> known = ng.fit(net, x, [0, 1, 2, 0, 1, 2], epochs=2)
    >>> start = ng.transfer(known, x, ["a", "b", "b", "a", "a", "b"], outputs=2)
    >>> start.params["dense_1"]["W"] is known.params["dense_1"]["W"], start.params["dense_2"]["W"].shape
    (True, (4, 2))
    >>> model = ng.fit(start, x, ["a", "b", "b", "a", "a", "b"], layer_rates={"dense_1": 0.1}, epochs=2)
    """
    if network is not None and outputs is not None:
        raise NetgradError("outputs= makes a last layer of the model's own network: leave it out beside network=")
    heads: list[str] = []
    if outputs is not None:
        network, head = with_outputs(model.network, outputs)
        heads.append(head)
    elif network is None:
        network = model.network
        settings.setdefault("loss", {name: loss for name, loss, _ in model.objective.terms})
        y = model.encode_targets(y)
    start = untrained(network, model.encode_inputs(x), y, **settings)
    network, anew = start.network, (anew,) if isinstance(anew, str | type) else tuple(anew)
    drawn = [*((head, "*") for head in heads), *(place for which in anew for place in network.places(which))]
    params = _taken(model, start, drawn)
    known, given = by_path(model.state), by_path(start.state)
    fits = {path for path, value in given.items() if path in known and known[path].shape == value.shape}
    fits -= {path for path in fits if _among(path, drawn)}
    state = map_leaves(lambda path, value: known[path] if path in fits else value, start.state)
    kept = model.target_encoder if not heads and network == model.network else start.target_encoder
    return replace(start, params=params, state=state, encoder=model.encoder or start.encoder, target_encoder=kept)


def begun_anew(model: Model, start: Model) -> list[str]:
    """The layers of a start whose parameters are drawn, not the model's, in their order.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Dense(4), ng.Dense(3)])
    >>> known = ng.untrained(net, np.eye(3), [0, 1, 2])
    >>> begun_anew(known, ng.transfer(known, np.eye(3), [0, 1, 0], outputs=2))
    ['dense_2']
    """
    known = by_path(model.params)
    own = [path for path, value in by_path(start.params).items() if not _same(known.get(path), value)]
    found = (max((layer for _, layer, _ in start.network.parts() if covers(layer, "*", path)), key=len) for path in own)
    return list(dict.fromkeys(found))


def _taken(model: Model, start: Model, drawn: list[tuple[str, str]]) -> Params:
    """The parameters of the start, those that the model has in the place of those that were drawn."""
    known, given = by_path(model.params), by_path(start.params)
    before, now = _layers(model.network), _layers(start.network)
    taken: dict[str, Any] = {}
    for path, value in given.items():
        if path not in known or _among(path, drawn):
            continue
        if known[path].shape == value.shape:
            taken[path] = known[path] if known[path].dtype == value.dtype else jnp.asarray(known[path], value.dtype)
        elif _of(path, before) == _of(path, now):
            raise ShapeError(
                f"{path} has the shape {known[path].shape} in the model and would be {value.shape} here: what reaches "
                "it is of another size; give inputs of the same kind, or name the layer in anew="
            )
    if not taken:
        raise NetgradError(
            f"nothing of the model is taken: its layers are {', '.join(before)}, here they are {', '.join(now)}"
        )
    return map_leaves(lambda path, value: taken.get(path, value), start.params)


def _layers(network: Network) -> dict[str, Layer]:
    return {path: node.layer for _, path, node in network.parts()}


def _of(path: str, layers: Mapping[str, Layer]) -> Layer:
    """The innermost layer that a parameter is of."""
    return layers[max((name for name in layers if covers(name, "*", path)), key=len)]


def _among(path: str, places: list[tuple[str, str]]) -> bool:
    return any(covers(*place, path) for place in places)


def _same(one: Any, other: Any) -> bool:
    return one is not None and one.shape == other.shape and bool((one == other).all())
