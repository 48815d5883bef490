"""What ONNX's operators for activations, dense layers, embeddings, normalisation and arithmetic are as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.reader import N, Operator, Part, Reader, Result, Value, in_order, places, reads
from netgrad.layers.base import Layer
from netgrad.layers.recurrent import Recurrent

FLOATS = (1, 10, 11)  # TensorProto.FLOAT, FLOAT16, DOUBLE
WHOLE = (6, 7)  # INT32, INT64


@reads("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu")
def activation(op: Operator) -> Value:
    return op.elementwise(named(op.kind, op.setting("alpha")))


def named(kind: str, alpha: float | None = None, beta: float | None = None) -> Layer:
    """The activation that ONNX gives this name, with its settings."""
    match kind:
        case "Relu":
            return ng.ReLU()
        case "Sigmoid":
            return ng.Logistic()
        case "Tanh":
            return ng.Tanh()
        case "LeakyRelu":
            return ng.LeakyReLU(0.01 if alpha is None else tidy(alpha))
        case "Elu":
            return ng.ELU(1.0 if alpha is None else tidy(alpha))
        case "ScaledTanh" if alpha is not None and beta is not None:
            return ng.ScaledTanh(tidy(alpha), tidy(beta))
        case "Affine" if (1.0 if alpha is None else alpha, beta or 0.0) == (1.0, 0.0):
            return ng.Identity()
    raise NetgradError(f"the activation {kind} has no layer here")


def tidy(value: float) -> float:
    """A float32 as the shortest number that rounds to it: 0.1, not 0.10000000149."""
    return float(str(np.float32(value)))


@reads("PRelu")
def prelu(op: Operator) -> Value:
    value, slope = op.value(), op.floats(1)
    if slope.size == 1:
        return op.elementwise(ng.LeakyReLU(tidy(slope.item())))
    old = op.reader.opset < 7 and slope.ndim == 1  # then one slope a channel
    node, axes = op.reader.last(value, 1 if old else only_axis(slope, len(value.axes)))
    check_units(op.reader, node, slope.size)
    return Value(op.reader.add(ng.PReLU(), node, params={"slope": slope.ravel()}), axes)


@reads("Softmax")
def softmax(op: Operator) -> Value:
    value = op.value()
    axis = op.setting("axis", -1 if op.reader.opset >= 13 else 1) % len(value.axes)
    if op.reader.opset < 13 and axis != len(value.axes) - 1:
        raise NetgradError(f"axis {axis} of an operator set before 13 sums over several axes")
    node, axes = op.reader.last(value, axis)
    return Value(op.reader.add(ng.Softmax(), node), axes)


@reads("GreaterOrEqual")
def threshold(op: Operator) -> Value:
    limit = op.floats(1)
    if limit.size != 1:
        raise NetgradError("several thresholds are not supported")
    return op.elementwise(ng.Threshold(tidy(limit.item())))


@reads("Clip")
def clip(op: Operator) -> Value:
    ends = [op.setting(name) for name in ("min", "max")]
    ends = [float(op.constant(i)) if op.given(i) else end for i, end in enumerate(ends, start=1)]
    low, high = ends
    if low == 0 and (high is None or high == np.inf):
        return op.elementwise(ng.ReLU())
    if low is None or high is None or low != -high:
        raise NetgradError(f"limits of {low} and {high} are not supported, only -a and a, or 0 alone")
    return op.elementwise(ng.Rescaling(limit=high))


@reads("Gemm")
def gemm(op: Operator) -> Value:
    op.only(transA=0)
    W = op.floats(1).T if op.setting("transB", 0) else op.floats(1)
    b = None
    if op.given(2):
        C = op.floats(2)
        if C.size not in (1, C.shape[-1] if C.ndim else 1) or C.size not in (1, W.shape[1]):
            raise NetgradError(f"a bias of shape {C.shape} is not supported, only one number for each of the units")
        b = np.broadcast_to(op.setting("beta", 1.0) * C.ravel(), W.shape[1:])
    return linear(op, W * np.float32(op.setting("alpha", 1.0)), b)


@reads("MatMul")
def matmul(op: Operator) -> Value:
    return linear(op, op.floats(1), None)


def linear(op: Operator, W: np.ndarray, b: np.ndarray | None) -> Value:
    """A dense layer along the last axis."""
    if W.ndim != 2:
        raise NetgradError(f"weights of shape {W.shape} are not supported, only matrices")
    node, axes = op.reader.last(op.value(), -1)
    return Value(dense(op.reader, node, W, b), axes)


def dense(reader: Reader, node: str, W: np.ndarray, b: np.ndarray | None = None) -> str:
    """A dense layer with these weights (d, units)."""
    check_units(reader, node, len(W))
    params = {"W": W.astype(np.float32)} | ({} if b is None else {"b": b.astype(np.float32)})
    return reader.add(ng.Dense(W.shape[1], bias=b is not None), node, params=params)


def check_units(reader: Reader, node: str, units: int) -> None:
    """Refuse weights for another number of units than the node has."""
    if (have := reader.shapes[node][-1]) != units:
        raise NetgradError(f"its weights are for {units} units, its input has {have}")


@reads("BatchNormalization")
def batch_norm(op: Operator) -> Value:
    op.only(training_mode=0, spatial=1)
    if op.reader.opset < 7 and not op.setting("is_test", 0):
        raise NetgradError("training mode (is_test=0) is not supported")
    node, axes = op.reader.last(op.value(), 1)
    gamma, beta, mean, variance = (op.floats(i) for i in range(1, 5))
    for each in (gamma, beta, mean, variance):
        check_units(op.reader, node, each.size)
    layer = ng.BatchNorm(tidy(op.setting("momentum", 0.9)), tidy(op.setting("epsilon", 1e-5)))
    params = {"gamma": gamma, "beta": beta}
    return Value(op.reader.add(layer, node, params=params, state={"mean": mean, "variance": variance}), axes)


@reads("LayerNormalization")
def layer_norm(op: Operator) -> Value:
    reader, value = op.reader, op.value()
    rank = len(value.axes)
    axis = op.setting("axis", -1) % rank
    if axis <= value.axes.index(0):
        raise NetgradError("it normalises over the examples")
    shape = None
    axes: Any
    if axis < rank - 1:  # over several axes: as one
        order = sorted(range(rank), key=lambda i: (value.axes[i] != 0, i))
        node = reader.arranged(value, order)
        shape, axes = reader.shapes[node], places(order, rank)
        node = reader.add(ng.Reshape((*shape[: axis - 1], -1)), node)
    else:
        node, axes = reader.last(value, -1)
    gamma = op.floats(1).ravel()
    beta = op.floats(2).ravel() if op.given(2) else np.zeros_like(gamma)
    for each in (gamma, beta):
        check_units(reader, node, each.size)
    layer = ng.LayerNorm(tidy(op.setting("epsilon", 1e-5)))
    node = reader.add(layer, node, params={"gamma": gamma, "beta": beta})
    return Value(node if shape is None else reader.add(ng.Reshape(shape), node), axes)


@reads("Dropout")
def dropout(op: Operator) -> Value:
    if op.given(2) and op.constant(2).any():
        raise NetgradError("training_mode is not supported")
    rate = float(op.constant(1)) if op.given(1) else op.setting("ratio", 0.5)
    return op.elementwise(ng.Dropout(tidy(rate)))


@reads("Cast")
def cast(op: Operator) -> Result:
    to, found = op.setting("to"), op.any(0)
    if to not in FLOATS + WHOLE:
        raise NetgradError(f"type {to} is not supported")
    if isinstance(found, np.ndarray):
        return found.astype(np.float32 if to in FLOATS else np.int64)
    if found.whole and to in FLOATS:
        raise NetgradError("symbols become numbers: give the file float inputs")
    return Value(found.node, found.axes, to in WHOLE)


# --- arithmetic


@reads("Add", "Sub", "Mul", "Div")
def arithmetic(op: Operator) -> Result:
    a, b = op.any(0), op.any(1)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return folded(op.kind, a, b)
    if isinstance(a, Value) and isinstance(b, Value):
        return of_two(op)
    swapped = isinstance(a, np.ndarray)
    value, constant = op.value(int(swapped)), op.floats(int(not swapped))
    if op.reader.opset < 7 and "axis" in op.settings:  # where the constant's axes stand in the data's
        behind = len(value.axes) - op.setting("axis") % len(value.axes) - constant.ndim
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


def only_axis(constant: np.ndarray, rank: int) -> int:
    """Along which of the axes of data of this rank a constant of one number each stands."""
    long = [i + rank - constant.ndim for i, n in enumerate(constant.shape) if n != 1]
    if len(long) != 1 or constant.ndim > rank:
        raise NetgradError(f"a constant of shape {constant.shape} is not supported: one number, or one along one axis")
    return long[0]


def folded(kind: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The result for two constants."""
    if N in a.ravel().tolist() + b.ravel().tolist():
        raise NetgradError("it calculates with the number of examples")
    np.broadcast_shapes(a.shape, b.shape)
    if a.size * b.size > 10**7:
        raise NetgradError(f"constants of shapes {a.shape} and {b.shape} are too large")
    with np.errstate(all="ignore"):
        c = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}[kind](a, b)
    return c.astype(a.dtype)


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
    if all(isinstance(each, np.ndarray) for each in found):
        return np.concatenate([np.asarray(each) for each in found], axis)
    values = [op.value(i) for i in range(len(op))]
    if len(values) == 1:
        return values[0]
    reader = op.reader
    first = reader.whole_axes(values[0])
    axis %= len(first.axes)
    if first.axes[axis] == 0:
        raise NetgradError("it works along the axis of the examples")
    order = [*(i for i in in_order(first) if i != axis), axis]
    node = reader.add(ng.Concatenate(), *(reader.arranged(value, order) for value in values))
    return Value(node, places(order, len(first.axes)))


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
        return np.take(data, index.astype(np.int64), axis)
    return picked(op, op.value(), index, axis % len(data.axes))


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
    made = next((f for f in reader.found if f.name == value.node), None)
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
    return dense(reader, node, np.eye(d, dtype=np.float32)[:, first : first + count])


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
    axis = op.setting("axis", 0) % len(value.axes)
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
        size = length(op.reader, value, axis % len(value.axes))
        first, stop, _ = slice(start, end, step).indices(size)
        if step != 1:
            raise NetgradError("steps other than 1 are not supported")
        if (first, stop) != (0, size):
            node, at = op.reader.last(value, axis)
            value = Value(chosen(op.reader, node, first, stop - first), at)
    return value
