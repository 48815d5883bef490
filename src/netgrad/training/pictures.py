"""Pictures as arrays: whole numbers of 8 bits are scaled, and an axis that is missing is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from netgrad.errors import ShapeError, warn
from netgrad.layers import Augment, Embedding, Rescaling
from netgrad.network import Network
from netgrad.network.edit import with_first

SMALLEST = 8  # pixels along each side, from where on an array (N, height, width) is taken for pictures


def for_pictures(network: Network, x: Any) -> Network:
    """The network for these inputs, with a layer in front that divides pictures of 8 bits by 255, which is said.

    Pictures are arrays (N, height, width, channels) or (N, height, width) of the type uint8 whose numbers reach beyond
    1. Nothing is added where the network begins with a `netgrad.Rescaling` or an embedding. The layer is a part of the
    network: later pictures are given as these were.

    Raises `ShapeError` where a convolution or pooling whose window is one number would take the width of pictures
    (N, height, width) for channels: of arrays of 8 bits, and of square ones of at least 8 pixels a side. Of others of
    that size, which may be signals of many channels, a warning says what they are taken for, unless the layer says that
    it works along one axis, as window=(3,) does.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Flatten(), ng.Dense(2)])
    >>> [node.name for node in for_pictures(net, np.zeros((3, 8, 8))).nodes]
    ['flatten_1', 'dense_1']
    """
    given = x if isinstance(x, Mapping) else {network.inputs[0]: x}
    for name, array in given.items():
        if name not in network.inputs or not hasattr(array, "dtype") or np.ndim(array) not in (3, 4):
            continue
        _refuse_width_as_channels(network, name, array)
        _refuse_channels_first(network, name, np.shape(array))
        if array.dtype == np.uint8 and _pictures(array) and np.max(array) > 1 and not _scaled(network, name):
            warn(f"{name} holds pictures of 8 bits: a layer in front of the network divides them by 255 (Rescaling)")
            network = with_first(network, Rescaling(0.0, 1 / 255), "pixels", name)
    return network


def _pictures(array: Any) -> bool:
    """Whether an array may be pictures, by its shape."""
    return len(array) > 0 and (np.ndim(array) == 4 or min(np.shape(array)[1:]) >= SMALLEST)


def _refuse_width_as_channels(network: Network, name: str, array: Any) -> None:
    shape = np.shape(array)
    if len(shape) != 3 or not _pictures(array):
        return
    for node in network.nodes:
        window = getattr(node.layer, "window", None)
        if name not in node.inputs or not isinstance(window, int) or _of_one_axis(node.layer):
            continue
        certain = array.dtype == np.uint8 or shape[1] == shape[2]
        takes = "would take" if certain else "takes"
        said = (
            f"{node.name} {takes} {name} of shape (N, {shape[1]}, {shape[2]}) for signals of {shape[1]} time-steps and "
            f"{shape[2]} channels: pictures need an axis of channels, x[..., None] (of signals window=({window},) "
            "says so)"
        )
        if certain:
            raise ShapeError(said)
        warn(said)


def _refuse_channels_first(network: Network, name: str, shape: tuple[int, ...]) -> None:
    """Pictures as PyTorch has them, (N, channels, height, width), where a convolution or pooling would take them."""
    if len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3] or shape[2] < SMALLEST:
        return
    if taking := [n.name for n in network.nodes if name in n.inputs and hasattr(n.layer, "window")]:
        raise ShapeError(
            f"{taking[0]} would take {name} of shape {('N', *shape[1:])} for pictures of {shape[1]} x {shape[2]} "
            f"pixels with {shape[3]} channels: channels stand last, x.transpose(0, 2, 3, 1), or begin the network with "
            "ng.Permute((1, 2, 0))"
        )


def _of_one_axis(layer: Any) -> bool:
    """Whether a setting other than the window says that a layer works along one axis."""
    settings = (getattr(layer, name, None) for name in ("stride", "padding", "dilation"))
    return any(isinstance(setting, tuple) and len(setting) == 1 for setting in settings)


def _scaled(network: Network, source: str) -> bool:
    """Whether what an input feeds scales it itself, behind augmentation, too."""
    fed = [node for node in network.nodes if source in node.inputs]
    return any(
        isinstance(node.layer, Rescaling | Embedding)
        or (isinstance(node.layer, Augment) and _scaled(network, node.name))
        for node in fed
    )
