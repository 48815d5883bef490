"""VGG (Simonyan & Zisserman 2015): nothing but windows of 3 x 3, two to four of them before each pooling."""

from __future__ import annotations

from netgrad.architectures.alexnet import dense_end
from netgrad.architectures.widths import widths
from netgrad.layers import Conv, Layer, MaxPool
from netgrad.network import Network, Sequential


def vgg16(classes: int = 1000, *, size: float = 1.0) -> Network:
    """VGG-16, for images of 224 x 224 x 3: 13 convolutions and 3 dense layers, 138,357,544 weights.

    Args:
        classes: units of the last layer.
        size: what the maps and units of all other layers are multiplied by.

    Any image of 32 pixels and more has room. Source: Pattipati, "CNN Structures in Image Recognition Competitions".

    >>> import netgrad as ng
    >>> ng.architectures.vgg16(classes=10).summary((32, 32, 3)).rows[-5].out_shape
    (512,)
    """
    return vgg((2, 2, 3, 3, 3), classes, size)


def vgg19(classes: int = 1000, *, size: float = 1.0) -> Network:
    """VGG-19: as `vgg16`, with four convolutions in each of the last three rows, 143,667,240 weights.

    >>> import netgrad as ng
    >>> ng.architectures.vgg19().summary((224, 224, 3)).parameters
    143667240
    """
    return vgg((2, 2, 4, 4, 4), classes, size)


def vgg(depths: tuple[int, ...], classes: int, size: float) -> Network:
    """Rows of so many convolutions, with 64, 128, 256, 512 and 512 maps, each with a pooling behind it."""
    wide = widths(size, classes)
    layers: list[Layer] = []
    for row, (depth, maps) in enumerate(zip(depths, (64, 128, 256, 512, 512), strict=True), 1):
        layers += [Conv(wide(maps), 3, padding=1, activation="relu", name=f"conv{row}_{i + 1}") for i in range(depth)]
        layers.append(MaxPool(2, name=f"pool{row}"))
    return Sequential(*layers, *dense_end(wide(4096), classes))
