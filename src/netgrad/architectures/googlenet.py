"""GoogLeNet, the first Inception network (Szegedy et al. 2015): windows of several sizes side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netgrad.architectures.normed import normed
from netgrad.architectures.widths import widths
from netgrad.layers import AveragePool, Conv, Dense, Dropout, Flatten, GlobalPool, Layer, LocalResponseNorm, MaxPool
from netgrad.layers.symbol import Input, Symbol
from netgrad.network import Branches, Network, Sequential

# Maps of 1 x 1; before 3 x 3, and of it; before 5 x 5, and of it; behind the pooling (the paper's table 1).
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32), "3b": (128, 128, 192, 32, 96, 64), "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64), "4c": (128, 128, 256, 24, 64, 64), "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128), "5a": (256, 160, 320, 32, 128, 128), "5b": (384, 192, 384, 48, 128, 128),
}  # fmt: skip
HINTS = {"aux1": "4a", "aux2": "4d"}  # the modules that the auxiliary outputs read

Unit = Callable[..., Layer | Network]


def googlenet(classes: int = 1000, *, size: float = 1.0, auxiliary: bool = False, batch_norm: bool = False) -> Network:
    """GoogLeNet (Inception v1), for images of 224 x 224 x 3: 22 layers, 6,998,552 weights.

    Args:
        classes: units of the last layer; 5,973,552 weights are those of all others.
        size: what the maps of all layers are multiplied by.
        auxiliary: with the outputs "aux1" and "aux2" beside "class", which hint at the classes half-way up and are
            trained with a weight of 0.3 each, ``ng.fit(net, x, dict.fromkeys(net.output_names, y),
            loss_weights={"aux1": 0.3, "aux2": 0.3})``; `Network.without` takes them away. 13,378,280 weights.
        batch_norm: torchvision's form, whose files `netgrad.exchange.from_torch` reads: normalisation behind every
            convolution in the place of biases and response normalisation, and 3 x 3 where the paper has 5 x 5;
            6,624,904 weights. Its auxiliary outputs pool otherwise than the paper's and these.

    Any image has room (with auxiliary outputs from 65 pixels on), as all positions are averaged at the end.

    Source: Pattipati, "CNN Structures": "Only 5M weights", which is a twelfth of AlexNet's.

    >>> import netgrad as ng
    >>> table = ng.architectures.googlenet().summary((224, 224, 3))
    >>> table.parameters, table.parameters - table.rows[-1].parameters
    (6998552, 5973552)
    """
    wide = widths(size, classes)
    unit, largest = (normed, 3) if batch_norm else (plain, 5)
    norms = [] if batch_norm else [LocalResponseNorm(name=name) for name in ("norm1", "norm2")]
    x = Input()
    h = unit(wide(64), 7, "conv1", stride=2, padding=3)(x)
    h = pooled(h, "maxpool1")
    h = norms[0](h) if norms else h
    h = unit(wide(64), 1, "conv2")(h)
    h = unit(wide(192), 3, "conv3")(h)
    h = norms[1](h) if norms else h
    h = pooled(h, "maxpool2")
    outputs: dict[str, Any] = {}
    for name, maps in MODULES.items():
        h = module([wide(n) for n in maps], f"inception{name}", unit, largest)(h)
        for hint, place in HINTS.items():
            if auxiliary and place == name:
                outputs[hint] = auxiliary_output(wide, classes, hint, unit)(h)
        if name == "3b":
            h = pooled(h, "maxpool3")
        elif name == "4e":
            h = pooled(h, "maxpool4", 2 if batch_norm else 3)
    h = Dropout(0.2 if batch_norm else 0.4, name="dropout")(GlobalPool(name="avgpool")(h))
    last = Dense(classes, name="fc")(h)
    return Network(x, {"class": last} | outputs if auxiliary else last)


def pooled(h: Symbol, name: str, window: int = 3) -> Symbol:
    """Half as many positions, rounded up."""
    return MaxPool(window, stride=2, padding="same", name=name)(h)


def module(maps: list[int], name: str, unit: Unit, largest: int) -> Network:
    """The Inception module: 1 x 1, 3 x 3, 5 x 5 and a pooling side by side, with 1 x 1 before the costly ones."""
    one, before_three, three, before_five, five, behind = maps
    pool = MaxPool(3, stride=1, padding="same", name="0")
    return Branches(
        unit(one, 1, "branch1"),
        Sequential(unit(before_three, 1, "0"), unit(three, 3, "1"), name="branch2"),
        Sequential(unit(before_five, 1, "0"), unit(five, largest, "1"), name="branch3"),
        Sequential(pool, unit(behind, 1, "1"), name="branch4"),
        name=name,
    )


def auxiliary_output(wide: Callable[..., int], classes: int, name: str, unit: Unit) -> Network:
    """A small classifier that reads the maps half-way up."""
    return Sequential(
        AveragePool(5, stride=3, name="pool"),
        unit(wide(128), 1, "conv"),
        Flatten(),
        Dense(wide(1024), activation="relu", name="fc1"),
        Dropout(0.7, name="dropout"),
        Dense(classes, name="fc2"),
        name=name,
    )


def plain(filters: int, window: int, name: str, *, stride: int = 1, padding: Any = "same") -> Layer:
    """A convolution with biases and rectifiers."""
    return Conv(filters, window, stride, padding, activation="relu", name=name)
