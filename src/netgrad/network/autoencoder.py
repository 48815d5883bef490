"""Autoencoders: networks that make a code of their inputs, and the inputs of the code again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.layers.dense import Dense
from netgrad.layers.symbol import Input
from netgrad.network.graph import Network, Sequential
from netgrad.network.part import named

Row = Layer | Network | Sequence[Layer | Network]


class Autoencoder(Network):
    """An encoder and a decoder behind it, trained to give back their inputs: ``ng.fit(net, x)``, without targets.

    The parts stand under the names "encoder" and "decoder", and what the encoder makes is the code: `Model.encode`,
    `Model.decode`. What is given back are always the inputs as they came, so that noise before the first layer
    (`GaussianNoise`, or `Dropout` to mask) makes a denoising autoencoder. A penalty on the code makes a sparse
    (`netgrad.Sparsity`) or contractive one (`netgrad.Contraction`), `Gaussian` as the encoder's last layer a
    variational one, whose `Model.sample` draws new examples.

    Args:
        encoder: layers and networks in a row, or one of them.
        decoder: the same. None: the mirror image of an encoder of dense layers, with their activations, a linear last
            layer, and ``inputs`` units.
        inputs: how many numbers an example has, for a mirror image.
        tied: the weights of the decoder's dense layers are those of the encoder's, last to first, transposed
            (`Network.tied`).
        name: as for `Network`.

    Source: Pattipati "Early Methods of Training Deep Networks", auto-encoders; Allauzen "Solutions".

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 6))
    >>> net = ng.Autoencoder([ng.Dense(4, activation="tanh"), ng.Dense(2)], inputs=6, tied=True)
    >>> [node.name for node in net.nodes]
    ['encoder/dense_1', 'encoder/dense_2', 'decoder/dense_1', 'decoder/dense_2']
    >>> model = ng.fit(net, x, epochs=2)
    >>> model.encode(x).shape, model.decode(model.encode(x)).shape
    ((200, 2), (200, 6))
    """

    def __init__(
        self,
        encoder: Row,
        decoder: Row | None = None,
        *,
        inputs: int | None = None,
        tied: bool = False,
        name: str | None = None,
    ):
        first = _one_way("encoder", encoder)
        if decoder is None:
            decoder = _mirror(first, inputs)
        elif inputs is not None:
            raise NetgradError("inputs is for the mirror image of an encoder: leave it out where a decoder is given")
        x = Input()
        super().__init__(x, _one_way("decoder", decoder)(first(x)), name=name)
        if tied:
            _tie(self)


def _one_way(name: str, part: Row) -> Network:
    """A part under this name."""
    network = part if isinstance(part, Network) else Sequential(part)
    for kind, ends in (("input", network.inputs), ("output", network.outputs)):
        if len(ends) != 1:
            raise NetgradError(f"the {name} of an autoencoder has one {kind}, found {len(ends)}")
    return named(network, name)


def _mirror(encoder: Network, inputs: int | None) -> list[Layer | Network]:
    """Dense layers that lead back from the code to the inputs."""
    if inputs is None:
        raise NetgradError(
            "an autoencoder needs a decoder, ng.Autoencoder(encoder, decoder), or inputs=, the number of numbers of an "
            "example, for the mirror image of its encoder"
        )
    layers = [layer for layer in encoder.written if not (layer.hands_on and not layer.init_state((1,)))]
    if not all(isinstance(layer, Dense) for layer in layers) or not layers:
        kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in layers))
        raise NetgradError(f"only an encoder of Dense layers has a mirror image, found {kinds}: give a decoder")
    dense: list[Any] = layers
    back = [Dense(to.units, activation=to.activation) for to in reversed(dense[:-1])]
    return [*back, Dense(inputs)]


def _tie(network: Any) -> None:
    """The decoder's weights are the encoder's."""
    dense = {
        part: [n for n in network.nodes if n.name.startswith(f"{part}/") and isinstance(n.layer, Dense)]
        for part in ("encoder", "decoder")
    }
    if len(dense["encoder"]) != len(dense["decoder"]) or not dense["encoder"]:
        raise NetgradError(
            f"tied weights pair the Dense layers of encoder and decoder, found {len(dense['encoder'])} and "
            f"{len(dense['decoder'])}: tie single ones by net.tied('decoder/dense_1/W', 'encoder/dense_1/W')"
        )
    tied = network
    for back, to in zip(dense["decoder"], reversed(dense["encoder"]), strict=True):
        tied = tied.tied(f"{back.params}/W", f"{to.params}/W", transposed=True)
    object.__setattr__(network, "views", tied.views)
