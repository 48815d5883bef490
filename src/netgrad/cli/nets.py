"""What --net on the command line is: one function a kind of network, from the source and the settings to the graph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netgrad.cli.sources import Source
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers import Augment, Conv, Dense, Dropout, Flatten, Layer, MaxPool, Rescaling
from netgrad.network import Network, Sequential
from netgrad.registry import find
from netgrad.training.tabular import Recipe


@dataclass(frozen=True)
class Shape:
    """What is asked of the network. hidden: units of each hidden layer; None for what suits the kind of network.
    loss: a name, or None for the target's own. filters: of each convolution. dropout: the share of each hidden layer
    that training drops. augment: settings of `Augment`."""

    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    loss: str | None = None
    filters: tuple[int, ...] = (6, 16)
    dropout: float = 0.0
    augment: dict[str, Any] = field(default_factory=dict)


def build(net: str, source: Source, shape: Shape) -> Network:
    """The network of this name for these examples."""
    if net == "pervasive_attention":
        raise NetgradError(f"--net {net} is for translations: name the column of the texts with --source, too")
    if net not in NETS:
        raise unknown_name("network", net, NETS)
    return NETS[net](source, shape)


def mlp(source: Source, shape: Shape) -> Network:
    """A multilayer perceptron: dense hidden layers, then one unit a class, or one for the quantity."""
    return Sequential([*first_layers(source, shape), *hidden_layers(shape, (128, 64)), last_layer(source, shape)])


def by_recipe(how: Recipe, source: Source, x: np.ndarray, shape: Shape) -> Network:
    """A table's network by its recipe."""
    if shape.augment:
        first_layers(source, shape)  # which refuses it
    return how.network(x, source.target_encoder.outputs)


def cnn(source: Source, shape: Shape) -> Network:
    """A convolutional network after the text's for handwritten digits (Z&M 26.3): convolution and max-pooling by
    turns, then dense hidden layers. Windows of 5x5 without padding; of 3x3 with padding on pictures under 20 pixels.
    """
    if source.kind != "images":
        raise NetgradError(f"--net cnn is for pictures, {source.name} holds {source.kind}: take --net mlp")
    small = min(np.shape(source.x)[1:3]) < 20
    maps: list[Layer] = []
    for filters in shape.filters:
        window, padding = (3, "same") if small else (5, "valid")
        maps += [Conv(filters, window, padding=padding, activation=shape.activation), MaxPool(2, padding="same")]
    first = first_layers(source, shape, flat=False)
    return Sequential([*first, *maps, Flatten(), *hidden_layers(shape, (120, 84)), last_layer(source, shape)])


def hidden_layers(shape: Shape, usual: tuple[int, ...]) -> list[Layer]:
    """The dense hidden layers that were asked for, or the usual ones."""
    layers: list[Layer] = []
    for units in usual if shape.hidden is None else shape.hidden:
        layers.append(Dense(units, activation=shape.activation))
        if shape.dropout:
            layers.append(Dropout(shape.dropout))
    return layers


def first_layers(source: Source, shape: Shape, *, flat: bool = True) -> list[Layer]:
    """What stands before the first weights: pictures are augmented, arrays centred and scaled as a whole (tables have
    their encoder)."""
    layers: list[Layer] = []
    if shape.augment:
        if source.kind != "images":
            raise NetgradError(f"--augment is for pictures, {source.name} holds {source.kind}: leave it out")
        layers.append(Augment(**shape.augment))
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


NETS: dict[str, Callable[[Source, Shape], Network]] = {"mlp": mlp, "cnn": cnn}
