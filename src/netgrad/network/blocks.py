"""Networks that serve as blocks of larger ones."""

from __future__ import annotations

from collections.abc import Sequence

from netgrad.layers.base import Layer
from netgrad.layers.merge import Add
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
