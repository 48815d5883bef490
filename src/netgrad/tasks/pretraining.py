"""Greedy layer-wise pre-training: every hidden layer learns by itself, without labels, what the one below makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from netgrad.compiling import INITIAL, as_seed, random_key
from netgrad.errors import NetgradError
from netgrad.layers import Context, Dense, Dropout, Layer, Logistic
from netgrad.network import Autoencoder, Network, Node
from netgrad.tasks.boltzmann import RBM
from netgrad.training.fit import fit
from netgrad.training.prepare import check_inputs, in_shapes
from netgrad.training.train import train

WAYS = ("autoencoder", "rbm")


def pretrain(
    network: Network,
    x: Any,
    *,
    by: str = "autoencoder",
    epochs: int = 10,
    batch_size: int = 32,
    learning_rate: float | None = None,
    noise: float = 0.25,
    seed: int = 0,
) -> dict:
    """First parameters for `netgrad.fit`, learned from examples without labels, of which there may be more than those
    with: ``ng.fit(net, x, y, params=pretrain(net, everything))``, which is the fine-tuning.

    From the lowest upwards each hidden layer is trained as an encoder of what comes from below, and its decoder is then
    forgotten; the last layer is drawn as ever.

    Args:
        network: dense layers in a row; layers without parameters may stand between them.
        x: (N, d) examples. by: "autoencoder", or "rbm" for logistic layers, a Boltzmann machine each; that of the
            lowest has binary units where x lies in [0, 1], else Gaussian ones, for data of variance 1.
        epochs, batch_size, learning_rate: of each layer. noise: the share of its inputs that an autoencoder does not
            see, and gives back all the same.

    Raises `NetgradError` for networks of another form. Sources: Pattipati "Early Methods of Training Deep Networks",
    approaches 1 and 2; Allauzen "Solutions"; Bengio et al. (2007).

    >>> import netgrad as ng, numpy as np
    >>> from netgrad.tasks import pretrain
    >>> x = np.random.default_rng(0).random((200, 6))
    >>> net = ng.Sequential([ng.Dense(4, activation="logistic"), ng.Dense(3, activation="logistic"), ng.Dense(1)])
    >>> model = ng.fit(net, x[:20], x[:20].sum(1), params=pretrain(net, x, epochs=2), epochs=2)
    """
    if by not in WAYS:
        raise NetgradError(f"layers are pre-trained by {' or '.join(WAYS)}, found {by!r}")
    seed, row = as_seed(seed), in_a_row(network, by)
    inputs, _ = check_inputs(network, x)
    params, _ = network.init(random_key(seed, INITIAL), in_shapes(inputs))
    seen = next(iter(inputs.values()))
    for i, node in enumerate(row):
        if isinstance(node.layer, Dense):
            own = {"epochs": epochs, "batch_size": batch_size, "epochs_per_call": epochs, "seed": (seed + i) % 2**32}
            learned = _machine if by == "rbm" else _encoder
            params[node.params] = learned(node.layer, seen, learning_rate, noise, own)
        seen, _ = node.layer.forward(params.get(node.params, {}), jnp.asarray(seen), Context())
        seen = np.asarray(seen)
    return params


def in_a_row(network: Network, by: str) -> list[Node]:
    """The nodes up to the last hidden layer, of a network that can be pre-trained so."""
    dense = [node for node in network.nodes if isinstance(node.layer, Dense)]
    if len(dense) < 2:
        raise NetgradError("pre-training is of hidden dense layers, and this network has none")
    if network.views or len({node.params for node in dense}) < len(dense):
        raise NetgradError("pre-training is of layers with weights of their own, found tied, frozen or other views")
    row: list[Node] = []
    before = network.inputs
    for node in network.nodes:
        if node.inputs != before or len(network.inputs) > 1:
            raise NetgradError(
                f"pre-training is of layers in a row, and {node.name} is fed by {', '.join(node.inputs)}"
            )
        before = (node.name,)
        if node is dense[-1]:
            break
        layer: Layer = node.layer
        if not isinstance(layer, Dense) and (type(layer).init is not Layer.init or layer.init_state((1,))):
            raise NetgradError(f"pre-training is of dense layers, and {node.name} is none: leave pre-training out")
        if by == "rbm" and isinstance(layer, Dense) and layer.activation != Logistic():
            raise NetgradError(
                f"a Boltzmann machine's units are logistic, and those of {node.name} are "
                f"{layer.activation.registered_name}: pre-train by autoencoder, or make them logistic"
            )
        row.append(node)
    return row


def _encoder(layer: Dense, seen: np.ndarray, rate: float | None, noise: float, settings: dict[str, Any]) -> dict:
    hide: list[Layer | Network] = [Dropout(noise, classic=True)] if noise else []
    net = Autoencoder([*hide, layer.replace(name="code")], [Dense(seen.shape[1])])
    return dict(fit(net, seen, loss="squared_error", learning_rate=rate, **settings).params["encoder/code"])


def _machine(layer: Dense, seen: np.ndarray, rate: float | None, noise: float, settings: dict[str, Any]) -> dict:
    binary = seen.min() >= 0 and seen.max() <= 1
    task = RBM(layer.units, visible="binary" if binary else "gaussian")
    usual = task.learning_rate if binary else 0.1 * task.learning_rate  # Gaussian units: Hinton (2010), section 13.2
    machine = train(replace(task, learning_rate=rate or usual), seen, **settings)
    params = {"W": jnp.asarray(machine.W)}
    return params | {"b": jnp.asarray(machine.c)} if layer.bias else params
