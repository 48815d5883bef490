"""What --net on the command line is: one function a kind of network, from the source and the settings to the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netgrad.cli.sources import Source
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers import Dense, Flatten, Layer, Rescaling
from netgrad.network import Network, Sequential
from netgrad.registry import find


@dataclass(frozen=True)
class Shape:
    """What is asked of the network. hidden: units of each hidden layer. loss: a name, or None for the target's own."""

    hidden: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    loss: str | None = None


def build(net: str, source: Source, shape: Shape) -> Network:
    """The network of this name for these examples."""
    if net not in NETS:
        raise unknown_name("network", net, NETS)
    return NETS[net](source, shape)


def mlp(source: Source, shape: Shape) -> Network:
    """A multilayer perceptron: dense hidden layers, then one unit a class, or one for the quantity."""
    hidden = [Dense(units, activation=shape.activation) for units in shape.hidden]
    return Sequential([*first_layers(source), *hidden, last_layer(source, shape)])


def first_layers(source: Source, *, flat: bool = True) -> list[Layer]:
    """What stands before the first weights: arrays are centred and scaled as a whole (tables have their encoder)."""
    layers: list[Layer] = []
    if source.encoder is None:
        layers.append(Rescaling.standardising(np.asarray(source.x)))
    if flat and np.ndim(source.x) > 2:
        layers.append(Flatten())
    return layers


def last_layer(source: Source, shape: Shape) -> Layer:
    """The units that the loss compares with the target."""
    loss = loss_of(source, shape)
    outputs = source.target_encoder.outputs
    if find("loss", loss).task == "multilabel":
        if outputs != 2:
            raise NetgradError(f"--loss {loss} is for two classes, the target has {outputs}: leave --loss out")
        outputs = 1
    return Dense(outputs, activation="softmax" if loss == "cross_entropy" else "identity")


def loss_of(source: Source, shape: Shape) -> str:
    """The loss that was asked for, or the one that belongs to the task; an error where they do not go together."""
    usual = "softmax_cross_entropy" if source.task == "classification" else "squared_error"
    loss = shape.loss or usual
    if (find("loss", loss).task == "regression") != (source.task == "regression"):
        raise NetgradError(
            f"--loss {loss} does not go with a {source.task} of {source.target!r}: leave it out for {usual}, "
            "or say --task"
        )
    return loss


NETS: dict[str, Callable[[Source, Shape], Network]] = {"mlp": mlp}
