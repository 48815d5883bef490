"""What ONNX's arithmetic is as layers: of data and constants, of constants alone, and of several data."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.in_basic import check_units, only_axis, tidy
from netgrad.exchange.reader import N, Operator, Reader, Result, Value, in_order, places, reads, within
from netgrad.layers.base import Layer


@reads("Add", "Sub", "Mul", "Div")
def arithmetic(op: Operator) -> Result:
    a, b = op.any(0), op.any(1)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return folded(op, a, b)
    if isinstance(a, Value) and isinstance(b, Value):
        return of_two(op)
    swapped = isinstance(a, np.ndarray)
    value, constant = op.value(int(swapped)), op.floats(int(not swapped))
    if op.reader.opset < 7 and "axis" in op.settings:  # where the constant's axes stand in the data's
        behind = len(value.axes) - within(op.setting("axis"), len(value.axes)) - constant.ndim
        constant = constant.reshape(*constant.shape, *(1,) * behind)
    offset: Any = np.float32(0)
    factor: Any = np.float32(1)
    match op.kind, swapped:
        case "Add", _:
            offset = -constant
        case "Sub", False:
            offset = constant
        case "Sub", True:  # c - x = (x - c) * -1
            offset, factor = constant, np.float32(-1)
        case "Mul", _:
            factor = constant
        case "Div", False:
            factor = 1 / constant
        case _:
            raise NetgradError("a constant divided by data has no layer here")
    if constant.size == 1:
        return op.elementwise(ng.Rescaling(tidy(offset.item()), tidy(factor.item())), value)
    axis = only_axis(constant, len(value.axes))
    node, axes = op.reader.last(value, axis)
    check_units(op.reader, node, constant.size)
    return Value(op.reader.add(ng.Rescaling(several(offset), several(factor)), node), axes)


def several(numbers: np.ndarray) -> float | tuple[float, ...]:
    """One number, or one for each unit, as `Rescaling` takes them."""
    return tidy(numbers.item()) if numbers.size == 1 else tuple(map(tidy, numbers.ravel()))


def folded(op: Operator, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The result for two constants."""
    if (a == N).any() or (b == N).any():
        raise NetgradError("it calculates with the number of examples")
    op.reader.bounded(np.broadcast_shapes(a.shape, b.shape))
    with np.errstate(all="ignore"):
        c = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[op.kind](a, b)
    return np.asarray(c, a.dtype)


def of_two(op: Operator) -> Value:
    if op.kind == "Div":
        raise NetgradError("data divided by data have no layer here")
    a, b = op.value(0), op.value(1)
    if op.kind == "Sub":
        b = op.elementwise(ng.Rescaling(factor=-1.0), b)
    return merged(op.reader, ng.Multiply() if op.kind == "Mul" else ng.Add(), [a, b])


@reads("Sum")
def total(op: Operator) -> Value:
    values = [op.value(i) for i in range(len(op))]
    return values[0] if len(values) == 1 else merged(op.reader, ng.Add(), values)


def merged(reader: Reader, layer: Layer, values: list[Value]) -> Value:
    """Several values of one shape, number by number."""
    a = reader.whole_axes(values[0])
    order = in_order(a)
    nodes = [a.node]
    for value in values[1:]:
        if reader.sizes(value) != reader.sizes(a):
            raise NetgradError(
                f"shapes {shown(reader, a)} and {shown(reader, value)} differ: only equal ones are merged"
            )
        same = value.axes == a.axes
        nodes.append(value.node if same else reader.arranged(value, order))
    return Value(reader.add(layer, *nodes), a.axes)


def shown(reader: Reader, value: Value) -> str:
    """A shape as the file sees it, in words."""
    return "(" + ", ".join("N" if n == N else str(n) for n in reader.sizes(value)) + ")"


@reads("Concat")
def concat(op: Operator) -> Result:
    found = [op.any(i) for i in range(len(op))]
    axis = op.setting("axis")
    constants = [each for each in found if isinstance(each, np.ndarray)]
    if len(constants) == len(found):
        op.reader.bounded((sum(each.size for each in constants),))
        return np.concatenate(constants, axis)
    values = [op.value(i) for i in range(len(op))]
    if len(values) == 1:
        return values[0]
    reader = op.reader
    first = reader.whole_axes(values[0])
    axis = within(axis, len(first.axes))
    if first.axes[axis] == 0:
        raise NetgradError("it works along the axis of the examples")
    order = [*(i for i in in_order(first) if i != axis), axis]
    node = reader.add(ng.Concatenate(), *(reader.arranged(value, order) for value in values))
    return Value(node, places(order, len(first.axes)))
