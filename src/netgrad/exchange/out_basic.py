"""How ONNX says activations, dense layers, embeddings, normalisation, merges and layers that rearrange."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.onnx_library import onnx
from netgrad.exchange.rules import Place, refusal, rule_for, writes
from netgrad.exchange.writer import Writer
from netgrad.layers.views import WeightNormed

FLOAT = 1  # TensorProto.FLOAT


@writes(
    ng.Identity,
    ng.Threshold,
    ng.Logistic,
    ng.Tanh,
    ng.ScaledTanh,
    ng.ReLU,
    ng.LeakyReLU,
    ng.ELU,
    ng.PReLU,
    ng.GELU,
    ng.SiLU,
    ng.Softplus,
    ng.Softmax,
)
def activation(w: Writer, at: Place) -> str:
    return activated(w, at.layer, at.x, at.params, at.rank)


def activated(w: Writer, f: Any, z: str, params: dict[str, Any], rank: int, units: int = -1) -> str:
    """a = f(z) for z of this rank; ``units`` is the axis that PReLU's slopes and softmax's sum run along."""
    units %= rank
    match f:
        case ng.Identity():
            return z
        case ng.Threshold():
            return w.op("Cast", w.op("GreaterOrEqual", z, w.constant(np.float32(f.threshold))), to=FLOAT)
        case ng.Logistic():
            return w.op("Sigmoid", scaled(w, z, f.slope))
        case ng.Tanh():
            return w.op("Tanh", z)
        case ng.ScaledTanh():
            return scaled(w, w.op("Tanh", scaled(w, z, f.beta)), f.alpha)
        case ng.ReLU():
            return w.op("Relu", z)
        case ng.LeakyReLU():
            return w.op("LeakyRelu", z, alpha=float(f.slope))
        case ng.ELU():
            return w.op("Elu", z, alpha=float(f.alpha))
        case ng.PReLU():
            slope = np.asarray(params["slope"], np.float32)
            return w.op("PRelu", z, w.constant(slope.reshape(-1, *(1,) * (rank - 1 - units)), "slope"))
        case ng.GELU():  # ONNX has it by name from its operator set 20 on
            erf = w.op("Erf", scaled(w, z, math.sqrt(0.5)))
            return scaled(w, w.op("Mul", z, w.op("Add", erf, w.constant(np.float32(1)))), 0.5)
        case ng.SiLU():
            return w.op("Mul", z, w.op("Sigmoid", z))
        case ng.Softplus():
            return w.op("Softplus", z)
        case ng.Softmax():
            return w.op("Softmax", z, axis=units if units < rank - 1 else -1)
    raise refusal(f)


def scaled(w: Writer, x: str, factor: float) -> str:
    """x times a number; x itself where that is 1."""
    return x if factor == 1 else w.op("Mul", x, w.constant(np.float32(factor)))


@writes(ng.Dense)
def dense(w: Writer, at: Place) -> str:
    W = w.constant(at.array("W"), "W")
    bias = (w.constant(at.array("b"), "b"),) if at.layer.bias else ()
    if at.rank == 2:
        z = w.op("Gemm", at.x, W, *bias)
    else:
        z = w.op("MatMul", at.x, W)
        z = w.op("Add", z, *bias) if bias else z
    return activated(w, at.layer.activation, z, at.params.get("activation", {}), at.rank)


@writes(ng.WeightNorm)
def weight_norm(w: Writer, at: Place) -> str:
    """The weights that its length and directions make are as good as any: what wraps them is not written."""
    plain = replace(at, layer=at.layer.layer, params=WeightNormed("W").see(at.params))
    return rule_for(plain.layer)(w, plain)


@writes(ng.Differentiated)
def differentiated(w: Writer, at: Place) -> str:
    """Only its way back is another one."""
    return rule_for(at.layer.layer)(w, replace(at, layer=at.layer.layer))


@writes(ng.Embedding)
def embedding(w: Writer, at: Place) -> str:
    symbols = w.op("Cast", at.x, to=onnx().TensorProto.INT64)
    if at.lengths is not None:  # whatever stands in the padding is no symbol
        zero = w.constant(np.int64(0))
        symbols = w.op("Where", w.valid_steps(at.x, at.lengths, at.rank), symbols, zero)
    return w.within(w.op("Gather", w.constant(at.array("W"), "W"), symbols, axis=0), at.lengths, at.rank + 1)


@writes(ng.BatchNorm)
def batch_norm(w: Writer, at: Place) -> str:
    """With the running statistics, as in prediction. ONNX has the units on axis 1."""
    numbers = (at.params["gamma"], at.params["beta"], at.state["mean"], at.state["variance"])
    constants = [w.constant(np.asarray(v, np.float32), "statistics") for v in numbers]
    to, back = channels_first(at.rank)
    x = w.transpose(at.x, to)
    a = w.transpose(w.op("BatchNormalization", x, *constants, epsilon=float(at.layer.epsilon)), back)
    return w.within(a, at.lengths if at.rank > 2 else None, at.rank)


@writes(ng.LayerNorm)
def layer_norm(w: Writer, at: Place) -> str:
    gamma, beta = (w.constant(at.array(name), name) for name in ("gamma", "beta"))
    a = w.op("LayerNormalization", at.x, gamma, beta, axis=-1, epsilon=float(at.layer.epsilon))
    return w.within(a, at.lengths if at.rank > 2 else None, at.rank)


@writes(ng.GroupNorm)
def group_norm(w: Writer, at: Place) -> str:
    """By its sums: ONNX's own operator for it knows no padding."""
    lengths = at.lengths if at.rank > 2 else None
    x = w.within(at.x, lengths, at.rank)
    counted = w.within(
        w.op("Add", w.op("Mul", x, w.constant(np.float32(0))), w.constant(np.float32(1))), lengths, at.rank
    )
    units = at.array("gamma").size
    grouped = w.constant(np.array([0, -1, at.layer.groups, units // at.layer.groups], np.int64))
    x4, valid = w.op("Reshape", x, grouped), w.op("Reshape", counted, grouped)
    axes = w.constant(np.array([1, 3], np.int64))
    n = w.op("Max", w.op("ReduceSum", valid, axes), w.constant(np.float32(1)))
    centred = w.op("Mul", w.op("Sub", x4, w.op("Div", w.op("ReduceSum", x4, axes), n)), valid)
    variance = w.op("Div", w.op("ReduceSum", w.op("Mul", centred, centred), axes), n)
    spread = w.op("Sqrt", w.op("Add", variance, w.constant(np.float32(at.layer.epsilon))))
    normalised = w.op("Reshape", w.op("Div", centred, spread), w.op("Shape", at.x))
    gamma, beta = (w.constant(at.array(name), name) for name in ("gamma", "beta"))
    return w.within(w.op("Add", w.op("Mul", normalised, gamma), beta), lengths, at.rank)


@writes(ng.LocalResponseNorm)
def local_response_norm(w: Writer, at: Place) -> str:
    """ONNX's own operator is for images; elsewhere by the sums over neighbours."""
    layer = at.layer
    if at.rank == 4:
        to, back = channels_first(at.rank)
        settings = {"alpha": layer.alpha * layer.window, "beta": float(layer.beta), "bias": float(layer.k)}
        return w.transpose(w.op("LRN", w.transpose(at.x, to), size=layer.window, **settings), back)
    row = w.op("Reshape", w.op("Mul", at.x, at.x), w.constant([0, -1, at.in_shape[-1]]))
    pads = [layer.window // 2] * 2
    mean = w.op("AveragePool", row, kernel_shape=[layer.window], pads=pads, count_include_pad=1)
    squares = w.op("Reshape", scaled(w, mean, layer.alpha * layer.window), w.op("Shape", at.x))
    s = w.op("Add", squares, w.constant(np.float32(layer.k)))
    return w.op("Mul", at.x, w.op("Pow", s, w.constant(np.float32(-layer.beta))))


@writes(ng.Rescaling)
def rescaling(w: Writer, at: Place) -> str:
    offset, factor, limit = at.layer.offset, at.layer.factor, at.layer.limit
    a = w.op("Sub", at.x, w.constant(np.asarray(offset, np.float32))) if offset != 0 else at.x
    a = w.op("Mul", a, w.constant(np.asarray(factor, np.float32))) if factor != 1 else a
    return a if limit is None else w.op("Clip", a, *(w.constant(np.float32(end)) for end in (-limit, limit)))


@writes(ng.PiecewiseLinear)
def piecewise_linear(w: Writer, at: Place) -> str:
    low, high = (np.array(ends, np.float32) for ends in (at.layer.low, at.layer.high))
    if not len(low):
        return at.x
    t = w.op("Gather", at.x, w.constant(np.array(at.layer.columns, np.int64)), axis=1)
    t = w.op("Div", w.op("Sub", t, w.constant(low)), w.constant(high - low))
    t = w.op("Clip", t, *(w.constant(np.float32(end)) for end in (0, 1)))
    return w.op("Concat", at.x, t, axis=1)


@writes(ng.FeatureScale)
def scale(w: Writer, at: Place) -> str:
    return w.op("Mul", at.x, w.constant(at.array("gamma"), "gamma"))


@writes(ng.Dropout)
def dropout(w: Writer, at: Place) -> str:
    """Prediction drops nothing; the classic kind takes the share that training kept."""
    return scaled(w, at.x, 1 - at.layer.rate) if at.layer.classic else at.x


@writes(ng.GaussianNoise, ng.Augment)
def only_in_training(w: Writer, at: Place) -> str:
    return at.x


@writes(ng.Gaussian)
def gaussian(w: Writer, at: Place) -> str:
    """Prediction takes the means, the first half."""
    half = w.op("Div", w.size(at.x, -1), w.constant(np.array([2], np.int64)))
    return w.op("Slice", at.x, w.constant([0]), half, w.constant([-1]))


@writes(ng.Add)
def add(w: Writer, at: Place) -> str:
    return chain(w, "Add", at.inputs)


@writes(ng.Multiply)
def multiply(w: Writer, at: Place) -> str:
    return w.within(chain(w, "Mul", at.inputs), at.lengths, at.rank)


def chain(w: Writer, kind: str, inputs: tuple[str, ...]) -> str:
    """An operator of two inputs over several, from left to right."""
    a, *rest = inputs
    for x in rest:
        a = w.op(kind, a, x)
    return a


@writes(ng.Concatenate)
def concatenate(w: Writer, at: Place) -> str:
    return w.op("Concat", *at.inputs, axis=-1)


@writes(ng.Flatten, fixed_steps=True)
def flatten(w: Writer, at: Place) -> str:
    return w.op("Flatten", at.x, axis=1)


@writes(ng.Reshape, fixed_steps=True)
def reshape(w: Writer, at: Place) -> str:
    return w.op("Reshape", at.x, w.constant([0, *at.layer.out_shape(at.in_shape)]))


@writes(ng.Permute, fixed_steps=True)
def permute(w: Writer, at: Place) -> str:
    return w.transpose(at.x, (0, *(axis + 1 for axis in at.layer.order)))


@writes(ng.Repeat)
def repeat(w: Writer, at: Place) -> str:
    row = w.op("Unsqueeze", at.x, w.constant([1]))
    return w.op("Tile", row, w.constant([1, at.layer.steps, *(1,) * len(at.in_shape)]))


@writes(ng.DelayTaps)
def delay_taps(w: Writer, at: Place) -> str:
    """A convolution over the steps before: its filters are all zeros but for the one number that each hands on."""
    taps, d = at.layer.taps, at.in_shape[1]
    W = np.zeros((taps, d, d, taps), np.float32)
    for k in range(taps):
        W[k, range(d), range(d), taps - 1 - k] = 1
    W = W.reshape(taps * d, d, taps)
    x = w.transpose(at.x, (0, 2, 1))
    return w.transpose(w.op("Conv", x, w.constant(W, "taps"), pads=[taps - 1, 0]), (0, 2, 1))


def channels_first(rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The orders of axes that bring (N, sizes..., channels) to (N, channels, sizes...), and back."""
    return (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
