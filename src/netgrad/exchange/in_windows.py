"""What ONNX's operators for convolution and pooling are as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.reader import Operator, Value, reads, within

Pairs = tuple[tuple[int, int], ...]


def channels_last(op: Operator) -> tuple[str, tuple[int, ...]]:
    """The first input as (N, sizes..., channels), and where the file's axes (N, channels, sizes...) stand in it."""
    value = op.value()
    rank = len(value.axes)
    if not 3 <= rank <= 5:
        raise NetgradError(f"data with {rank} axes are not supported, only signals, images and volumes (3 to 5 axes)")
    return op.reader.arranged(value, [0, *range(2, rank), 1]), (0, rank - 1, *range(1, rank - 1))


def edges(op: Operator, sizes: tuple[int, ...], window: tuple[int, ...]) -> tuple[Any, Any, Pairs]:
    """Stride, dilation and padding, one entry an axis; ``sizes`` of the input that the windows slide over."""
    n = len(sizes)
    stride = whole(op, "strides", n) or (1,) * n
    dilation = whole(op, "dilations", n) or (1,) * n
    how = op.setting("auto_pad", "NOTSET")
    if how in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for size, k, s, d in zip(sizes, window, stride, dilation, strict=True):
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            less, more = total // 2, total - total // 2
            pairs.append((less, more) if how == "SAME_UPPER" else (more, less))
        return stride, dilation, tuple(pairs)
    pads = op.setting("pads") if how == "NOTSET" else None
    pads = [0] * (2 * n) if pads is None else [int(p) for p in pads]
    if len(pads) != 2 * n or min(pads) < 0:
        raise NetgradError(f"pads={pads} does not fit {n} axes, or cuts off")
    return stride, dilation, tuple(zip(pads[:n], pads[n:], strict=True))


def whole(op: Operator, name: str, n: int) -> tuple[int, ...] | None:
    """An attribute of one whole number an axis."""
    found = op.setting(name)
    if found is None:
        return None
    if len(found) != n or min(found) < 1:
        raise NetgradError(f"{name}={list(found)} does not fit {n} axes")
    return tuple(int(v) for v in found)


@reads("Conv")
def conv(op: Operator) -> Value:
    reader = op.reader
    node, axes = channels_last(op)
    W = op.floats(1)
    if W.ndim != len(axes):
        raise NetgradError(f"filters of shape {W.shape} do not fit data with {len(axes)} axes")
    groups, window, sizes = op.setting("group", 1), W.shape[2:], reader.shapes[node][:-1]
    if reader.shapes[node][-1] != W.shape[1] * groups:
        raise NetgradError(f"filters of shape {W.shape} do not fit {reader.shapes[node][-1]} channels")
    stride, dilation, padding = edges(op, sizes, window)
    layer = ng.Conv(len(W), window, stride, padding, dilation, bias=op.given(2), groups=groups)
    return Value(reader.add(layer, node, params=numbers(op, np.moveaxis(W, (0, 1), (-1, -2)))), axes)


def numbers(op: Operator, W: np.ndarray) -> dict[str, np.ndarray]:
    """Filters as netgrad arranges them, and biases where there are any."""
    params = {"W": np.ascontiguousarray(W)}
    if op.given(2):
        params["b"] = op.floats(2)
        if params["b"].shape != W.shape[-1:]:
            raise NetgradError(f"biases of shape {params['b'].shape} do not fit {W.shape[-1]} filters")
    return params


@reads("ConvTranspose")
def conv_transpose(op: Operator) -> Value:
    op.only(group=1)
    reader = op.reader
    node, axes = channels_last(op)
    W = op.floats(1)
    n = len(axes) - 2
    if W.ndim != n + 2 or reader.shapes[node][-1] != W.shape[0]:
        raise NetgradError(f"filters of shape {W.shape} do not fit an input {('N', *reader.shapes[node])}")
    sizes, window = reader.shapes[node][:-1], W.shape[2:]
    stride, dilation, padding = edges(op, sizes, window)
    more = op.setting("output_padding") or [0] * n
    spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
    full = [(size - 1) * s + span for size, s, span in zip(sizes, stride, spans, strict=True)]
    how, wanted = op.setting("auto_pad", "NOTSET"), op.setting("output_shape")
    if how.startswith("SAME") and wanted is None:
        wanted = [size * s for size, s in zip(sizes, stride, strict=True)]
    if wanted is not None:
        totals = [f + m - w for f, m, w in zip(full, more, wanted[-n:], strict=True)]
        halves = [(t // 2, t - t // 2) for t in totals]
        padding = tuple(halves if how == "SAME_UPPER" else [(b, a) for a, b in halves])
    ends = [after - m for (_, after), m in zip(padding, more, strict=True)]
    if min(before for before, _ in padding) < 0:
        raise NetgradError("an output longer at its beginning than what the filters reach is not supported")
    # Where the output is longer than what the filters reach, filters with zeros at their ends reach as far.
    longer = [-(end // d) if end < 0 else 0 for end, d in zip(ends, dilation, strict=True)]
    if any(longer):
        reader.bounded((*W.shape[:2], *(n + k for n, k in zip(window, longer, strict=True))))
        W = np.pad(W, ((0, 0), (0, 0), *((0, k) for k in longer)))
        ends = [end + k * d for end, k, d in zip(ends, longer, dilation, strict=True)]
    cut = tuple((before, end) for (before, _), end in zip(padding, ends, strict=True))
    layer = ng.ConvTranspose(W.shape[1], W.shape[2:], stride, cut, dilation, bias=op.given(2))
    return Value(reader.add(layer, node, params=numbers(op, np.moveaxis(W, (0, 1), (-2, -1)))), axes)


@reads("MaxPool", "AveragePool", "LpPool")
def pool(op: Operator) -> Value:
    reader = op.reader
    node, axes = channels_last(op)
    sizes = reader.shapes[node][:-1]
    window = whole(op, "kernel_shape", len(sizes))
    if window is None:
        raise NetgradError("kernel_shape is missing")
    stride, dilation, padding = edges(op, sizes, window)
    if any(d != 1 for d in dilation):
        raise NetgradError(f"dilations={list(dilation)} are not supported")
    padded = any(map(any, padding))
    if op.setting("ceil_mode", 0) and op.setting("auto_pad", "NOTSET") == "NOTSET":
        rounded_up = up(sizes, window, stride, padding)
        if rounded_up != padding and op.kind == "AveragePool" and op.setting("count_include_pad", 0):
            raise NetgradError("ceil_mode=1 with count_include_pad=1 is not supported")
        padding = rounded_up
    match op.kind:
        case "MaxPool":
            return Value(reader.add(ng.MaxPool(window, stride, padding), node), axes)
        case "LpPool":
            return Value(reader.add(ng.NormPool(window, stride, padding, p=float(op.setting("p", 2))), node), axes)
    if padded and op.setting("count_include_pad", 0):
        node = reader.add(ng.SumPool(window, stride, padding), node)
        return Value(reader.add(ng.Rescaling(factor=1 / int(np.prod(window))), node), axes)
    return Value(reader.add(ng.AveragePool(window, stride, padding), node), axes)


def up(sizes: tuple[int, ...], window: tuple[int, ...], stride: Any, padding: Pairs) -> Pairs:
    """The padding with which as many windows fit as when their number is rounded up; each begins before the end."""
    pairs = []
    for n, k, s, (before, after) in zip(sizes, window, stride, padding, strict=True):
        out = -(-(n + before + after - k) // s) + 1
        if (out - 1) * s >= n + before:
            out -= 1
        pairs.append((before, max(after, (out - 1) * s + k - n - before)))
    return tuple(pairs)


KINDS = {"Average": "average", "Mean": "average", "Max": "max", "Sum": "sum", "Lp": "norm", "L2": "norm"}


@reads("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(op: Operator) -> Value:
    op.only(p=2)
    node, axes = channels_last(op)
    kind = KINDS[op.kind.removeprefix("Global").removesuffix("Pool")]
    return Value(op.reader.add(ng.GlobalPool(kind), node), (0, 1, *(None,) * (len(axes) - 2)))


@reads("ReduceMean", "ReduceMax", "ReduceSum", "ReduceL2")
def reduce(op: Operator) -> Value:
    """Over all axes but that of the examples and one more, as a global pooling does."""
    value, axes = op.reader.whole_axes(op.value()), op.axes()
    rank = len(value.axes)
    if axes is None:
        axes = [] if op.setting("noop_with_empty_axes", 0) else list(range(rank))
    gone = {within(axis, rank) for axis in axes}
    left = [i for i in range(rank) if i not in gone]
    kept = [i for i in left if value.axes[i] is not None]
    if not gone or len(kept) != 2 or value.axes[kept[0]] != 0:
        raise NetgradError("it must leave the axis of the examples and one more, as a pooling over all places does")
    order = [kept[0], *sorted(gone), kept[1]]
    node = op.reader.add(ng.GlobalPool(KINDS[op.kind.removeprefix("Reduce")]), op.reader.arranged(value, order))
    keep = op.setting("keepdims", 1)
    where = [kept.index(i) if i in kept else None for i in range(rank) if keep or i in left]
    return Value(node, tuple(where))
