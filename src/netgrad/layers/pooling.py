"""Pooling: a fixed aggregation of every window, channel by channel, in place of a filter's weighted sum.

Z&M 26.3.4 calls it a convolution with a generalised aggregation function: the filter is all ones, the sum becomes a
maximum, an average or a norm. Each aggregation here is two functions over the elements of a window, `aggregate` and
its derivative `spread`; where the windows lie and how gradients find their way back is the same for all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from netgrad import kernels
from netgrad.errors import NetgradError, ShapeError, unknown_name, warn
from netgrad.kernels import single
from netgrad.kernels.single import Op
from netgrad.layers.activation import ReLU, bent_by
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.window import (
    Windows,
    as_image,
    as_padding,
    as_setting,
    gathered,
    image,
    positions,
    views,
    windows_over,
    within,
)
from netgrad.registry import find, register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State


@dataclass(frozen=True)
class Pool(Layer):
    """Base of the pooling layers: (N, sizes..., channels) -> (N, out..., channels), each channel on its own.

    Args:
        window: k, a number, or one for each axis.
        stride: by default the window, so that windows do not overlap (Z&M 26.3.4).
        padding: as in `Conv`; what stands in it is part of no window: it is never the maximum and does not count in
            an average. Steps of a sequence beyond its length are treated in the same way.

    A pooling of your own is a subclass with `aggregate` and `spread`.
    """

    window: Any
    stride: Any = None
    padding: Any = "valid"

    def __post_init__(self) -> None:
        object.__setattr__(self, "window", as_setting(self.label, "window", self.window, 1))
        if self.stride is not None:
            object.__setattr__(self, "stride", as_setting(self.label, "stride", self.stride, 1))
        object.__setattr__(self, "padding", as_padding(self.label, self.padding))

    def aggregate(self, v: jax.Array, present: jax.Array | None) -> tuple[jax.Array, dict[str, jax.Array]]:
        """One number for each window, and what else is worth naming.

        v (K, N, out..., channels) holds the K elements of every window in row-major order, zeros where ``present``
        (it broadcasts; None for everywhere) is False.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define aggregate")

    def spread(
        self, v: jax.Array, present: jax.Array | None, saved: dict[str, jax.Array], d_out: jax.Array
    ) -> jax.Array:
        """dE/dv, of the shape of v, from dE/d(aggregate) and what `aggregate` gave (``saved["a"]`` and the rest)."""
        raise NotImplementedError(f"{type(self).__name__} does not define spread")

    def windows(self, in_shape: tuple[int, ...]) -> Windows:
        """The windows over an input of this shape; raises `ShapeError` where there are none."""
        stride = self.window if self.stride is None else self.stride
        at = windows_over(self.label, in_shape, self.window, stride, self.padding, 1)
        for k, pair in zip(at.window, at.padding, strict=True):
            if max(pair) >= k:
                raise ShapeError(
                    f"{self.label}: a window of {k} would lie wholly in a padding of {max(pair)}: use less"
                )
        return at

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        at = self.windows(x.shape[1:])
        present = _present(x.shape, at, context.lengths)
        v = elements(x, at)
        a, more = self.aggregate(v if present is None else jnp.where(present, v, 0), present)
        saved = {"x": x, "a": a, **more}
        if context.lengths is not None:
            saved["lengths"] = context.lengths
        return a, saved

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """Every window's gradient goes to its elements; an input's gradient is the sum over the windows it lies in.

        The activation is the identity and the weights are fixed, so delta = dE/da (Z&M 26.3.6; Kelleher eq. 102-103).
        """
        x = saved["x"]
        at = self.windows(x.shape[1:])
        present = _present(x.shape, at, saved.get("lengths"))
        v = elements(x, at)
        d_v = self.spread(v if present is None else jnp.where(present, v, 0), present, saved, d_out)
        return Backward(gather(d_v if present is None else jnp.where(present, d_v, 0), at), {}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        at = self.windows(in_shape)
        for line in at.unseen():
            warn(f"{self.label}: {line}")
        return (*at.out, in_shape[-1])

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None if lengths is None else self.windows(in_shape).out_lengths(lengths)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if self.windows(in_shape).mixes_steps:
            raise self.needs_whole("its windows reach over the border")
        return {}

    def connections(self, in_shape: Shape) -> int:
        at = self.windows(in_shape)
        return positions(at) * in_shape[-1] * math.prod(at.window)

    def _single(self, aggregation: str, in_shape: Shape) -> tuple[Op, ...] | None:
        """What `single` says of one of the three aggregations that it knows."""
        at = as_image(self.windows(in_shape))
        return None if at is None else (single.pooling(aggregation, in_shape[-1], at),)


@register("layer", "max_pool")
@dataclass(frozen=True)
class MaxPool(Pool):
    """The largest element of every window; its whole gradient goes to that element, the others get none.

    Of equal elements the first in row-major order counts as the maximum. ``index`` in the trace says which input each
    maximum came from: its number among the positions of the image in row-major order, of the same channel.

    Source: Z&M 26.3.4 and 26.3.6; Kelleher eq. 103.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> x = jnp.array([[1.0, 2, 2, 1], [3, 1, 4, 2], [2, 1, 3, 4], [1, 2, 3, 1]]).reshape(1, 4, 4, 1)
    >>> a, saved = ng.MaxPool(2).forward({}, x, ng.layers.Context())
    >>> a[0, :, :, 0].tolist(), saved["index"][0, :, :, 0].tolist()
    ([[3.0, 4.0], [2.0, 4.0]], [[4, 6], [8, 11]])
    """

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        at = self.windows(x.shape[1:])
        if context.lengths is None and as_image(at):
            a, element = kernels.max_pool_forward(image(x), *_arguments(at))
            a, element = (v.reshape(len(x), *at.out, -1) for v in (a, element))
            saved = {"x": x, "a": a, "element": element}
        else:
            a, saved = super().forward(params, x, context)
        return a, saved | {"index": _index(saved["element"], at)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """The gradient of every window goes to its maximum (Z&M 26.3.6; Kelleher eq. 103)."""
        x = saved["x"]
        at = self.windows(x.shape[1:])
        if "lengths" in saved or not as_image(at):
            return super().backward(params, saved, d_out)
        window, stride, padding = _arguments(at)
        size = image(x).shape[1:3]
        d_in = kernels.max_pool_backward(image(d_out), image(saved["element"]), size, window, stride, padding)
        return Backward(d_in.reshape(x.shape), {}, d_out)

    def aggregate(self, v: Array, present: Array | None) -> tuple[Array, Saved]:
        if present is None:
            return v.max(0), {"element": jnp.argmax(v, 0)}
        v = jnp.where(present, v, -jnp.inf)
        return jnp.where(present.any(0), v.max(0), 0), {"element": jnp.argmax(v, 0)}

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return self._single("max", in_shape)

    def spread(self, v: Array, present: Array | None, saved: Saved, d_out: Array) -> Array:
        k = jnp.arange(len(v)).reshape(-1, *(1,) * d_out.ndim)
        return jnp.where(k == saved["element"], d_out, 0)


@register("layer", "average_pool")
@dataclass(frozen=True)
class AveragePool(Pool):
    """The mean of every window; its gradient is shared out evenly (Z&M 26.3.4, avg-pooling with a filter of ones)."""

    def aggregate(self, v: Array, present: Array | None) -> tuple[Array, Saved]:
        return v.sum(0) / _count(v, present), {}

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return self._single("average", in_shape)

    def spread(self, v: Array, present: Array | None, saved: Saved, d_out: Array) -> Array:
        return jnp.broadcast_to(d_out / _count(v, present), v.shape)


@register("layer", "sum_pool")
@dataclass(frozen=True)
class SumPool(Pool):
    """The sum of every window: the convolution with a filter of ones; every element gets the whole gradient."""

    def aggregate(self, v: Array, present: Array | None) -> tuple[Array, Saved]:
        return v.sum(0), {}

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        return self._single("sum", in_shape)

    def spread(self, v: Array, present: Array | None, saved: Saved, d_out: Array) -> Array:
        return jnp.broadcast_to(d_out, v.shape)


@register("layer", "norm_pool")
@dataclass(frozen=True)
class NormPool(Pool):
    """The L_p norm of every window, a = (sum |v|^p)^(1/p), p = 2 by default and at least 1.

    da/dv = sign(v) (|v| / a)^(p - 1), taken as 0 where all elements are 0 (Pattipati, "Sub-sampling (pooling) layer").
    """

    p: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.p < math.inf:
            raise NetgradError(f"{self.label}: p must be at least 1 and finite, found {self.p!r}: MaxPool is the limit")

    def aggregate(self, v: Array, present: Array | None) -> tuple[Array, Saved]:
        # Relative to the largest element, so that large p neither overflow nor vanish.
        largest = lax.stop_gradient(jnp.abs(v).max(0))
        scale = jnp.where(largest > 0, largest, 1)
        total = ((jnp.abs(v) / scale) ** self.p).sum(0)
        return jnp.where(largest == 0, 0, scale * jnp.where(largest == 0, 1, total) ** (1 / self.p)), {}

    def spread(self, v: Array, present: Array | None, saved: Saved, d_out: Array) -> Array:
        a = saved["a"]
        return d_out * jnp.sign(v) * (jnp.abs(v) / jnp.where(a == 0, 1, a)) ** (self.p - 1)


AGGREGATIONS: dict[str, type[Pool]] = {"max": MaxPool, "average": AveragePool, "sum": SumPool, "norm": NormPool}


@register("layer", "global_pool")
@dataclass(frozen=True)
class GlobalPool(Layer):
    """One number for each channel: the "average" (default), "max", "sum" or "norm" over all positions.

    (N, sizes..., channels) -> (N, channels); of sequences with lengths only the valid steps count.

    >>> import netgrad as ng
    >>> ng.GlobalPool("max").out_shape((7, 7, 512))
    (512,)
    """

    aggregation: str = "average"

    def __post_init__(self) -> None:
        check_aggregation(self.aggregation)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        self.out_shape(x.shape[1:])
        row = x.reshape(x.shape[0], -1, x.shape[-1])
        lengths = context.lengths
        if lengths is not None:  # steps stand first, so the valid part of the row is its beginning
            lengths = lengths * math.prod(x.shape[2:-1])
        a, saved = self._pool(row.shape).forward({}, row, type(context)(lengths=lengths))
        return a[:, 0], saved | {"x": x, "a": a[:, 0]}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """As the pooling of a single window that holds everything."""
        x = saved["x"]
        row = x.reshape(x.shape[0], -1, x.shape[-1])
        of_row = saved | {"x": row, "a": saved["a"][:, None]}
        return Backward(self._pool(row.shape).backward({}, of_row, d_out[:, None]).d_in.reshape(x.shape), {}, d_out)

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) < 2 or 0 in in_shape:
            raise ShapeError(f"{self.label} needs inputs of shape (N, ..., channels), found {('N', *in_shape)}")
        return in_shape[-1:]

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return None

    def stream_state(self, n: int, in_shape: Shape) -> State:
        raise self.needs_whole("it makes one vector of all steps")

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        row = (math.prod(in_shape[:-1]), in_shape[-1])
        return self._pool((1, *row)).single({}, {}, row)

    def connections(self, in_shape: Shape) -> int:
        return math.prod(in_shape)

    def _pool(self, shape: Shape) -> Pool:
        return AGGREGATIONS[self.aggregation](shape[1])


@register("layer", "subsample")
@dataclass(frozen=True)
class Subsample(Layer):
    """Pooling that learns: a = f(W * aggregate + b) with one weight and one bias a channel, as in LeNet-5.

    Args:
        window, stride, padding: as in `Pool`.
        aggregation: "average" (default; then z is the weighted average of the texts), "max", "sum" or "norm".
        activation: name or instance, "relu" by default.

    Parameters W (channels,), 1 at the start, and b (channels,), 0 at the start. The trace shows the aggregate as
    ``pooled``.

    Source: Pattipati, "Training convolutional networks" (a layer with m maps has 2m weights).

    >>> import jax, netgrad as ng
    >>> layer = ng.Subsample(2, aggregation="sum", activation="tanh")
    >>> params = layer.init(jax.random.key(0), (28, 28, 6))
    >>> layer.out_shape((28, 28, 6)), sum(p.size for p in params.values()), layer.connections((28, 28, 6))
    ((14, 14, 6), 12, 5880)
    """

    window: Any
    stride: Any = None
    padding: Any = "valid"
    aggregation: str = "average"
    activation: Any = ReLU()

    def __post_init__(self) -> None:
        check_aggregation(self.aggregation)
        pool = self.pool
        for name in ("window", "stride", "padding"):
            object.__setattr__(self, name, getattr(pool, name))
        object.__setattr__(self, "activation", find("activation", self.activation))

    @property
    def pool(self) -> Pool:
        """The pooling whose result is weighed."""
        return AGGREGATIONS[self.aggregation](self.window, self.stride, self.padding, name=self.label)

    def init(self, key: Array, in_shape: Shape) -> Params:
        self.pool.windows(in_shape)
        params = {"W": jnp.ones(in_shape[-1:], float), "b": jnp.zeros(in_shape[-1:], float)}
        if of_activation := self.activation.init(key, in_shape[-1:]):
            params["activation"] = of_activation
        return params

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        pooled, saved = self.pool.forward({}, x, context)
        z = params["W"] * pooled + params["b"]
        a, _ = self.activation.forward(params.get("activation", {}), z, context)
        return a, saved | {"pooled": pooled, "z": z, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """delta = f'(z) * dE/da; dE/dW = sum of delta * pooled; dE/db = sum of delta; W * delta goes to the windows."""
        delta, of_activation, _ = self.activation.backward(params.get("activation", {}), saved, d_out)
        axes = tuple(range(delta.ndim - 1))
        d_params = {"W": (delta * saved["pooled"]).sum(axes), "b": delta.sum(axes)}
        if of_activation:
            d_params["activation"] = of_activation
        back = self.pool.backward({}, saved | {"a": saved["pooled"]}, params["W"] * delta)
        return Backward(back.d_in, d_params, delta)

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.pool.out_shape(in_shape)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return self.pool.out_lengths(lengths, in_shape)

    def stream_state(self, n: int, in_shape: Shape) -> State:
        return self.pool.stream_state(n, in_shape)

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        pooled, rows = self.pool.single({}, {}, in_shape), positions(self.pool.windows(in_shape))
        parts = bent_by(self.activation, rows, in_shape[-1])
        if pooled is None or parts is None:
            return None
        bend, further = parts
        return (*pooled, single.affine(params["W"], params["b"], rows, bend), *further)

    def operations(self, in_shape: Shape) -> int:
        return positions(self.pool.windows(in_shape)) * in_shape[-1]

    def connections(self, in_shape: Shape) -> int:
        return self.pool.connections(in_shape) + self.operations(in_shape)


def elements(x: jax.Array, at: Windows) -> jax.Array:
    """The elements of every window: (N, sizes..., channels) -> (K, N, out..., channels), zeros from the padding."""
    if _is_whole(at):
        return jnp.moveaxis(x.reshape(x.shape[0], -1, *(1,) * len(at.sizes), x.shape[-1]), 1, 0)
    return jnp.stack(list(views(x, at)))


def gather(d_v: jax.Array, at: Windows) -> jax.Array:
    """The way back of `elements`: every input's sum over all the windows' elements that it is."""
    if _is_whole(at):
        return jnp.moveaxis(d_v, 0, 1).reshape(d_v.shape[1], *at.sizes, d_v.shape[-1])
    return gathered(d_v, at)


def _is_whole(at: Windows) -> bool:
    """Whether there is one window that is the whole input: no need to take it apart."""
    return at.window == at.sizes and not any(map(any, at.padding))


def _present(shape: tuple[int, ...], at: Windows, lengths: jax.Array | None) -> jax.Array | None:
    """Which elements of the windows (K, N or 1, out..., 1) are inputs at all; None where all are."""
    if lengths is not None:
        return elements(jnp.broadcast_to(within(lengths, shape), (shape[0], *shape[1:-1], 1)), at)
    if any(pair != (0, 0) for pair in at.padding):
        return elements(jnp.ones((1, *shape[1:-1], 1), bool), at)
    return None


def _count(v: jax.Array, present: jax.Array | None) -> Any:
    return len(v) if present is None else jnp.maximum(present.sum(0), 1)


def _arguments(at: Windows) -> tuple[Any, Any, Any]:
    """Window, stride and padding as the kernels take them."""
    at = as_image(at) or at
    return at.window, at.stride, at.padding


def _index(element: jax.Array, at: Windows) -> jax.Array:
    """Position in the input, row-major, of the windows' k-th elements, k = element (N, out..., channels)."""
    index = jnp.zeros((), jnp.int32)
    steps = jnp.unravel_index(element.astype(jnp.int32), at.window)
    for axis, (n, s, (before, _), out, step) in enumerate(
        zip(at.sizes, at.stride, at.padding, at.out, steps, strict=True)
    ):
        first = (jnp.arange(out) * s - before).reshape(-1, *(1,) * (len(at.sizes) - axis))
        index = index * n + first + step
    return index


def check_aggregation(name: str) -> None:
    """Refuse what is none of `AGGREGATIONS`."""
    if name not in AGGREGATIONS:
        raise unknown_name("aggregation", name, AGGREGATIONS)
