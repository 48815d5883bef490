"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998; Pattipati, "Example: LeNet 5"), as it was and as it is built today."""

from __future__ import annotations

import numpy as np

from netgrad.architectures.widths import widths
from netgrad.layers import Conv, Dense, Flatten, MaxPool, ScaledTanh, Subsample
from netgrad.network import Network, Sequential

# Which of the 6 maps of S2 each of the 16 maps of C3 sees (the paper's Table I).
C3 = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    *((i, i + 1, (i + 3) % 6, (i + 4) % 6) for i in range(2)),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


def lenet5(classes: int = 10, *, size: float = 1.0, padding: int = 0) -> Network:
    """LeNet-5 as published: 60,000 weights up to F6, for images of 32 x 32.

    Args:
        classes: units of the last layer.
        size: what the maps and units of all other layers are multiplied by.
        padding: zeros around the image; 2 makes MNIST's 28 x 28 into the 32 x 32 that the network is for.

    C1 and C3 are convolutions of 5 x 5, S2 and S4 subsampling whose average has one trained weight and one bias a map,
    C5 one more convolution (over everything that is left of 32 x 32), F6 dense; all bend by 1.716 tanh(2/3 z). A map of
    C3 sees 3, 4 or all of S2's maps, by the paper's table: the weights of the others are masked, and stay 0. The
    paper's subsampling adds where this averages, which its trained weight makes up for; its last layer, ten fixed
    patterns that F6 is held against, is a dense one here, for a loss such as softmax cross-entropy.

    >>> import netgrad as ng
    >>> net = ng.architectures.lenet5()
    >>> [row.parameters for row in net.summary((32, 32, 1)).rows]
    [156, 12, 1516, 32, 48120, 0, 10164, 850]
    """
    wide = widths(size, classes)
    bend, maps, seen = ScaledTanh(), wide(16), wide(6)
    net = Sequential(
        Conv(seen, 5, padding=padding, activation=bend, name="c1"),
        Subsample(2, activation=bend, name="s2"),
        Conv(maps, 5, activation=bend, name="c3"),
        Subsample(2, activation=bend, name="s4"),
        Conv(wide(120), 5, activation=bend, name="c5"),
        Flatten(),
        Dense(wide(84), activation=bend, name="f6"),
        Dense(classes, name="output"),
    )
    return net.masked("c3/W", np.broadcast_to(connections(seen, maps), (5, 5, seen, maps)))


def connections(seen: int, maps: int) -> np.ndarray:
    """The table of C3 as zeros and ones (maps of S2, maps of C3); for other numbers of maps drawn out or together."""
    table = np.zeros((6, 16), bool)
    for k, those in enumerate(C3):
        table[list(those), k] = True
    return table[np.arange(seen) * 6 // seen][:, np.arange(maps) * 16 // maps]


def lenet5_modern(classes: int = 10, *, size: float = 1.0, padding: int = 0) -> Network:
    """LeNet-5 as it is usually built today: rectifiers, max-pooling, and maps that see all maps before them.

    Arguments as for `lenet5`.

    >>> import netgrad as ng
    >>> ng.architectures.lenet5_modern(padding=2).summary((28, 28, 1)).parameters
    61706
    """
    wide = widths(size, classes)
    return Sequential(
        Conv(wide(6), 5, padding=padding, activation="relu", name="c1"),
        MaxPool(2, name="s2"),
        Conv(wide(16), 5, activation="relu", name="c3"),
        MaxPool(2, name="s4"),
        Flatten(),
        Dense(wide(120), activation="relu", name="c5"),
        Dense(wide(84), activation="relu", name="f6"),
        Dense(classes, name="output"),
    )
