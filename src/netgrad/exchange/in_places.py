"""What ONNX's operators are that take places out of an axis: a row of a matrix, a time-step, some of the units."""

from __future__ import annotations

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.in_basic import dense
from netgrad.exchange.reader import N, Operator, Part, Reader, Result, Value, reads, within
from netgrad.layers.recurrent import Recurrent


@reads("Gather")
def gather(op: Operator) -> Result:
    data, index = op.any(0), op.any(1)
    axis = op.setting("axis", 0)
    if isinstance(index, Value):
        W = op.floats(0)
        if axis % W.ndim or W.ndim != 2:
            raise NetgradError("only rows of a constant matrix are looked up: an embedding")
        index = op.reader.whole_axes(index)
        node = op.reader.add(ng.Embedding(*W.shape), index.node, params={"W": W})
        return Value(node, (*index.axes, len(op.reader.shapes[node])))
    if isinstance(data, np.ndarray):
        axis = within(axis, data.ndim)
        op.reader.bounded((*data.shape[:axis], *index.shape, *data.shape[axis + 1 :]))
        return np.take(data, index.astype(np.int64), axis)
    return picked(op, op.value(), index, within(axis, len(data.axes)))


def picked(op: Operator, value: Value, index: np.ndarray, axis: int) -> Value:
    """One place along an axis of the data: the last step of a recurrent layer, or one unit of the last axis."""
    if index.ndim:
        raise NetgradError("places along an axis of data are picked one by one only")
    reader, k, size = op.reader, int(index), length(op.reader, value, axis)
    k = k + size if k < 0 else k
    if (last := last_step(reader, value, axis, k, size)) is not None:
        return last
    at, left = value.axes[axis], [a for i, a in enumerate(value.axes) if i != axis]
    if isinstance(at, Part) and at.outer and at.axis == len(reader.shapes[value.node]):
        # One direction of a bidirectional layer: the other half of the axis is all that is left of it.
        count = reader.shapes[value.node][at.axis - 1] // at.size
        node = chosen(reader, value.node, k * count, count)
        return Value(node, tuple(a.axis if isinstance(a, Part) else a for a in left))
    node, axes = reader.last(value, axis)
    return without(reader, Value(chosen(reader, node, k, 1), axes), axis)


def last_step(reader: Reader, value: Value, axis: int, k: int, size: int) -> Value | None:
    """What a recurrent layer returns as its "last" state, where that is what the file takes of its sequence."""
    made = reader.found.get(value.node)
    if made is None or not isinstance(made.layer, Recurrent) or reader.lengths.get(made.name):
        return None
    layer = made.layer
    if value.axes[axis] != 1 or layer.returns != "sequence" or k != (0 if layer.reverse else size - 1):
        return None
    node = reader.add(layer.replace(returns="last"), *made.inputs, shared=made.params)
    left = [a for i, a in enumerate(value.axes) if i != axis]
    return Value(node, tuple(1 if a == 2 else a for a in left))


def length(reader: Reader, value: Value, axis: int) -> int:
    """How long the file's axis is, which must not be that of the examples."""
    size = reader.size(value, axis)
    if size == N:
        raise NetgradError("it picks single examples")
    return size


def chosen(reader: Reader, node: str, first: int, count: int) -> str:
    """``count`` units from ``first`` on, by a dense layer whose weights are 1 there and 0 elsewhere."""
    d = reader.shapes[node][-1]
    if not 0 <= first <= first + count <= d or not count:
        raise NetgradError(f"it takes units {first} to {first + count - 1} of {d}")
    W = np.zeros(reader.bounded((d, count)), np.float32)
    W[np.arange(first, first + count), np.arange(count)] = 1
    return dense(reader, node, W)


def without(reader: Reader, value: Value, axis: int) -> Value:
    """The value without an axis of size 1."""
    at = value.axes[axis]
    left = [a for i, a in enumerate(value.axes) if i != axis]
    if at is None:
        return Value(value.node, tuple(left), value.whole)
    value = reader.whole_axes(value)
    at = value.axes[axis]
    shape = list(reader.shapes[value.node])
    if not isinstance(at, int) or at == 0 or shape.pop(at - 1) != 1:
        raise NetgradError("it removes an axis that is not of size 1, or that of the examples")
    node = reader.add(ng.Reshape(tuple(shape)), value.node)
    moved = [a - 1 if isinstance(a, int) and a > at else a for i, a in enumerate(value.axes) if i != axis]
    return Value(node, tuple(moved), value.whole)


@reads("Split")
def split(op: Operator) -> list[Result]:
    value = op.value()
    axis = within(op.setting("axis", 0), len(value.axes))
    size, parts = length(op.reader, value, axis), len(op.outputs)
    sizes = op.setting("split") or (op.constant(1).tolist() if op.given(1) else None)
    if sizes is None:
        each = -(-size // parts)
        sizes = [min(each, size - i * each) for i in range(parts)]
    if sum(sizes) != size:
        raise NetgradError(f"parts of {sizes} do not make up {size}")
    node, axes = op.reader.last(value, axis)
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    return [Value(chosen(op.reader, node, first, n), axes) for first, n in zip(starts, sizes, strict=True)]


@reads("Slice")
def slice_(op: Operator) -> Result:
    found = op.any(0)
    if not op.given(1):
        starts, ends, axes = (list(op.setting(name) or []) for name in ("starts", "ends", "axes"))
        steps = [1] * len(starts)
    else:
        starts, ends = op.constant(1).tolist(), op.constant(2).tolist()
        axes = op.constant(3).tolist() if op.given(3) else []
        steps = op.constant(4).tolist() if op.given(4) else [1] * len(starts)
    axes = axes or list(range(len(starts)))
    if isinstance(found, np.ndarray):
        cut = [slice(None)] * found.ndim
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            cut[axis] = slice(start, end, step)
        return found[tuple(cut)]
    value = op.value()
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = length(op.reader, value, within(axis, len(value.axes)))
        first, stop, _ = slice(start, end, step).indices(size)
        if step != 1:
            raise NetgradError("steps other than 1 are not supported")
        if (first, stop) != (0, size):
            node, at = op.reader.last(value, axis)
            value = Value(chosen(op.reader, node, first, stop - first), at)
    return value
