"""What ONNX's operators for shapes are: most of them only say which axis is which."""

from __future__ import annotations

import math

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.in_places import without
from netgrad.exchange.reader import Axis, N, Operator, Part, Result, Value, reads, within


@reads("Constant")
def constant(op: Operator) -> np.ndarray:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in op.settings:
            return np.asarray(op.settings[name])
    raise NetgradError("only numbers are supported")


@reads("Identity")
def identity(op: Operator) -> Result:
    return op.any(0)


@reads("Shape")
def shape(op: Operator) -> np.ndarray:
    found = op.any(0)
    sizes = list(found.shape) if isinstance(found, np.ndarray) else op.reader.sizes(found)
    return np.array(sizes[op.setting("start", 0) : op.setting("end")], np.int64)


@reads("ConstantOfShape")
def constant_of_shape(op: Operator) -> np.ndarray:
    filled = np.asarray(op.setting("value", np.float32(0))).ravel()
    return np.full(op.reader.bounded(op.sizes(0)), filled[0])


@reads("Expand")
def expand(op: Operator) -> np.ndarray:
    """Of constants only; the examples' axis stays 1, which stands for all of them."""
    found, sizes = op.constant(0), op.sizes(1)
    sizes = [1 if n == N else n for n in sizes]
    return np.array(np.broadcast_to(found, op.reader.bounded(np.broadcast_shapes(found.shape, tuple(sizes)))))


@reads("Transpose")
def transpose(op: Operator) -> Result:
    found = op.any(0)
    rank = found.ndim if isinstance(found, np.ndarray) else len(found.axes)
    order = op.setting("perm") or list(range(rank))[::-1]
    if sorted(order) != list(range(rank)):
        raise NetgradError(f"perm={list(order)} does not fit {rank} axes")
    if isinstance(found, np.ndarray):
        return found.transpose(order)
    return Value(found.node, tuple(found.axes[axis] for axis in order), found.whole)


@reads("Squeeze")
def squeeze(op: Operator) -> Result:
    found, axes = op.any(0), op.axes()
    if isinstance(found, np.ndarray):
        return found.squeeze(None if axes is None else tuple(axes))
    sizes = op.reader.sizes(found)
    gone = [i for i, n in enumerate(sizes) if n == 1] if axes is None else [within(axis, len(sizes)) for axis in axes]
    for axis in sorted(gone, reverse=True):
        found = without(op.reader, found, axis)
    return found


@reads("Unsqueeze")
def unsqueeze(op: Operator) -> Result:
    found, axes = op.any(0), op.axes() or []
    if isinstance(found, np.ndarray):
        return np.expand_dims(found, tuple(axes))
    rank = len(found.axes) + len(axes)
    new = {within(axis, rank) for axis in axes}
    if len(new) < len(axes):
        raise NetgradError(f"axes {axes} name one axis twice")
    old = iter(found.axes)
    return Value(found.node, tuple(None if i in new else next(old) for i in range(rank)), found.whole)


@reads("Flatten")
def flatten(op: Operator) -> Value:
    value = op.reader.whole_axes(op.value())
    if op.setting("axis", 1) not in (1, 1 - len(value.axes)) or value.axes[0] != 0:
        raise NetgradError("only the axes behind that of the examples are flattened: axis=1")
    if len(value.axes) == 2:
        return value
    node = op.reader.arranged(value, range(len(value.axes)))
    return Value(op.reader.add(ng.Flatten(), node), (0, 1))


@reads("Reshape")
def reshape(op: Operator) -> Result:
    found, target = op.any(0), op.sizes(1)
    if isinstance(found, np.ndarray):
        sizes = [found.shape[i] if n == 0 else n for i, n in enumerate(target)]
        return found.reshape([1 if n == N else n for n in sizes])
    reader, value = op.reader, op.value()
    sizes = reader.sizes(value)
    if not op.setting("allowzero", 0):
        if any(n == 0 and i >= len(sizes) for i, n in enumerate(target)):
            raise NetgradError(f"shape {target} copies an axis that is not there")
        target = [sizes[i] if n == 0 else n for i, n in enumerate(target)]
    new, batch = resolved(sizes, target, reader.batch), sizes.index(N)
    if new[: batch + 1] != sizes[: batch + 1]:
        raise NetgradError(f"shape {words(sizes)} becomes {words(new)}: it mixes the examples with another axis")
    if (view := as_view(value, sizes, new)) is not None:
        return Value(value.node, view)
    if batch:
        raise NetgradError("the axis of the examples must be the first")
    node = reader.arranged(value, range(len(sizes)))
    layer = ng.Flatten() if len(new) == 2 else ng.Reshape(tuple(new[1:]))
    return Value(reader.add(layer, node), tuple(range(len(new))))


def resolved(sizes: list[int], target: list[int], batch: int | None) -> list[int]:
    """The new sizes without -1, and with `N` for the number of examples."""
    rest = math.prod(n for n in sizes if n != N)
    new = list(target)
    where = sizes.index(N)
    if N not in new:  # the file fixed the number of examples, or leaves it to be found
        free = [i for i, n in enumerate(new) if n == -1]
        others = math.prod(n for n in new if n != -1)
        if free and others == rest:
            new[free[0]] = N
        elif where < len(new) and new[where] == batch:
            new[where] = N
    if -1 in new:
        known = math.prod(n for n in new if n not in (N, -1))
        if not known or rest % known:
            raise NetgradError(f"shape {words(sizes)} does not fit into {words(target)}")
        new[new.index(-1)] = rest // known
    if N not in new or math.prod(n for n in new if n != N) != rest:
        raise NetgradError(f"shape {words(sizes)} becomes {words(target)}: it mixes the examples with another axis")
    return new


def as_view(value: Value, sizes: list[int], new: list[int]) -> tuple[Axis, ...] | None:
    """The new axes, where they are the old ones up to axes of size 1, or two halves of one joined; otherwise None."""
    axes: list[Axis] = []
    old: list[Axis] = []
    for at in value.axes:  # halves side by side are one axis again
        before = old[-1] if old else None
        if isinstance(at, Part) and isinstance(before, Part) and before.outer and before.axis == at.axis:
            old[-1] = at.axis
        else:
            old.append(at)
    lengths = dict(zip(value.axes, sizes, strict=True))
    halves = [at for at in lengths if isinstance(at, Part)]
    joined = [
        lengths[at] if at in lengths else math.prod(lengths[half] for half in halves if half.axis == at) for at in old
    ]
    rest = [(at, n) for at, n in zip(old, joined, strict=True) if at is not None]
    for n in new:
        if rest and rest[0][1] == n:
            axes.append(rest.pop(0)[0])
        elif n == 1:
            axes.append(None)
        else:
            return None
    return None if rest else tuple(axes)


def words(sizes: list[int]) -> str:
    """A shape in words."""
    return "(" + ", ".join("N" if n == N else str(n) for n in sizes) + ")"


@reads("Tile")
def tile(op: Operator) -> Value:
    value, repeats = op.reader.whole_axes(op.value()), op.constant(1).tolist()
    many = [i for i, n in enumerate(repeats) if n != 1]
    if not many:
        return value
    axis = many[0]
    if len(many) > 1 or len(repeats) != len(value.axes) or value.axes[axis] is not None:
        raise NetgradError(f"repeats of {repeats} are not supported, only one new axis of time-steps")
    node = op.reader.add(ng.Repeat(int(repeats[axis])), value.node)
    moved = [at + 1 if isinstance(at, int) and at > 0 else at for at in value.axes]
    return Value(node, tuple(1 if i == axis else at for i, at in enumerate(moved)))
