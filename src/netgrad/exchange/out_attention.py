"""How ONNX says attention and positions: products, a softmax, and masks of which steps are there."""

from __future__ import annotations

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.onnx_library import onnx
from netgrad.exchange.rules import Place, writes
from netgrad.exchange.writer import Writer

FAR = np.float32(-1e30)  # a score whose exponential is 0 beside any other


@writes(ng.Attention)
def attention(w: Writer, at: Place) -> str:
    """One product after the other, as `Attention` has them."""
    layer, several = at.layer, len(at.inputs) > 1
    queries, asked = at.x, at.lengths
    memory, given = (at.inputs[1], at.told[1]) if several else (queries, asked)
    x = w.within(queries, asked, 3)
    m = w.within(memory, given, 3) if several else x
    units = at.array("W_o").shape[0]
    q, k, v = (
        _heads(w, _dense(w, at, name, value), layer.heads, units) for name, value in (("q", x), ("k", m), ("v", m))
    )
    if layer.score == "dot":
        scores = w.op("MatMul", q, w.transpose(k, (0, 1, 3, 2)))
        scores = w.op("Mul", scores, w.constant(np.float32((units // layer.heads) ** -0.5)))
    else:
        apart = w.op("Unsqueeze", q, w.constant([3])), w.op("Unsqueeze", k, w.constant([2]))
        W_s = w.constant(at.array("W_s")[:, None, None], "W_s")
        bent = w.op("Mul", w.op("Tanh", w.op("Add", *apart)), W_s)
        scores = w.op("ReduceSum", bent, w.constant([4]), keepdims=0)
    masks = []
    if layer.causal:
        step = w.op("Unsqueeze", _steps(w, queries), w.constant([1]))
        masks.append(w.op("LessOrEqual", _steps(w, memory), step))
    if given is not None:
        masks.append(w.op("Unsqueeze", w.valid_steps(memory, given, 2), w.constant([1, 2])))
    for mask in masks:
        scores = w.op("Where", mask, scores, w.constant(FAR))
    found = w.op("MatMul", w.op("Softmax", scores, axis=-1), v)
    attended = w.op("Reshape", w.transpose(found, (0, 2, 1, 3)), w.constant([0, 0, units]))
    a = w.within(_dense(w, at, "o", attended), asked, 3)
    if given is None or not several:
        return a
    any_given = w.op("Greater", w.op("Cast", given, to=onnx().TensorProto.INT64), w.constant(np.int64(0)))
    return w.op("Where", w.op("Unsqueeze", any_given, w.constant([1, 2])), a, w.constant(np.float32(0)))


def _dense(w: Writer, at: Place, name: str, x: str) -> str:
    z = w.op("MatMul", x, w.constant(at.array(f"W_{name}"), f"W_{name}"))
    return w.op("Add", z, w.constant(at.array(f"b_{name}"), f"b_{name}")) if f"b_{name}" in at.params else z


def _heads(w: Writer, x: str, heads: int, units: int) -> str:
    """(N, T, units) -> (N, heads, T, c)."""
    return w.transpose(w.op("Reshape", x, w.constant([0, 0, heads, units // heads])), (0, 2, 1, 3))


def _steps(w: Writer, x: str) -> str:
    """0, 1, ... for each step of x (N, T, ...), int64."""
    end = w.op("Squeeze", w.size(x, 1))
    return w.op("Range", w.constant(np.int64(0)), end, w.constant(np.int64(1)))


@writes(ng.Positions)
def positions(w: Writer, at: Place) -> str:
    """Rows of the learned ones, or sines and cosines by turns."""
    t, d = _steps(w, at.x), at.in_shape[-1]
    if at.params:
        p = w.op("Gather", w.constant(at.array("W"), "W"), t, axis=0)
    else:
        i = np.arange(d) // 2 * 2
        rate = w.constant((1 / 10000 ** (i / d)).astype(np.float32), "rates")
        step = w.op("Cast", t, to=onnx().TensorProto.FLOAT)
        angle = w.op("Mul", w.op("Unsqueeze", step, w.constant([1])), rate)
        odd = w.op("Greater", w.constant((np.arange(d) % 2).astype(np.float32)), w.constant(np.float32(0)))
        p = w.op("Where", odd, w.op("Cos", angle), w.op("Sin", angle))
    return w.within(w.op("Add", at.x, p), at.lengths, 3)
