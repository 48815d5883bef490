"""The network without units whose outputs go nowhere: the same outputs from fewer weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from netgrad.layers.dense import Dense
from netgrad.layers.views import Masked
from netgrad.network.edit import with_layers
from netgrad.pruning.units import hidden_layers

if TYPE_CHECKING:
    from netgrad.training.model import Model


def smaller(model: Model) -> Model:
    """The model with smaller layers where hidden units or filters have no weight out of them; outputs are the same.

    What `netgrad.prune` by ``of="units"`` leaves. Masks that hide nothing any more are gone.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> model = ng.fit(ng.Sequential([ng.Dense(8, activation="relu"), ng.Dense(1)]), x, x[:, 0] ** 2, epochs=20)
    >>> pruned = ng.prune(model, x, x[:, 0] ** 2, share=0.5, of="units", method="obd")
    >>> less = ng.pruning.smaller(pruned)
    >>> less.parameters, model.parameters, bool(np.allclose(less.predict(x), pruned.predict(x), atol=1e-6))
    (25, 49, True)
    """
    params: dict[str, Any] = {layer: dict(own) for layer, own in model.params.items()}
    units: dict[str, int] = {}
    for one in hidden_layers(model.network):
        effective = model.effective[one.after]["W"]
        keep = (one.outgoing(effective).reshape(one.units, -1) != 0).any(1)
        if keep.all():
            continue
        if not keep.any():
            keep[0] = True  # a layer has at least one unit
        units[one.layer] = int(keep.sum())
        for name, leaf in params[one.layer].items():
            params[one.layer][name] = jnp.asarray(np.asarray(leaf)[..., keep])
        for name in ("W", "mask_W"):
            if name in params[one.after]:
                leaf = np.asarray(params[one.after][name])
                params[one.after][name] = jnp.asarray(leaf[..., one.rows(keep, leaf.shape[-2]), :])

    def sized(node: Any) -> Any:
        if node.params not in units:
            return node.layer
        name = "units" if isinstance(node.layer, Dense) else "filters"
        return node.layer.replace(**{name: units[node.params]})

    network = model.network
    views = []
    for view in network.views:
        if not isinstance(view, Masked):
            views.append(view)
            continue
        layer, _, name = view.path.rpartition("/")
        mask = np.asarray(params[layer][f"mask_{name}"])
        if mask.all():
            del params[layer][f"mask_{name}"]
        else:
            views.append(Masked.of(view.path, mask))
    # Without views first: those that are there say shapes which are no more.
    network = with_layers(network.viewed(anew=True), sized).viewed(*views, anew=True)
    return replace(model, network=network, params=params, optimizer_state=None, posterior=None, tested=None)
