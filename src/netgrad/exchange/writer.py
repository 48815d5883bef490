"""An ONNX graph while it is being written: its operators, its constants, and fresh names for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from netgrad.exchange.onnx_library import onnx

OPSET = 17  # of 2022: understood by every runtime in use, and the first with LayerNormalization


class Writer:
    """Collects operators in the order in which they are to run. Values are known by their names, which are strings.

    The body of a loop is written by a writer of its own, made by `inner`, that shares constants and names with this
    one.
    """

    def __init__(self, outer: Writer | None = None):
        self.nodes: list[Any] = []
        self.scope = ""
        self.constants: dict[str, np.ndarray] = {} if outer is None else outer.constants
        self._known: dict[tuple, str] = {} if outer is None else outer._known
        self._counts: dict[str, int] = {} if outer is None else outer._counts
        self._turned: dict[str, tuple[str, tuple[int, ...]]] = {}

    def inner(self) -> Writer:
        """A writer for the body of a loop."""
        inner = Writer(self)
        inner.scope = f"{self.scope}/step"
        return inner

    def name(self, what: str) -> str:
        """A name that no other value has."""
        stem = f"{self.scope}/{what}"
        self._counts[stem] = self._counts.get(stem, 0) + 1
        return stem if self._counts[stem] == 1 else f"{stem}_{self._counts[stem]}"

    def op(self, kind: str, *inputs: str, outputs: Sequence[str] | None = None, **settings: Any) -> str:
        """Append an operator and return the name of its output; an input of "" is one left out."""
        names = list(outputs) if outputs is not None else [self.name(kind)]
        settings = {key: value for key, value in settings.items() if value is not None}
        self.nodes.append(onnx().helper.make_node(kind, list(inputs), names, self.name(f"{kind}_node"), **settings))
        return names[0]

    def constant(self, value: Any, what: str = "constant") -> str:
        """A constant: numbers of any float type become float32, integers int64."""
        value = np.asarray(value)
        value = np.ascontiguousarray(value, np.int64 if value.dtype.kind in "iu" else np.float32).reshape(value.shape)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._known:
            self._known[key] = self.name(what)
            self.constants[self._known[key]] = value
        return self._known[key]

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """The axes of x in another order; two that undo each other leave nothing behind."""
        order = tuple(order)
        source, before = self._turned.get(x, (x, tuple(range(len(order)))))
        whole = tuple(before[i] for i in order)
        if whole == tuple(range(len(order))):
            return source
        y = self.op("Transpose", source, perm=whole)
        self._turned[y] = (source, whole)
        return y

    def size(self, x: str, axis: int) -> str:
        """How long x is along an axis, when the graph runs: an int64 vector of one number."""
        return self.op("Gather", self.op("Shape", x), self.constant([axis]))

    def valid_steps(self, x: str, lengths: str, rank: int) -> str:
        """Which steps of x (N, T, ...) lie within its sequences, (N, T, 1, ...)."""
        axis = self.constant(np.int64(0))
        steps = self.op("Squeeze", self.size(x, 1))
        steps = self.op("Range", axis, steps, self.constant(np.int64(1)))
        reached = self.op("Unsqueeze", self.op("Cast", lengths, to=onnx().TensorProto.INT64), self.constant([1]))
        mask = self.op("Less", steps, reached)
        return self.op("Unsqueeze", mask, self.constant(list(range(2, rank)))) if rank > 2 else mask

    def within(self, x: str, lengths: str | None, rank: int, otherwise: float = 0.0) -> str:
        """x with this number in the padding of its sequences; x itself where there are no lengths."""
        if lengths is None:
            return x
        return self.op("Where", self.valid_steps(x, lengths, rank), x, self.constant(np.float32(otherwise)))


def needed(nodes: Sequence[Any], outputs: Sequence[str]) -> list[Any]:
    """Those operators that the outputs depend on."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(read_by(node))
    return kept[::-1]


def read_by(node: Any) -> set[str]:
    """The values that an operator reads, those that the body of its loop takes from outside included."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in attribute.g.node:
            names |= read_by(inner)
    return names
