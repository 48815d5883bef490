"""What ONNX's operators for activations, dense layers, normalisation and dropout are as layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.reader import Operator, Reader, Result, Value, places, reads, within
from netgrad.layers.base import Layer

FLOATS = (1, 10, 11)  # TensorProto.FLOAT, FLOAT16, DOUBLE
WHOLE = (6, 7)  # INT32, INT64
FINE = 100  # numbers that are shifted by no more than this keep five places behind the point


@reads("Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Softplus", "Gelu")
def activation(op: Operator) -> Value:
    op.only(approximate="none")
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
        case "Softplus":
            return ng.Softplus()
        case "Gelu":
            return ng.GELU()
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
    axis = within(op.setting("axis", -1 if op.reader.opset >= 13 else 1), len(value.axes))
    if op.reader.opset < 13 and axis != len(value.axes) - 1:
        raise NetgradError(f"axis {axis} of an operator set before 13 sums over several axes")
    node, axes = op.reader.last(value, axis)
    return Value(op.reader.add(ng.Softmax(), node), axes)


@reads("GreaterOrEqual")
def threshold(op: Operator) -> Value:
    return op.elementwise(ng.Threshold(tidy(op.number(1))))


@reads("Clip")
def clip(op: Operator) -> Value:
    ends = [op.setting(name) for name in ("min", "max")]
    ends = [op.number(i) if op.given(i) else end for i, end in enumerate(ends, start=1)]
    low, high = ends
    if low == 0 and (high is None or high == np.inf):
        return op.elementwise(ng.ReLU())
    if low is not None and low == -(high or 0):
        return op.elementwise(ng.Rescaling(limit=high))
    if low is None or high is None or not -FINE <= low < high <= FINE:
        raise NetgradError(
            f"limits of {low} and {high} are not supported, only -a and a, 0 alone, or two between -{FINE} and {FINE}"
        )
    middle = (low + high) / 2
    limited = op.elementwise(ng.Rescaling(tidy(middle), limit=tidy(high - middle)))
    return op.elementwise(ng.Rescaling(tidy(-middle)), limited)


@reads("Neg")
def negative(op: Operator) -> Value:
    return op.elementwise(ng.Rescaling(factor=-1.0))


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
    if not isinstance(op.any(0), Value):  # the state before the first step, times the weights of the recurrence
        raise NetgradError(
            "a constant times weights, as where PyTorch's newer exporter writes out every step of an RNN: "
            "torch.onnx.export(..., dynamo=False) keeps the recurrence"
        )
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
    params = {"W": np.asarray(W, np.float32)} | ({} if b is None else {"b": np.asarray(b, np.float32)})
    return reader.add(ng.Dense(W.shape[1], bias=b is not None), node, params=params)


def only_axis(constant: np.ndarray, rank: int) -> int:
    """Along which of the axes of data of this rank a constant of one number each stands."""
    long = [i + rank - constant.ndim for i, n in enumerate(constant.shape) if n != 1]
    if len(long) != 1 or constant.ndim > rank:
        raise NetgradError(f"a constant of shape {constant.shape} is not supported: one number, or one along one axis")
    return long[0]


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


@reads("LRN")
def local_response_norm(op: Operator) -> Value:
    node, axes = op.reader.last(op.value(), 1)
    window = op.setting("size", 0)
    if window < 1 or window % 2 == 0:
        raise NetgradError(f"size={window}, expected an odd number")
    alpha, beta, k = (tidy(op.setting(name, usual)) for name, usual in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return Value(op.reader.add(ng.LocalResponseNorm(window, tidy(alpha / window), beta, k), node), axes)


@reads("LayerNormalization")
def layer_norm(op: Operator) -> Value:
    reader, value = op.reader, op.value()
    rank = len(value.axes)
    axis = within(op.setting("axis", -1), rank)
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
    rate = op.number(1) if op.given(1) else op.setting("ratio", 0.5)
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
