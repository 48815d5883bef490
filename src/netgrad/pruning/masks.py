"""Which weights can be pruned, and which are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from netgrad.curvature.weights import Weights
from netgrad.errors import NetgradError
from netgrad.layers.convolution import Conv
from netgrad.layers.dense import Dense
from netgrad.layers.views import Masked

if TYPE_CHECKING:
    from netgrad.training.model import Model


def maskable(model: Model) -> list[str]:
    """The weights that may go: W of dense layers and convolutions, that are stored and trained."""
    layers = {node.params for node in model.network.nodes if isinstance(node.layer, Dense | Conv)}
    own = {path for path in Weights.of(model.network, model.params).paths if path.rpartition("/")[0] in layers}
    barred = {path for view in model.network.views if not isinstance(view, Masked) for path in view.paths}
    found = [path for path in own if path.endswith("/W") and path not in barred]
    if not found:
        raise NetgradError("nothing can be pruned: the network has no dense layer or convolution that is trained")
    return sorted(found)


def masks(model: Model, paths: list[str]) -> dict[str, np.ndarray]:
    """What of these weights is there now, True or False."""
    found = {}
    for path in paths:
        layer, _, name = path.rpartition("/")
        own = model.params[layer]
        mask = own.get(f"mask_{name}")
        found[path] = np.ones(own[name].shape, bool) if mask is None else np.asarray(mask) != 0
    return found


def masked(model: Model, params: dict, keep: Mapping[str, np.ndarray]) -> Model:
    """The model with these parameters and masks."""
    model = replace(model, params=params)
    for path, mask in keep.items():
        model = model.masked(path, mask)
    return model
