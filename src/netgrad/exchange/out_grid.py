"""How ONNX says the grid of two sequences, and what makes one sequence of it."""

from __future__ import annotations

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.out_windows import LOWEST
from netgrad.exchange.rules import Place, writes
from netgrad.exchange.writer import Writer


@writes(ng.Grid)
def grid(w: Writer, at: Place) -> str:
    """Each sequence repeated along the other's steps."""
    (source, target), (read, written) = at.inputs, at.told
    one, steps = w.constant([1]), (w.size(source, 1), w.size(target, 1))
    rows = w.op("Unsqueeze", w.within(source, read, 3), w.constant([2]))
    columns = w.op("Unsqueeze", w.within(target, written, 3), w.constant([1]))
    rows = w.op("Expand", rows, w.op("Concat", one, one, steps[1], one, axis=0))
    columns = w.op("Expand", columns, w.op("Concat", one, steps[0], one, one, axis=0))
    a = w.within(w.op("Concat", rows, columns, axis=3), read, 4)
    if written is None:
        return a
    there = w.op("Unsqueeze", w.valid_steps(target, written, 3), w.constant([1]))
    return w.op("Where", there, a, w.constant(np.float32(0)))


@writes(ng.GridPool)
def grid_pool(w: Writer, at: Place) -> str:
    kind, read = at.layer.aggregation, at.told[0]
    x = w.within(at.x, read, 4, LOWEST if kind == "max" else 0.0)
    if kind in ("max", "norm"):
        return w.op({"max": "ReduceMax", "norm": "ReduceL2"}[kind], x, axes=[1], keepdims=0)
    total = w.op("ReduceSum", x, w.constant([1]), keepdims=0)
    if kind == "sum":
        return total
    if read is None:
        return w.op("ReduceMean", x, axes=[1], keepdims=0)
    count = w.op("Unsqueeze", w.op("Cast", read, to=1), w.constant([1, 2]))
    return w.op("Div", total, w.op("Max", count, w.constant(np.float32(1))))


@writes(ng.GridAttention)
def grid_attention(w: Writer, at: Place) -> str:
    """Products, a softmax over the source's steps, and the weighted sum."""
    read = at.told[0]
    x = w.within(at.x, read, 4)
    z = w.op("Add", w.op("MatMul", x, w.constant(at.array("W"), "W")), w.constant(at.array("b"), "b"))
    scores = w.op("MatMul", w.op("Tanh", z), w.constant(at.array("W_s")[:, None], "W_s"))
    if read is not None:
        scores = w.op("Where", w.valid_steps(x, read, 4), scores, w.constant(np.float32(-1e30)))
    weights = w.op("Softmax", scores, axis=1)
    return w.op("ReduceSum", w.op("Mul", weights, x), w.constant([1]), keepdims=0)
