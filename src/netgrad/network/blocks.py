"""Networks that serve as blocks of larger ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.layers.convolution import Conv
from netgrad.layers.depthwise import DepthwiseConv
from netgrad.layers.merge import Add, Concatenate
from netgrad.layers.symbol import Input
from netgrad.network.graph import Network, in_a_row


class Residual(Network):
    """F(x) + x: what a block adds to its input, so that the gradient reaches whatever is below undiminished.

    Args:
        block: the layers of F in a row; or one layer, or a network. Its output must have the shape of its input, or
            that of the shortcut's output.
        shortcut: a layer or network on the way around the block, such as a `Conv` of window 1 where the block changes
            the number of channels; None: x itself.
        name: as for `Network`.

    Source: Pattipati, "ResNet": H(x) = F(x) + x.

    >>> import netgrad as ng
    >>> block = ng.Residual([ng.Dense(8, activation="relu"), ng.Dense(8)])
    >>> net = ng.Sequential([ng.Dense(8), block, ng.ReLU(), ng.Dense(1)])
    >>> [node.name for node in net.nodes][1:4]
    ['residual_1/dense_1', 'residual_1/dense_2', 'residual_1/add_1']
    """

    def __init__(
        self,
        block: Layer | Network | Sequence[Layer | Network],
        *,
        shortcut: Layer | Network | None = None,
        name: str | None = None,
    ):
        x = Input()
        row = [block] if isinstance(block, Layer | Network) else block
        around = x if shortcut is None else shortcut(x)
        super().__init__(x, Add()(in_a_row(row, x), around), name=name)


class SeparableConv(Network):
    """A convolution in two parts: filters that see one channel each, then filters of window 1 that mix the channels.

    For k x k windows, m channels and n filters that is m k^2 + m n weights instead of m n k^2.

    Args:
        filters, window, stride, padding, dilation, activation, bias: as in `Conv`; activation and bias are those of the
            second part.
        multiplier: how many filters every channel has in the first part.
        name: as for `Network`.

    Source: Chollet (2017), "Xception".

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.SeparableConv(64, 3, padding="same", activation="relu")])
    >>> [(node.name, node.layer.bias) for node in net.nodes]
    [('separableconv_1/depthwise_conv_1', False), ('separableconv_1/conv_1', True)]
    >>> net.summary((28, 28, 32)).parameters, ng.Sequential([ng.Conv(64, 3)]).summary((28, 28, 32)).parameters
    (2400, 18496)
    """

    def __init__(
        self,
        filters: int,
        window: Any,
        stride: Any = 1,
        padding: Any = "valid",
        dilation: Any = 1,
        *,
        multiplier: int = 1,
        activation: Any = "identity",
        bias: bool = True,
        name: str | None = None,
    ):
        x = Input()
        apart = DepthwiseConv(window, stride, padding, dilation, multiplier, bias=False)(x)
        super().__init__(x, Conv(filters, 1, activation=activation, bias=bias)(apart), name=name)


class Branches(Network):
    """Several ways from one input, whose outputs are put side by side along the last axis: the block of Inception, and
    with `branch` None the block of a DenseNet, which hands on its input beside what it makes of it.

    Args:
        branches: for each way a layer, a network, or the layers of it in a row; None: the input itself.
        name: as for `Network`.

    Source: Pattipati, "CNN Structures": "multiple parallel conv filters [...] are then concatenated"; Szegedy et al.
    (2015); with None: Huang et al. (2017).

    >>> import netgrad as ng
    >>> dense = ng.Branches(None, [ng.BatchNorm(), ng.ReLU(), ng.Conv(12, 3, padding="same")])
    >>> ng.Sequential([dense]).shapes((8, 8, 4))["branches_1/concatenate_1"]
    (8, 8, 16)
    """

    def __init__(self, *branches: Layer | Network | Sequence[Layer | Network] | None, name: str | None = None):
        x = Input()
        if len(branches) < 2:
            raise NetgradError(
                f"Branches takes two or more ways from its input, found {len(branches)}: add None for it"
            )
        ends = []
        for way in branches:
            row = [] if way is None else [way] if isinstance(way, Layer | Network) else way
            ends.append(in_a_row(row, x))
        super().__init__(x, Concatenate()(*ends), name=name)
