"""Convolution: filters that slide over signals, images and volumes, each with the same weights in every window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad import kernels
from netgrad.errors import NetgradError, ShapeError, warn
from netgrad.initializers import Zeros, for_activation
from netgrad.kernels import single
from netgrad.kernels.single import Op
from netgrad.layers.activation import Identity, Logistic, ReLU, Tanh, bent_by
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.correlation import (
    as_filters,
    channelwise,
    correlate,
    has_kernel,
    input_gradient,
    runs_natively,
    weight_gradient,
)
from netgrad.layers.window import (
    Windows,
    as_image,
    as_padding,
    as_setting,
    image,
    positions,
    windows_onto,
    windows_over,
    within,
)
from netgrad.registry import find, register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State

FUSED = (Identity(), ReLU(), Tanh(), Logistic())  # what the kernels apply in the same pass


@dataclass(frozen=True)
class _Filters(Layer):
    """What `Conv` and `ConvTranspose` have in common: settings, and how parameters are drawn."""

    filters: int
    window: Any  # a number, or one an axis
    stride: Any = 1
    padding: Any = "valid"
    dilation: Any = 1
    activation: Any = Identity()  # an Activation, or its name
    bias: bool = True
    initializer: Any = None  # an Initializer, its name, or None to choose by the activation
    bias_initializer: Any = Zeros()

    def __post_init__(self) -> None:
        if not isinstance(self.filters, int) or self.filters < 1:
            raise NetgradError(f"{self.label}: filters must be a whole number of at least 1, found {self.filters!r}")
        for name in ("window", "stride", "dilation"):
            object.__setattr__(self, name, as_setting(self.label, name, getattr(self, name), 1))
        object.__setattr__(self, "padding", as_padding(self.label, self.padding))
        object.__setattr__(self, "activation", find("activation", self.activation))
        object.__setattr__(self, "bias_initializer", find("initializer", self.bias_initializer))
        if self.initializer is not None:
            object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def placed(self, first: bool) -> Layer:
        if self.initializer is not None:
            return self
        return self.replace(initializer=for_activation(self.activation.registered_name, first))

    def windows(self, in_shape: tuple[int, ...]) -> Windows:
        """The windows over an input of this shape; raises `ShapeError` where there are none."""
        return windows_over(self.label, in_shape, self.window, self.stride, self.padding, self.dilation)

    def filter_shape(self, in_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of W, (window..., channels that a filter spans, filters)."""
        return (*self.windows(in_shape).window, in_shape[-1], self.filters)

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.result_shape(in_shape)
        W_key, b_key, f_key = jax.random.split(key, 3)
        draw = self.initializer or for_activation(self.activation.registered_name, first=False)
        params = {"W": draw(W_key, self.filter_shape(in_shape))}
        if self.bias:
            params["b"] = self.bias_initializer(b_key, (self.filters,))
        if of_activation := self.activation.init(f_key, (self.filters,)):
            params["activation"] = of_activation
        return params

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if self.windows(in_shape).mixes_steps:
            raise self.needs_whole("its windows reach over the border")
        return {}

    def scannable(self, in_shape: Shape) -> bool:
        return runs_natively(self.windows(in_shape))

    def connections(self, in_shape: Shape) -> int:
        return self.operations(in_shape) + self.bias * math.prod(self.result_shape(in_shape))

    def result_shape(self, in_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The output's shape as `out_shape` gives it, without its warnings."""
        raise NotImplementedError

    def _gradients(self, dW: Array, db: Array, of_activation: Params) -> Params:
        d_params: Params = {"W": dW}
        if self.bias:
            d_params["b"] = db
        if of_activation:
            d_params["activation"] = of_activation
        return d_params


@register("layer", "conv")
@dataclass(frozen=True)
class Conv(_Filters):
    """Filters that slide over the input: at every window z = sum of window * W + b, a = f(z).

    Inputs are signals (N, length, channels), images (N, height, width, channels) or volumes (N, depth, height, width,
    channels), told from the input unless a setting is given for each axis; outputs (N, out..., filters), with
    out = floor((n - k + padding) / stride) + 1 along each axis. Parameters W (window..., channels / groups, filters),
    each filter's weights shared by all its windows, and, unless ``bias=False``, b (filters,).

    Args:
        filters: how many; each makes one channel of the output, its feature map.
        window: height and width of a filter, k; a number, or one for each axis.
        stride: how far apart windows are; dilation: how far apart the inputs within a window. A number, or one an
            axis.
        padding: zeros around the input: "valid" (none), "same" (as evenly as possible, for ceil(n / stride)
            outputs), a number, or for each axis a number or a pair (before, after).
        activation: name or instance. initializer, bias_initializer: as in `Dense`.
        groups: into how many groups channels and filters are split; a filter sees its own group's channels only.
        flip: turn the filters round as the mathematical convolution does; by default they slide as they are
            (cross-correlation), as in the texts' examples and everywhere in deep learning.
        depth: r <= channels: a filter spans r channels and slides along them too, W (window..., r, filters); the
            channels of the output are the m - r + 1 places of the first channel, filters within each.

    With ``lengths`` steps beyond a sequence's length count as padding, and the output has lengths of its own: only
    windows of the sequence itself, none for one that is shorter than the window.

    Raises `ShapeError` with the formula and its numbers for a window larger than the input; warns, naming them, of
    rows that no window reaches because (n - k + padding) / stride is not whole.

    A shared weight's gradient is the sum over its windows (Z&M 26.3.6, Kelleher eq. 95); Pattipati, "Training
    Convolutional Networks", averages the updates, which is the same direction at a smaller step.

    Source: Z&M 26.3.1-26.3.3 and 26.3.6; Kelleher eq. 90-109; Pattipati "Convolutional networks".

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = ng.Conv(6, 5, activation="relu")
    >>> layer.out_shape((28, 28, 1))
    (24, 24, 6)
    >>> {name: value.shape for name, value in layer.init(jax.random.key(0), (28, 28, 1)).items()}
    {'W': (5, 5, 1, 6), 'b': (6,)}
    >>> x, w = jnp.array([1.0, 3, -1, 2, 3, 1, -2]), jnp.array([1.0, 0, 2])
    >>> params = {"W": w.reshape(3, 1, 1), "b": jnp.zeros(1)}
    >>> ng.Conv(1, 3).forward(params, x.reshape(1, 7, 1), ng.layers.Context())[0].ravel().tolist()
    [-1.0, 7.0, 5.0, 4.0, -1.0]
    """

    groups: int = 1
    flip: bool = False
    depth: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.groups, int) or self.groups < 1 or self.filters % self.groups:
            raise NetgradError(f"{self.label}: {self.filters} filters cannot be split into {self.groups!r} groups")
        if self.depth is not None and (not isinstance(self.depth, int) or self.depth < 1 or self.groups > 1):
            raise NetgradError(
                f"{self.label}: depth must be a number of channels, at least 1, without groups, found {self.depth!r}"
            )

    def filter_shape(self, in_shape: Shape) -> Shape:
        window = self.windows(in_shape).window
        return (*window, in_shape[-1] // self.groups if self.depth is None else self.depth, self.filters)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        saved = {}
        if context.lengths is not None:
            saved["lengths"] = context.lengths
            x = jnp.where(within(context.lengths, x.shape), x, 0)
        at, seen, W = self._slid(x, params["W"])
        z = correlate(seen, W, params.get("b"), at, self.groups)
        fused = self.activation.registered_name
        if has_kernel(at, self.groups) and self.activation in FUSED:
            # In the same pass over the results; z is computed only where somebody looks at it.
            a = correlate(seen, W, params.get("b"), at, activation=fused)
        else:
            a, _ = self.activation.forward(params.get("activation", {}), z, context)
        saved |= {"x": x, "z": self._as_maps(z), "a": self._as_maps(a)}
        return saved["a"], saved

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = f'(z) * dE/da, for every window; a weight's gradient is summed over the windows that share it:
        dE/dW = correlation of x with delta, dE/db = sum of delta, dE/dx = full convolution of delta with W.

        Z&M 26.3.6; Kelleher eq. 95 and 100-103.
        """
        x = saved["x"]
        at, seen, W = self._slid(x, params["W"])
        of_windows = {name: saved[name].reshape(len(x), *at.out, self.filters) for name in ("z", "a")}
        d_out = d_out.reshape(len(x), *at.out, self.filters)
        delta, of_activation, _ = self.activation.backward(params.get("activation", {}), of_windows, d_out)
        dW, db = weight_gradient(seen, delta, at, self.groups)
        dW = self._turned(dW.reshape(params["W"].shape))
        d_in = input_gradient(delta, W, at, self.groups).reshape(x.shape)
        if "lengths" in saved:
            d_in = jnp.where(within(saved["lengths"], x.shape), d_in, 0)
        return Backward(d_in, self._gradients(dW, db, of_activation), self._as_maps(delta))

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        at = as_image(self.windows(in_shape))
        if at is None or self.groups > 1 or self.depth is not None:
            return None
        if (parts := bent_by(self.activation, positions(at), self.filters)) is None:
            return None
        bend, further = parts
        W = as_filters(self._turned(params["W"]))
        return (single.convolution(W, params.get("b"), at, bend), *further)

    def out_shape(self, in_shape: Shape) -> Shape:
        out = self.result_shape(in_shape)
        for line in self.windows(in_shape).unseen():
            warn(f"{self.label}: {line}")
        return out

    def result_shape(self, in_shape: Shape) -> Shape:
        at, channels = self.windows(in_shape), in_shape[-1]
        if channels % self.groups:
            raise ShapeError(f"{self.label}: {channels} channels cannot be split into {self.groups} groups")
        if self.depth is not None and self.depth > channels:
            raise ShapeError(f"{self.label}: filters of depth {self.depth} do not fit an input of {channels} channels")
        places = 1 if self.depth is None else channels - self.depth + 1
        return (*at.out, places * self.filters)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None if lengths is None else self.windows(in_shape).out_lengths(lengths)

    def operations(self, in_shape: Shape) -> int:
        places = 1 if self.depth is None else in_shape[-1] - self.depth + 1
        return positions(self.windows(in_shape)) * places * math.prod(self.filter_shape(in_shape))

    def scannable(self, in_shape: Shape) -> bool:
        if channelwise(in_shape[-1], self.groups):
            return True
        return self.depth is None and runs_natively(self.windows(in_shape))

    def layout(self, x: Array) -> Array:
        natively = self.depth is None and self.groups == 1 and runs_natively(self.windows(x.shape[1:]))
        return kernels.examples_last(image(x)).reshape(x.shape) if natively else x

    def _turned(self, W: Array) -> Array:
        return jnp.flip(W, tuple(range(W.ndim - (2 if self.depth is None else 1)))) if self.flip else W

    def _slid(self, x: Array, W: Array) -> tuple[Windows, Array, Array]:
        """Windows, input and filters as `correlate` takes them; with ``depth`` the channels are one axis more."""
        at, W = self.windows(x.shape[1:]), self._turned(W)
        if self.depth is None:
            return at, x, W
        at = Windows(
            (*at.sizes, x.shape[-1]),
            (*at.window, self.depth),
            (*at.stride, 1),
            (*at.padding, (0, 0)),
            (*at.dilation, 1),
        )
        return at, x[..., None], W[..., None, :]

    def _as_maps(self, z: Array) -> Array:
        return z if self.depth is None else z.reshape(*z.shape[:-2], -1)


@register("layer", "conv_transpose")
@dataclass(frozen=True)
class ConvTranspose(_Filters):
    """The way back of a convolution as a layer: every input is spread over a window of the output, a = f(z).

    z[i stride + a] = sum over inputs i and channels of x[i] W[a], + b: a stride of s enlarges the input s times.
    Inputs (N, length, channels), images or volumes; outputs (N, out..., filters), with
    out = (n - 1) stride + (k - 1) dilation + 1 - padding along each axis, or n stride where padding is "same".
    Parameters W (window..., channels, filters) and, unless ``bias=False``, b (filters,). Settings as in `Conv`;
    padding is cut off the output's edges.

    Its backward rule is the forward rule of `Conv`, as `Conv`'s is its own (Z&M 26.3.6, read in reverse).

    >>> import netgrad as ng
    >>> ng.ConvTranspose(3, 2, stride=2).out_shape((14, 14, 16))
    (28, 28, 3)
    """

    def windows(self, in_shape: Shape) -> Windows:
        """The windows of the convolution that this one reverses, from the output's sizes to the input's."""
        return windows_onto(self.label, in_shape, self.window, self.stride, self.padding, self.dilation)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        saved = {}
        if context.lengths is not None:
            saved["lengths"] = context.lengths
            x = jnp.where(within(context.lengths, x.shape), x, 0)
        at = self.windows(x.shape[1:])
        z = input_gradient(x, jnp.swapaxes(params["W"], -1, -2), at) + params.get("b", 0)
        a, _ = self.activation.forward(params.get("activation", {}), z, context)
        return a, saved | {"x": x, "z": z, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = f'(z) * dE/da; dE/dx = correlation of delta with W; dE/dW = correlation of delta with x."""
        x, W = saved["x"], jnp.swapaxes(params["W"], -1, -2)
        at = self.windows(x.shape[1:])
        delta, of_activation, _ = self.activation.backward(params.get("activation", {}), saved, d_out)
        dW = jnp.swapaxes(weight_gradient(delta, x, at)[0], -1, -2)
        db = delta.reshape(-1, self.filters).sum(0)
        d_in = correlate(delta, W, None, at)
        if "lengths" in saved:
            d_in = jnp.where(within(saved["lengths"], x.shape), d_in, 0)
        return Backward(d_in, self._gradients(dW, db, of_activation), delta)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.result_shape(in_shape)

    def result_shape(self, in_shape: Shape) -> Shape:
        return (*self.windows(in_shape).sizes, self.filters)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        if lengths is None:
            return None
        at = self.windows(in_shape)
        if at.same:
            return lengths * at.stride[0]
        return jnp.where(lengths > 0, (lengths - 1) * at.stride[0] + at.spans[0] - sum(at.padding[0]), 0).clip(0)

    def operations(self, in_shape: Shape) -> int:
        return positions(self.windows(in_shape)) * math.prod(self.filter_shape(in_shape))
