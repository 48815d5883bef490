"""Inception-v4 and Inception-ResNet-v2 (Szegedy, Ioffe, Vanhoucke & Alemi 2017).

Modules of equal shape run as one compiled loop, a `netgrad.Stack`. Sizes are those of the authors' own code, from which
the usual weights come; layers have the names that they have in timm, where those are words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netgrad.architectures.normed import normed
from netgrad.architectures.widths import widths
from netgrad.layers import Add, AveragePool, Concatenate, Conv, Dense, Dropout, GlobalPool, MaxPool, ReLU, Rescaling
from netgrad.layers.symbol import Input
from netgrad.network import Branches, Network, Sequential, Stack

Wide = Callable[..., int]
ACROSS, DOWN = (1, 7), (7, 1)  # a window of 7 x 7 in two
USUAL: tuple[Any, ...] = ("same", 1)  # padding and stride


def inception_v4(classes: int = 1000, *, size: float = 1.0) -> Network:
    """Inception-v4, for images of 299 x 299 x 3: 42,679,816 weights.

    Args:
        classes: units of the last layer.
        size: what the maps of all layers are multiplied by.

    Images under 75 pixels leave no room. Source: Pattipati, "Current State of DNNs for Image Recognition".

    >>> import netgrad as ng
    >>> ng.architectures.inception_v4().summary((299, 299, 3)).parameters
    42679816
    """
    thirty_two = widths(size, classes)(32)

    def wide(published: int) -> int:  # always a multiple: a module that is repeated puts out what it takes in
        return published // 32 * thirty_two

    return Sequential(
        normed(wide(32), 3, "conv1", stride=2, padding=0),
        normed(wide(32), 3, "conv2", padding=0),
        normed(wide(64), 3, "conv3"),
        Branches(MaxPool(3, stride=2), normed(wide(96), 3, "conv", stride=2, padding=0), name="mixed_3a"),
        Branches(
            row(wide, (64, 1), (96, 3, 0), name="branch0"),
            row(wide, (64, 1), (64, ACROSS), (64, DOWN), (96, 3, 0), name="branch1"),
            name="mixed_4a",
        ),
        Branches(normed(wide(192), 3, "conv", stride=2, padding=0), MaxPool(3, stride=2), name="mixed_5a"),
        Stack(
            Branches(
                row(wide, (96, 1), name="branch0"),
                row(wide, (64, 1), (96, 3), name="branch1"),
                row(wide, (64, 1), (96, 3), (96, 3), name="branch2"),
                averaged(wide, 96),
            ),
            4,
            name="inception_a",
        ),
        Branches(
            row(wide, (384, 3, 0, 2), name="branch0"),
            row(wide, (192, 1), (224, 3), (256, 3, 0, 2), name="branch1"),
            MaxPool(3, stride=2),
            name="reduction_a",
        ),
        Stack(
            Branches(
                row(wide, (384, 1), name="branch0"),
                row(wide, (192, 1), (224, ACROSS), (256, DOWN), name="branch1"),
                row(wide, (192, 1), (192, DOWN), (224, ACROSS), (224, DOWN), (256, ACROSS), name="branch2"),
                averaged(wide, 128),
            ),
            7,
            name="inception_b",
        ),
        Branches(
            row(wide, (192, 1), (192, 3, 0, 2), name="branch0"),
            row(wide, (256, 1), (256, ACROSS), (320, DOWN), (320, 3, 0, 2), name="branch1"),
            MaxPool(3, stride=2),
            name="reduction_b",
        ),
        Stack(
            Branches(
                row(wide, (256, 1), name="branch0"),
                [row(wide, (384, 1), name="branch1"), both_ways(wide, "branch1_1")],
                [row(wide, (384, 1), (448, (3, 1)), (512, (1, 3)), name="branch2"), both_ways(wide, "branch2_3")],
                averaged(wide, 256),
            ),
            3,
            name="inception_c",
        ),
        GlobalPool(),
        Dropout(0.2),
        Dense(classes, name="fc"),
    )


def inception_resnet_v2(classes: int = 1000, *, size: float = 1.0) -> Network:
    """Inception-ResNet-v2, modules that learn what to add, for images of 299 x 299 x 3: 55,843,464 weights.

    Arguments as for `inception_v4`. What a module adds is multiplied by 0.17, 0.1 or 0.2, which keeps deep sums steady.

    >>> import netgrad as ng
    >>> ng.architectures.inception_resnet_v2().summary((299, 299, 3)).parameters
    55843464
    """
    wide = widths(size, classes)
    first = wide(96) + wide(64) + wide(96) + wide(64)
    second = first + 2 * wide(384)
    third = second + wide(384) + wide(288) + wide(320)

    def last(name: str, scale: float) -> Network:
        ways = row(wide, (192, 1), name="branch0"), row(wide, (192, 1), (224, (1, 3)), (256, (3, 1)), name="branch1")
        return added(ways, third, scale, name)

    fifth = (
        row(wide, (32, 1), name="branch0"),
        row(wide, (32, 1), (32, 3), name="branch1"),
        row(wide, (32, 1), (48, 3), (64, 3), name="branch2"),
    )
    tenth = row(wide, (192, 1), name="branch0"), row(wide, (128, 1), (160, ACROSS), (192, DOWN), name="branch1")
    return Sequential(
        normed(wide(32), 3, "conv2d_1a", stride=2, padding=0),
        normed(wide(32), 3, "conv2d_2a", padding=0),
        normed(wide(64), 3, "conv2d_2b"),
        MaxPool(3, stride=2, name="maxpool_3a"),
        normed(wide(80), 1, "conv2d_3b"),
        normed(wide(192), 3, "conv2d_4a", padding=0),
        MaxPool(3, stride=2, name="maxpool_5a"),
        Branches(
            row(wide, (96, 1), name="branch0"),
            row(wide, (48, 1), (64, 5), name="branch1"),
            row(wide, (64, 1), (96, 3), (96, 3), name="branch2"),
            averaged(wide, 64),
            name="mixed_5b",
        ),
        Stack([added(fifth, first, 0.17, "block"), ReLU()], 10, name="repeat"),
        Branches(
            row(wide, (384, 3, 0, 2), name="branch0"),
            row(wide, (256, 1), (256, 3), (384, 3, 0, 2), name="branch1"),
            MaxPool(3, stride=2),
            name="mixed_6a",
        ),
        Stack([added(tenth, second, 0.1, "block"), ReLU()], 20, name="repeat_1"),
        Branches(
            row(wide, (256, 1), (384, 3, 0, 2), name="branch0"),
            row(wide, (256, 1), (288, 3, 0, 2), name="branch1"),
            row(wide, (256, 1), (288, 3), (320, 3, 0, 2), name="branch2"),
            MaxPool(3, stride=2),
            name="mixed_7a",
        ),
        Stack([last("block", 0.2), ReLU()], 9, name="repeat_2"),
        last("block8", 1.0),
        normed(wide(1536), 1, "conv2d_7b"),
        GlobalPool(),
        Dropout(0.2),
        Dense(classes, name="fc"),
    )


def row(wide: Wide, *units: tuple[Any, ...], name: str) -> Network:
    """Units (maps, window, padding, stride) one after the other; by default padded, with a stride of 1."""
    made = []
    for i, (maps, window, *rest) in enumerate(units):
        padding, stride = (*rest, *USUAL[len(rest) :])
        made.append(normed(wide(maps), window, name if len(units) == 1 else str(i), stride=stride, padding=padding))
    return made[0] if len(made) == 1 else Sequential(*made, name=name)


def averaged(wide: Wide, maps: int) -> Network:
    """The average of the neighbourhood, and 1 x 1 behind it."""
    return Sequential(AveragePool(3, stride=1, padding="same", name="0"), normed(wide(maps), 1, "1"), name="branch3")


def both_ways(wide: Wide, name: str) -> Network:
    """Windows of 1 x 3 and 3 x 1 side by side."""
    return Branches(normed(wide(256), (1, 3), f"{name}a"), normed(wide(256), (3, 1), f"{name}b"))


def added(ways: tuple[Network, ...], maps: int, scale: float, name: str) -> Network:
    """x + scale F(x), F several ways side by side and 1 x 1 behind them."""
    x = Input()
    mixed = Conv(maps, 1, name="conv2d")(Concatenate()(*(way(x) for way in ways)))
    return Network(x, Add()(x, Rescaling(0.0, scale)(mixed) if scale != 1 else mixed), name=name)
