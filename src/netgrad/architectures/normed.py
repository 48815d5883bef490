"""The unit that later Inception networks are made of: a convolution, batch normalisation, rectifiers."""

from __future__ import annotations

from typing import Any

from netgrad.layers import BatchNorm, Conv, ReLU
from netgrad.network import Network, Sequential


def normed(filters: int, window: Any, name: str, *, stride: int = 1, padding: Any = "same") -> Network:
    """A convolution whose biases are those of the normalisation behind it, and rectifiers."""
    own = Conv(filters, window, stride, padding, bias=False, initializer="he", name="conv")
    return Sequential(own, BatchNorm(epsilon=1e-3, name="bn"), ReLU(), name=name)
