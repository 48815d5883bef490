"""How ONNX says convolution and pooling: with the channels on axis 1 and the padding of every axis written out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.out_basic import activated, channels_first
from netgrad.exchange.rules import Place, writes
from netgrad.exchange.writer import Writer
from netgrad.layers.wrapper import bare

LOWEST = float(np.finfo(np.float32).min)  # stands in padding where the largest is looked for; -inf would spread


def edges(at: Any) -> dict[str, Any]:
    """The attributes of `Windows` that convolution and pooling have in common."""
    before, after = zip(*at.padding, strict=True)
    return {"kernel_shape": list(at.window), "strides": list(at.stride), "pads": [*before, *after]}


@writes(ng.Conv, fixed_steps=True)
def conv(w: Writer, at: Place) -> str:
    layer, seen = at.layer, at.layer.windows(at.in_shape)
    W, rank = at.array("W"), at.rank
    x = w.within(at.x, at.lengths, rank)
    settings = edges(seen) | {"dilations": list(seen.dilation), "group": layer.groups}
    if layer.flip:
        W = np.flip(W, tuple(range(W.ndim - (2 if layer.depth is None else 1))))
    if layer.depth is None:
        x = w.transpose(x, channels_first(rank)[0])
    else:  # the channels are one more axis that filters slide along
        x = w.op("Unsqueeze", x, w.constant([1]))
        W, rank, n = W[..., None, :], rank + 1, len(seen.sizes)
        pads = settings["pads"]
        settings |= {"kernel_shape": [*seen.window, layer.depth], "strides": [*seen.stride, 1]}
        settings |= {"pads": [*pads[:n], 0, *pads[n:], 0], "dilations": [*seen.dilation, 1]}
    bias = (w.constant(at.array("b"), "b"),) if layer.bias else ()
    z = w.op("Conv", x, w.constant(filters_first(W), "W"), *bias, **settings)
    a = activated(w, layer.activation, z, at.params.get("activation", {}), rank, units=1)
    a = w.transpose(a, channels_first(rank)[1])
    return a if layer.depth is None else w.op("Reshape", a, w.constant([0, *layer.result_shape(at.in_shape)]))


@writes(ng.DepthwiseConv, fixed_steps=True)
def depthwise_conv(w: Writer, at: Place) -> str:
    return conv(w, replace(at, layer=at.layer.conv(at.in_shape)))


@writes(ng.ConvTranspose, fixed_steps=True)
def conv_transpose(w: Writer, at: Place) -> str:
    layer, onto = at.layer, at.layer.windows(at.in_shape)
    settings = edges(onto) | {"dilations": list(onto.dilation)}
    # Where "same" padding leaves the last outputs unreached, ONNX wants their number.
    reached = [
        (n - 1) * s + span - sum(p)
        for n, s, span, p in zip(onto.out, onto.stride, onto.spans, onto.padding, strict=True)
    ]
    more = [size - n for size, n in zip(onto.sizes, reached, strict=True)]
    x = w.transpose(w.within(at.x, at.lengths, at.rank), channels_first(at.rank)[0])
    W = np.moveaxis(at.array("W"), (-2, -1), (0, 1))
    bias = (w.constant(at.array("b"), "b"),) if layer.bias else ()
    z = w.op("ConvTranspose", x, w.constant(W, "W"), *bias, output_padding=more if any(more) else None, **settings)
    a = activated(w, layer.activation, z, at.params.get("activation", {}), at.rank, units=1)
    return w.transpose(a, channels_first(at.rank)[1])


def filters_first(W: np.ndarray) -> np.ndarray:
    """(window..., channels, filters) -> (filters, channels, window...)."""
    return np.moveaxis(W, (-1, -2), (0, 1))


@writes(ng.MaxPool, ng.AveragePool, ng.SumPool, ng.NormPool, fixed_steps=True)
def pool(w: Writer, at: Place) -> str:
    return pooled(w, at.layer, at)


@writes(ng.Subsample, fixed_steps=True)
def subsample(w: Writer, at: Place) -> str:
    a = pooled(w, at.layer.pool, at)
    z = w.op("Add", w.op("Mul", a, w.constant(at.array("W"), "W")), w.constant(at.array("b"), "b"))
    return activated(w, at.layer.activation, z, at.params.get("activation", {}), at.rank)


def pooled(w: Writer, layer: Any, at: Place) -> str:
    """What this pooling layer makes of the input that stands at this place."""
    seen, rank = layer.windows(at.in_shape), at.rank
    settings = edges(seen)
    to, back = channels_first(rank)
    masked = w.within(at.x, at.lengths, rank, LOWEST if isinstance(layer, ng.MaxPool) else 0.0)
    x = w.transpose(masked, to)
    count = math.prod(seen.window)
    match layer:
        case ng.MaxPool():
            a = w.op("MaxPool", x, **settings)
        case ng.AveragePool() if at.lengths is None:
            a = w.op("AveragePool", x, count_include_pad=0, **settings)
        case ng.AveragePool():  # over the elements within the sequence alone
            ones = w.op("Add", w.op("Mul", at.x, w.constant(np.float32(0))), w.constant(np.float32(1)))
            present = w.transpose(w.within(ones, at.lengths, rank), to)
            share = w.op("AveragePool", present, count_include_pad=1, **settings)
            share = w.op("Max", share, w.constant(np.float32(1 / count)))
            a = w.op("Div", w.op("AveragePool", x, count_include_pad=1, **settings), share)
        case ng.SumPool():
            a = summed(w, x, settings, count)
        case ng.NormPool(p=p) if p == int(p):
            a = w.op("LpPool", x, p=int(p), **settings)
        case ng.NormPool(p=p):  # LpPool takes whole p only
            a = summed(w, w.op("Pow", w.op("Abs", x), w.constant(np.float32(p))), settings, count)
            a = w.op("Pow", a, w.constant(np.float32(1 / p)))
    return w.transpose(a, back)


def summed(w: Writer, x: str, settings: Any, count: int) -> str:
    """The sum of every window: its average with the padding's zeros, times the number of elements."""
    a = w.op("AveragePool", x, count_include_pad=1, **settings)
    return a if count == 1 else w.op("Mul", a, w.constant(np.float32(count)))


@writes(ng.GlobalPool)
def global_pool(w: Writer, at: Place) -> str:
    axes = list(range(1, at.rank - 1))
    kind = at.layer.aggregation
    x = w.within(at.x, at.lengths, at.rank, LOWEST if kind == "max" else 0.0)
    if kind == "average":
        if at.lengths is None:
            return w.op("ReduceMean", x, axes=axes, keepdims=0)
        steps = w.op("Unsqueeze", w.op("Cast", at.lengths, to=1), w.constant([1]))
        count = w.op("Mul", steps, w.constant(np.float32(math.prod(at.in_shape[1:-1]))))
        total = w.op("ReduceSum", x, w.constant(axes), keepdims=0)
        return w.op("Div", total, w.op("Max", count, w.constant(np.float32(1))))
    if kind == "sum":
        return w.op("ReduceSum", x, w.constant(axes), keepdims=0)
    return w.op({"max": "ReduceMax", "norm": "ReduceL2"}[kind], x, axes=axes, keepdims=0)


def out_lengths(w: Writer, layer: Any, lengths: str, in_shape: tuple[int, ...]) -> str:
    """How many steps of this layer's output are valid, as `Windows.out_lengths` counts them; int32."""
    layer = bare(layer)
    layer = layer.conv(in_shape) if isinstance(layer, ng.DepthwiseConv) else layer
    if not isinstance(layer, ng.Conv | ng.ConvTranspose | ng.Pool | ng.Subsample):
        return lengths
    seen = (layer.pool if isinstance(layer, ng.Subsample) else layer).windows(in_shape)
    s, span, padding = seen.stride[0], seen.spans[0], sum(seen.padding[0])

    def whole(value: int) -> str:
        name = w.name("int32")
        w.constants[name] = np.asarray(value, np.int32)
        return name

    if isinstance(layer, ng.ConvTranspose):
        reached = w.op("Mul", lengths, whole(s))
        more = 0 if seen.same else span - s - padding
        return reached if not more else w.op("Max", w.op("Add", reached, whole(more)), whole(0))
    first = s - 1 if seen.same else s - span + padding
    count = w.op("Div", w.op("Max", w.op("Add", lengths, whole(first)), whole(0)), whole(s))
    return w.op("Min", count, whole(seen.out[0]))
