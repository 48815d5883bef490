"""Convolution of every channel by itself, the first half of a separable convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from netgrad.errors import NetgradError
from netgrad.initializers import Zeros, for_activation
from netgrad.layers.activation import Identity
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.convolution import Conv
from netgrad.registry import find, register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State


@register("layer", "depthwise_conv")
@dataclass(frozen=True)
class DepthwiseConv(Layer):
    """Filters that see one channel each: a `Conv` with as many groups as its input has channels.

    Inputs (N, length, channels), images or volumes; outputs (N, out..., channels * multiplier). Parameters
    W (window..., 1, channels * multiplier) and, unless ``bias=False``, b. With a `Conv` of window 1 behind it, which
    mixes the channels, it is a separable convolution: `netgrad.SeparableConv`.

    Args:
        window, stride, padding, dilation, activation, bias, initializer, bias_initializer: as in `Conv`.
        multiplier: how many filters every channel has.

    >>> import jax, netgrad as ng
    >>> layer = ng.DepthwiseConv(3, padding="same", multiplier=2)
    >>> layer.out_shape((28, 28, 6)), layer.init(jax.random.key(0), (28, 28, 6))["W"].shape
    ((28, 28, 12), (3, 3, 1, 12))
    """

    window: Any
    stride: Any = 1
    padding: Any = "valid"
    dilation: Any = 1
    multiplier: int = 1
    activation: Any = Identity()
    bias: bool = True
    initializer: Any = None
    bias_initializer: Any = Zeros()

    def __post_init__(self) -> None:
        if not isinstance(self.multiplier, int) or self.multiplier < 1:
            raise NetgradError(
                f"{self.label}: multiplier must be a whole number of at least 1, found {self.multiplier!r}"
            )
        checked = self.conv((1,))
        for name in ("window", "stride", "padding", "dilation", "activation", "bias_initializer"):
            object.__setattr__(self, name, getattr(checked, name))
        if self.initializer is not None:
            object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def conv(self, in_shape: Any) -> Conv:
        """The convolution that it is for inputs of this shape."""
        channels = in_shape[-1] if in_shape else 1
        return Conv(
            channels * self.multiplier,
            self.window,
            self.stride,
            self.padding,
            self.dilation,
            self.activation,
            self.bias,
            self.initializer,
            self.bias_initializer,
            groups=channels,
            name=self.label,
        )

    def placed(self, first: bool) -> Layer:
        if self.initializer is not None:
            return self
        return self.replace(initializer=for_activation(self.activation.registered_name, first))

    def init(self, key: Array, in_shape: Shape) -> Params:
        return self.conv(in_shape).init(key, in_shape)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        return self.conv(x.shape).forward(params, x, context)

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """That of the convolution: delta = f'(z) * dE/da, and each channel's filters and inputs by themselves."""
        return self.conv(saved["x"].shape).backward(params, saved, d_out)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        return self.conv(in_shape).stream_state(n, in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.conv(in_shape).out_shape(in_shape)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return self.conv(in_shape).out_lengths(lengths, in_shape)

    def operations(self, in_shape: Shape) -> int:
        return self.conv(in_shape).operations(in_shape)

    def connections(self, in_shape: Shape) -> int:
        return self.conv(in_shape).connections(in_shape)

    def scannable(self, in_shape: Shape) -> bool:
        return self.conv(in_shape).scannable(in_shape)
