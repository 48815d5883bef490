"""AlexNet (Krizhevsky, Sutskever & Hinton 2012) and ZFNet (Zeiler & Fergus 2014), the winners of 2012 and 2013."""

from __future__ import annotations

from typing import Any

from netgrad.architectures.widths import widths
from netgrad.layers import Conv, Dense, Dropout, Flatten, Layer, LocalResponseNorm, MaxPool
from netgrad.network import Network, Sequential


def alexnet(classes: int = 1000, *, size: float = 1.0, groups: int = 1, one_tower: bool = False) -> Network:
    """AlexNet, for images of 227 x 227 x 3: five convolutions, three pools, three dense layers.

    Args:
        classes: units of the last layer.
        size: what the maps and units of all other layers are multiplied by.
        groups: 1, as the text has it, 62,378,344 weights; 2, as it was published, the second, fourth and fifth
            convolution split between two graphics cards, 60,965,224 weights: the text's "~60M".
        one_tower: the later form with 64, 192, 384, 256 and 256 maps, padding of 2 at the first and no response
            normalisation (Krizhevsky 2014), 61,100,840 weights, for 224 x 224: torchvision's, whose files
            `netgrad.exchange.from_torch` reads.

    The first maps are 55 x 55 x 96. The text has batch normalisation where the paper, and this network, have
    `LocalResponseNorm`; it stands before the pooling, as in the paper. Images under 67 pixels leave no room.

    Source: Pattipati, "CNN Structures in Image Recognition Competitions".

    >>> import netgrad as ng
    >>> table = ng.architectures.alexnet().summary((227, 227, 3))
    >>> table.rows[0].out_shape, table.parameters
    ((55, 55, 96), 62378344)
    """
    wide = widths(size, classes)
    if one_tower:
        maps, norm, padding = (64, 192, 384, 256, 256), False, 2
    else:
        maps, norm, padding = (96, 256, 384, 384, 256), True, 0

    def conv(i: int, window: int, split: bool, **settings: Any) -> Conv:
        own = groups if split else 1
        return Conv(wide(maps[i - 1], groups), window, activation="relu", groups=own, name=f"conv{i}", **settings)

    return Sequential(
        conv(1, 11, False, stride=4, padding=padding),
        *normed_and_pooled(1, norm),
        conv(2, 5, True, padding=2),
        *normed_and_pooled(2, norm),
        conv(3, 3, False, padding=1),
        conv(4, 3, True, padding=1),
        conv(5, 3, True, padding=1),
        MaxPool(3, stride=2, name="pool5"),
        *dense_end(wide(4096), classes),
    )


def zfnet(classes: int = 1000, *, size: float = 1.0, wider: bool = True) -> Network:
    """ZFNet, AlexNet with smaller windows at the beginning, for images of 224 x 224 x 3.

    Args:
        classes, size: as for `alexnet`.
        wider: as the text has it, with 512, 1024 and 512 maps at the end, 107,627,624 weights; False: with AlexNet's
            384, 384 and 256, as the paper's main network, 62,357,608.

    Images under 63 pixels leave no room.

    Source: Pattipati, "CNN Structures": "conv 11-96 stride 4 -> conv 7-96 stride 2 [...]".

    >>> import netgrad as ng
    >>> [row.out_shape for row in ng.architectures.zfnet().summary((224, 224, 3)).rows][:2]
    [(110, 110, 96), (110, 110, 96)]
    """
    wide = widths(size, classes)
    third, fourth, fifth = (512, 1024, 512) if wider else (384, 384, 256)
    return Sequential(
        Conv(wide(96), 7, stride=2, padding=1, activation="relu", name="conv1"),
        *normed_and_pooled(1, True, padding=((0, 1), (0, 1))),
        Conv(wide(256), 5, stride=2, activation="relu", name="conv2"),
        *normed_and_pooled(2, True, padding=((0, 1), (0, 1))),
        Conv(wide(third), 3, padding=1, activation="relu", name="conv3"),
        Conv(wide(fourth), 3, padding=1, activation="relu", name="conv4"),
        Conv(wide(fifth), 3, padding=1, activation="relu", name="conv5"),
        MaxPool(3, stride=2, name="pool5"),
        *dense_end(wide(4096), classes),
    )


def normed_and_pooled(i: int, norm: bool, padding: object = "valid") -> list[Layer]:
    """What follows the i-th convolution: response normalisation, where there is one, and pooling by windows that
    overlap."""
    pool = MaxPool(3, stride=2, padding=padding, name=f"pool{i}")
    return [LocalResponseNorm(name=f"norm{i}"), pool] if norm else [pool]


def dense_end(units: int, classes: int) -> list[Layer]:
    """Two dense layers, half of what each gets dropped in training, and the classes."""
    return [
        Flatten(),
        Dropout(0.5, name="drop6"),
        Dense(units, activation="relu", name="fc6"),
        Dropout(0.5, name="drop7"),
        Dense(units, activation="relu", name="fc7"),
        Dense(classes, name="fc8"),
    ]
