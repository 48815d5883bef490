"""ResNet (He, Zhang, Ren & Sun 2016): blocks that learn what to add to their input.

Blocks of equal shape run as one compiled loop, a `netgrad.Stack`: a network of 152 layers compiles about as fast as one
of 50. Layers have torchvision's names.
"""

from __future__ import annotations

from typing import Any

from netgrad.architectures.widths import widths
from netgrad.errors import NetgradError
from netgrad.layers import BatchNorm, Conv, Dense, GlobalPool, Layer, MaxPool, ReLU
from netgrad.network import Network, Residual, Sequential, Stack


def resnet18(classes: int = 1000, *, size: float = 1.0) -> Network:
    """ResNet-18: two blocks of two convolutions at each of four widths, 11,689,512 weights.

    Args:
        classes: units of the last layer.
        size: what the maps of all layers are multiplied by.

    For images of 224 x 224 x 3; of any size, as all positions are averaged at the end, though 32 x 32 is halved to
    1 x 1 on the way: `resnet20` is for such.

    Source: Pattipati, "CNN Structures": "Stack residual blocks, 18 or 34 or 50 or 101 or 152 layers"; He et al. (2016).

    >>> import netgrad as ng
    >>> ng.architectures.resnet18().summary((224, 224, 3)).parameters
    11689512
    """
    return resnet((2, 2, 2, 2), classes, size, deep=False)


def resnet34(classes: int = 1000, *, size: float = 1.0) -> Network:
    """ResNet-34: 3, 4, 6 and 3 blocks of two convolutions, 21,797,672 weights; see `resnet18`."""
    return resnet((3, 4, 6, 3), classes, size, deep=False)


def resnet50(classes: int = 1000, *, size: float = 1.0) -> Network:
    """ResNet-50: 3, 4, 6 and 3 blocks of three convolutions, the middle one of a quarter as many maps, 25,557,032
    weights; see `resnet18`.

    A block that halves the image does so in its middle convolution, as in torchvision; in the paper it is the first.
    """
    return resnet((3, 4, 6, 3), classes, size, deep=True)


def resnet101(classes: int = 1000, *, size: float = 1.0) -> Network:
    """ResNet-101: as `resnet50`, with 3, 4, 23 and 3 blocks, 44,549,160 weights."""
    return resnet((3, 4, 23, 3), classes, size, deep=True)


def resnet152(classes: int = 1000, *, size: float = 1.0) -> Network:
    """ResNet-152: as `resnet50`, with 3, 8, 36 and 3 blocks, 60,192,808 weights."""
    return resnet((3, 8, 36, 3), classes, size, deep=True)


def resnet20(classes: int = 10, *, size: float = 1.0, blocks: int = 3) -> Network:
    """ResNet-20 for images of 32 x 32: three rows of blocks with 16, 32 and 64 maps, 272,474 weights.

    Args:
        classes, size: as for `resnet18`.
        blocks: of each row; 6 n + 2 layers in all: 5 for ResNet-32, 9 for ResNet-56, 18 for ResNet-110.

    Where a row has more maps than the one before, the way around its first block is a convolution of window 1 with
    stride 2, as in the larger networks; the paper's is without weights, 269,722 then.

    Source: He et al. (2016), 4.2.

    >>> import netgrad as ng
    >>> ng.architectures.resnet20().summary((32, 32, 3)).parameters
    272474
    """
    wide = widths(size, classes)
    if not isinstance(blocks, int) or blocks < 1:
        raise NetgradError(f"blocks must be a whole number of at least 1, found {blocks!r}")
    rows = [row(f"layer{i + 1}", wide(16 * 2**i), blocks, 1 + (i > 0), i > 0, deep=False) for i in range(3)]
    begin = [conv(wide(16), 3, "conv1"), BatchNorm(name="bn1"), ReLU()]
    return Sequential(*begin, *rows, GlobalPool(), Dense(classes, name="fc"))


def resnet(depths: tuple[int, ...], classes: int, size: float, *, deep: bool) -> Network:
    """Four rows of so many blocks behind a convolution of 7 x 7 and a pooling, which each halve the image."""
    wide = widths(size, classes)
    rows = [
        row(f"layer{i + 1}", wide(64 * 2**i), blocks, 1 + (i > 0), i > 0 or deep, deep=deep)
        for i, blocks in enumerate(depths)
    ]
    begin = [conv(wide(64), 7, "conv1", stride=2), BatchNorm(name="bn1"), ReLU()]
    pool = MaxPool(3, stride=2, padding=1, name="maxpool")
    return Sequential(*begin, pool, *rows, GlobalPool(), Dense(classes, name="fc"))


def row(name: str, maps: int, blocks: int, stride: int, projected: bool, *, deep: bool) -> Network:
    """Blocks with as many maps: the first, where it changes the shape, by itself, all others in a stack."""
    parts: list[Any] = []
    if projected:
        parts += block(maps, stride, True, deep=deep, name="0")
    if blocks > len(parts) // 2:
        parts.append(Stack(block(maps, 1, False, deep=deep), blocks - bool(projected), name="blocks"))
    return Sequential(*parts, name=name)


def block(maps: int, stride: int, projected: bool, *, deep: bool, name: str | None = None) -> list[Any]:
    """relu(F(x) + x), F two convolutions of 3 x 3 or, deep, a bottleneck of 1 x 1, 3 x 3 and 1 x 1 to 4 times the maps.

    projected: around F goes a convolution of window 1, since shape or number of maps change.
    """
    out = 4 * maps if deep else maps
    windows = ((maps, 1, 1), (maps, 3, stride), (out, 1, 1)) if deep else ((maps, 3, stride), (maps, 3, 1))
    inner: list[Layer] = []
    for i, (filters, window, own) in enumerate(windows, 1):
        inner += [conv(filters, window, f"conv{i}", stride=own), BatchNorm(name=f"bn{i}"), ReLU()]
    around = Sequential(conv(out, 1, "0", stride=stride), BatchNorm(name="1"), name="downsample") if projected else None
    return [Residual(inner[:-1], shortcut=around, name=name), ReLU()]


def conv(filters: int, window: int, name: str, stride: int = 1) -> Conv:
    """A convolution without biases, which the normalisation behind it makes superfluous; as many positions as before,
    divided by the stride."""
    return Conv(filters, window, stride, window // 2, bias=False, initializer="he", name=name)
