"""How ONNX says a glimpse of a picture: two products with Gaussian filters, which are softmaxes."""

from __future__ import annotations

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.rules import Place, writes
from netgrad.exchange.writer import Writer
from netgrad.layers.glimpse import AIM

FIRST, LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # where the channels stand


@writes(ng.GlimpseRead)
def glimpse_read(w: Writer, at: Place) -> str:
    several = isinstance(at.in_shape[0], tuple)
    height, width, _ = at.in_shape[0] if several else at.in_shape
    aim = at.inputs[1] if several else w.constant(np.zeros((1, AIM), np.float32))
    along_y, along_x = filters(w, aim, at.layer.size, (height, width))
    image = w.transpose(at.x, FIRST)
    patch = w.op("MatMul", w.op("MatMul", along_y, image), w.op("Transpose", along_x, perm=(0, 1, 3, 2)))
    return w.transpose(w.op("Mul", patch, strength(w, aim)), LAST)


@writes(ng.GlimpseWrite)
def glimpse_write(w: Writer, at: Place) -> str:
    patch, aim = at.inputs
    along_y, along_x = filters(w, aim, at.in_shape[0][0], (at.layer.height, at.layer.width))
    rows = w.op("MatMul", w.op("Transpose", along_y, perm=(0, 1, 3, 2)), w.transpose(patch, FIRST))
    return w.transpose(w.op("Div", w.op("MatMul", rows, along_x), strength(w, aim)), LAST)


def filters(w: Writer, aim: str, size: int, lengths: tuple[int, int]) -> list[str]:
    """Those along both axes, (N, 1, size, length)."""
    stride = w.op("Mul", w.op("Exp", number(w, aim, 3)), w.constant(np.float32((max(lengths) - 1) / (size - 1))))
    places = w.op("Mul", stride, w.constant((np.arange(size) - (size - 1) / 2).astype(np.float32)[:, None]))
    twice = w.op("Mul", w.op("Exp", number(w, aim, 2)), w.constant(np.float32(-2)))
    made = []
    for axis, length in enumerate(lengths):
        middle = w.op("Mul", number(w, aim, axis), w.constant(np.float32((length + 1) / 2)))
        centres = w.op("Add", w.op("Add", middle, w.constant(np.float32((length - 1) / 2))), places)
        away = w.op("Sub", w.constant(np.arange(length, dtype=np.float32)), centres)
        made.append(w.op("Softmax", w.op("Div", w.op("Mul", away, away), twice), axis=3))
    return made


def strength(w: Writer, aim: str) -> str:
    return w.op("Exp", number(w, aim, 4))


def number(w: Writer, aim: str, i: int) -> str:
    """One of the numbers that say where, (N, 1, 1, 1)."""
    return w.op("Unsqueeze", w.op("Gather", aim, w.constant([i]), axis=1), w.constant([2, 3]))
