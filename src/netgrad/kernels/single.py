"""A chain of layers over few examples, in one call of C++: what `native/single.h` runs, prepared.

The other kernels put examples into the lanes of a vector, and JAX's way into a program takes microseconds: of one
example one lane of sixteen works, and a small network is done before its program has begun. Here units stand in the
lanes, and a `Plan` holds weights in the order in which they are read, and all memory.

Each function below makes the `Op` of a layer from its arrays, or None where there is none for such settings. What
they compute is said by the layers themselves, against which the tests hold them.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from netgrad.errors import ShapeError
from netgrad.kernels.dispatch import active, library

Numbers = tuple[int, ...]
KINDS = (
    "dense", "convolution", "pooling", "affine", "softmax", "embedding", "rnn", "gru", "gru_reset_after", "lstm"
)  # fmt: skip
ACTIVATIONS = (
    "identity", "relu", "leaky_relu", "tanh", "logistic", "silu", "elu", "softplus", "exp", "threshold"
)  # fmt: skip
AGGREGATIONS = ("max", "average", "sum")
GROUPS = {"rnn": ((1, 8),), "gru": ((2, 4), (1, 8)), "gru_reset_after": ((3, 2),), "lstm": ((4, 2),)}
MOST = 64  # examples, whatever the network
WORTH = 490_000  # vector multiply-adds of each core, 70 microseconds: of more, programs over all examples are as fast
WORTH_WAKING = 140_000  # of these in all: fewer are done before another thread is awake
THREADS = 4  # at most
STEP = 300  # of these in the time that a cell's step waits for its activations
BLOCK = 2**15  # floats that the arrays between the layers may take for the examples that go through together


class Bend(NamedTuple):
    """An elementwise activation: its name in `ACTIVATIONS` and its numbers."""

    name: str = "identity"
    alpha: float = 1.0
    beta: float = 1.0


LINEAR = Bend()


@dataclass(frozen=True, eq=False)
class Op:
    """One layer over arrays of ``in_size`` numbers an example, which makes ``out_size`` of them.

    work: what one example takes, in multiply-adds of vectors. beside: it reads what the op before has read, and writes
    beside what that has written.
    """

    kind: str
    in_size: int
    out_size: int
    numbers: Numbers = ()
    arrays: tuple[np.ndarray | None, ...] = ()
    bend: Bend = LINEAR
    scratch: int = 0
    work: int = 0
    beside: bool = False


class _Op(ctypes.Structure):  # as in native/single.h
    _fields_ = (
        ("kind", ctypes.c_int32), ("activation", ctypes.c_int32), ("alpha", ctypes.c_float), ("beta", ctypes.c_float),
        ("input", ctypes.c_void_p), ("output", ctypes.c_void_p),
        ("in_size", ctypes.c_int64), ("out_size", ctypes.c_int64), ("scratch", ctypes.c_void_p),
        ("n", ctypes.c_int64 * 16), ("p", ctypes.c_void_p * 6),
    )  # fmt: skip


class _Native(NamedTuple):
    run: Any
    lanes: int
    block: int
    ahead: int


@functools.cache
def _native() -> _Native | None:
    return native_of(library())


def native_of(loaded: Any) -> _Native | None:
    """The C++ side in a library that ctypes has loaded; None where it is another than this file was written for."""
    try:
        run, layout = loaded.netgrad_run_plan, loaded.netgrad_plan_layout
    except AttributeError:
        return None
    layout.restype = ctypes.c_int64
    lanes, block, ahead, size = map(layout, range(4))
    run.restype = None
    run.argtypes = (*(ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p), *(ctypes.c_int64,) * 3)
    return _Native(run, lanes, block, ahead) if size == ctypes.sizeof(_Op) else None


def _threads() -> int:
    """How many threads share a plan's examples, at most."""
    wanted = os.environ.get("NPROC", "")
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(wanted) if wanted.isdecimal() and int(wanted) else here, THREADS)


def available() -> bool:
    """Whether plans run on this machine.

    >>> isinstance(available(), bool)
    True
    """
    return active("dense_forward") and _native() is not None


class Plan:
    """Ops in a row over some examples of ``in_shape``, run one call after the other: a lock sees to that.

    most: how many examples at most; by default as many as are faster so than by a program. threads: that share them
    out where they are enough work; by default one a processor (``NPROC``, as for XLA, says another), four at most.

    >>> ops = [dense(np.eye(2), np.ones(2), 1, Bend("relu"))] if available() else []
    >>> Plan(ops, (2,), (2,))(np.array([[1.0, -5.0]])).tolist() if ops else [[2.0, 0.0]]
    [[2.0, 0.0]]
    """

    def __init__(
        self, ops: Sequence[Op], in_shape: Numbers, out_shape: Numbers, most: int | None = None, threads: int = 0
    ):
        _check_chain(ops, math.prod(in_shape), math.prod(out_shape))
        native = _native()
        assert native is not None
        work, threads = max(1, sum(op.work for op in ops)), threads or _threads()
        if most is None:
            most = max(1, min(MOST, threads * WORTH // work))
        self.shape, self.most, self._lock, self._run = tuple(in_shape), most, threading.Lock(), native.run
        self._block = max(1, min(most, BLOCK // max(op.in_size + op.out_size for op in ops)))
        self._alone = WORTH_WAKING // work  # of so many examples and fewer one thread takes care
        self._threads = threads if most > max(self._alone, 1) else 1
        self._kept: list[Any] = []  # memory that C++ has the addresses of
        spare = native.lanes  # every array may be read and written so far beyond its end
        given, self._input = self._array((most, *in_shape), spare)
        made, self._output = self._array((most, *out_shape), spare)
        arrays = [[self._copied(array, spare) for array in op.arrays] for op in ops]
        tables = [table for _ in range(self._threads) for table in self._written(ops, arrays, spare)]
        self._table = (_Op * len(tables))(*tables)
        address = ctypes.addressof(self._table)
        self._arguments = (address, len(ops), given.ctypes.data, made.ctypes.data)

    def __call__(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        """What the network makes of x (n, *in_shape), n at most ``most``, which is converted to float32."""
        n = len(x)
        if x.shape[1:] != self.shape or n > self.most:
            raise ShapeError(f"expected up to {self.most} examples of shape {self.shape}, found {x.shape}")
        with self._lock:
            np.copyto(self._input[:n], x, casting="unsafe")
            if n <= self._alone or self._threads == 1:
                self._run(*self._arguments, n, self._block, 1)
            else:
                share = -(-n // (2 * self._threads))  # of several for each, as one may be slow to wake
                self._run(*self._arguments, n, min(self._block, share), self._threads)
            if out is None:
                return self._output[:n].copy()
            np.copyto(out, self._output[:n])
        return out

    def _array(self, shape: Numbers, spare: int) -> tuple[np.ndarray, np.ndarray]:
        """Zeros from a cache line on, and the same in this shape, without what is beyond its end."""
        size = math.prod(shape)
        whole = np.zeros(size + spare + 16, np.float32)
        start = -(whole.ctypes.data // 4) % 16
        self._kept.append(whole)
        return whole[start:], whole[start : start + size].reshape(shape)

    def _copied(self, array: np.ndarray | None, spare: int) -> int | None:
        if array is None:
            return None
        if array.dtype == np.int64:
            self._kept.append(array)
            return array.ctypes.data
        whole, view = self._array(array.shape, spare)
        view[...] = array
        return whole.ctypes.data

    def _written(self, ops: Sequence[Op], arrays: Sequence[Sequence[int | None]], spare: int) -> list[_Op]:
        """The table that a thread of C++ reads: each op with the arrays between it and its neighbours."""
        table: list[_Op] = []
        read: int | None = None  # what the network is given
        wrote: int | None = None
        for op, addresses in zip(ops, arrays, strict=True):
            if not op.beside:
                read, wrote = wrote, self._array((self._block, op.out_size), spare)[0].ctypes.data
            made = _Op(KINDS.index(op.kind), ACTIVATIONS.index(op.bend.name), op.bend.alpha, op.bend.beta)
            made.input, made.output, made.in_size, made.out_size = read, wrote, op.in_size, op.out_size
            made.scratch = self._array((op.scratch,), spare)[0].ctypes.data if op.scratch else None
            made.n[: len(op.numbers)] = op.numbers
            made.p[: len(addresses)] = addresses
            table.append(made)
        return table


def _check_chain(ops: Sequence[Op], size: int, out_size: int) -> None:
    """Refuse ops that do not fit each other: C++ would read what is not there."""
    before = read = size
    for op in ops:
        read = read if op.beside else before
        if op.in_size != read or (op.beside and op.out_size != before):
            raise ShapeError(f"{op.kind} takes {op.in_size} numbers an example, found {read}")
        before = op.out_size
    if not ops or before != out_size:
        raise ShapeError(f"a plan makes {before} numbers an example in {len(ops)} steps, expected {out_size}")


# --- the ops


def dense(W: Any, b: Any, rows: int, bend: Bend = LINEAR) -> Op:
    """f(x W + b) for each of ``rows`` rows of an example: x (rows, d), W (d, units), b (units,) or None."""
    W, (d, units) = np.asarray(W, np.float32), np.shape(W)
    arrays, work = (_packed(W), _filled(b, units)), rows * d * _vectors(units)
    return Op("dense", rows * d, rows * units, (rows, d, units), arrays, bend, work=work)


def convolution(W: Any, b: Any, at: Any, bend: Bend = LINEAR) -> Op:
    """f of W (k_1, k_2, channels, filters) over an image; where, says `netgrad.layers.window.Windows`."""
    W = np.array(W, np.float32)
    (kh, kw, channels, filters), (height, width) = W.shape, at.sizes
    out, whole = at.out, tuple(n + sum(pair) for n, pair in zip(at.sizes, at.padding, strict=True))
    if at.window == at.stride == (1, 1) and whole == at.sizes:
        return dense(W[0, 0], b, height * width, bend)
    down, across = (np.arange(k) * gap for k, gap in zip((kh, kw), at.dilation, strict=True))
    starts = down[:, None] * whole[1] + (0 if at.dilation[1] == 1 else across)
    offsets = np.ascontiguousarray(starts.reshape(-1) * channels, np.int64)
    run = kw * channels if at.dilation[1] == 1 else channels
    numbers = (
        height, width, channels, at.padding[0][0], at.padding[1][0], whole[1], *out, *at.stride, filters,
        len(offsets), run,
    )  # fmt: skip
    return Op(
        "convolution",
        height * width * channels,
        math.prod(out) * filters,
        numbers,
        (_packed(W.reshape(-1, filters)), _filled(b, filters), offsets),
        bend,
        scratch=math.prod(whole) * channels if whole != at.sizes else 0,
        work=math.prod(out) * len(W) * kw * channels * _vectors(filters) * 3 // 2,  # loads are as many
    )


def pooling(aggregation: str, channels: int, at: Any) -> Op:
    """Each window's "max", "average" or "sum", of each channel; ``at`` as for `convolution`."""
    before = (pair[0] for pair in at.padding)
    numbers = (*at.sizes, channels, *at.window, *at.stride, *before, *at.out, AGGREGATIONS.index(aggregation))
    sizes, work = (math.prod(at.sizes) * channels, math.prod(at.out) * channels), math.prod((*at.out, *at.window))
    return Op("pooling", *sizes, numbers, work=work * _vectors(channels))


def affine(scale: Any, shift: Any, rows: int, bend: Bend = LINEAR) -> Op:
    """f(scale x + shift) of x (rows, channels), by channel."""
    channels = len(scale)
    arrays = (_filled(scale, channels), _filled(shift, channels))
    return Op(
        "affine", rows * channels, rows * channels, (rows, channels), arrays, bend, work=rows * 4 * _vectors(channels)
    )


def bent(bend: Bend, size: int) -> Op:
    """f of every number."""
    return Op("affine", size, size, (1, size), (), bend, work=20 * _vectors(size))


def softmax(rows: int, units: int) -> Op:
    """e^x / sum e^x over each row of x (rows, units)."""
    return Op("softmax", rows * units, rows * units, (rows, units), work=rows * 40 * _vectors(units))


def embedding(W: Any, count: int) -> Op:
    """The rows of W (symbols, units) with these numbers; NaN where there is no such row."""
    symbols, units = np.shape(W)
    table = np.asarray(W, np.float32)
    return Op("embedding", count, count * units, (count, symbols, units), (table,), work=count * 4 * _vectors(units))


class Gates(NamedTuple):
    """A cell's weights by gate: each W (d, units), U (units, units) and b (units,)."""

    W: Sequence[Any]
    U: Sequence[Any]
    b: Sequence[Any]


def recurrent(
    kind: str,
    gates: Gates,
    steps: int,
    *,
    returns: str = "sequence",
    reverse: bool = False,
    start: Any = None,
    own: Any = None,
    bend: Bend = LINEAR,
) -> Op:
    """A cell, "rnn", "gru", "gru_reset_after" or "lstm", over x (steps, d): h at every step, the last, or the state.

    start: the state that it begins with, h or h and c side by side; zeros by default. own: (k, units), an LSTM's
    peepholes of input, forget and output gate, the candidate's b_h of "gru_reset_after". returns, reverse: as
    `netgrad.layers.recurrent.Recurrent`.
    """
    native = _native()
    assert native is not None
    W, U, b = (np.stack([np.asarray(a, np.float32) for a in arrays]) for arrays in gates)
    (_, d, units), memories = W.shape, 2 if kind == "lstm" else 1
    filled = -(-units // native.lanes) * native.lanes
    first = 0
    columns: list[list[np.ndarray]] = [[], []]
    packed: list[np.ndarray] = []
    for count, most in GROUPS[kind]:  # those of a GRU's candidate stand behind those of its other gates
        own_gates = slice(first, first + count)
        groups = [_grouped(a[own_gates], most * native.lanes, filled) for a in (W, U, b[:, None])]
        columns[0] += groups[0]
        columns[1] += groups[2]
        packed.append(np.concatenate([part.reshape(-1) for part in groups[1]]))
        first += count
    wide, shift = (np.concatenate(parts, axis=1) for parts in columns)
    begun = np.zeros((memories, filled), np.float32)
    if start is not None:
        begun[:, :units] = np.reshape(np.asarray(start), (memories, units))
    if own is not None:
        own = np.pad(np.asarray(own, np.float32), ((0, 0), (0, filled - units)))
    answer = ("sequence", "last", "state").index(returns)
    out_size = (steps * units, units, memories * units)[answer]
    numbers = (steps, d, units, wide.shape[1], int(reverse), answer, units, 0)
    arrays = (_packed(wide), shift.reshape(-1), packed[0], begun, own, packed[1] if len(packed) > 1 else None)
    scratch = native.ahead * wide.shape[1] + (2 * memories + 2) * filled
    work = steps * (STEP + (d + units) * wide.shape[1] // native.lanes)
    return Op(kind, steps * d, out_size, numbers, arrays, bend, scratch, work)


def side_by_side(first: Op, second: Op) -> tuple[Op, Op] | None:
    """Two cells of one size over the same sequence, what they return side by side; None for whole states of LSTMs."""
    units, answer = first.numbers[2], first.numbers[5]
    if answer == 2 and first.out_size > units:
        return None
    size = 2 * first.out_size
    placed = (
        replace(op, out_size=size, numbers=(*op.numbers[:6], 2 * units, at)) for op, at in ((first, 0), (second, units))
    )
    one, other = placed
    return one, replace(other, beside=True)


# --- the order of weights


def _vectors(units: int) -> int:
    native = _native()
    assert native is not None
    return -(-units // native.lanes)


def _packed(W: np.ndarray) -> np.ndarray:
    """(d, units) as native/single.h reads it: blocks of columns, row by row, filled up with zeros."""
    native = _native()
    assert native is not None
    units = W.shape[1]
    W = np.pad(W, ((0, 0), (0, -units % native.lanes)))
    block = native.block * native.lanes
    return np.concatenate([W[:, first : first + block].reshape(-1) for first in range(0, units, block)])


def _filled(b: Any, units: int) -> np.ndarray:
    """A number for each unit, zeros where there are none, up to whole vectors."""
    native = _native()
    assert native is not None
    made = np.zeros(-(-units // native.lanes) * native.lanes, np.float32)
    if b is not None:
        made[:units] = b
    return made


def _grouped(gates: np.ndarray, block: int, filled: int) -> list[np.ndarray]:
    """(gates, d, units) as matrices (d, gates * up to ``block``): units in blocks, all gates of a block in one."""
    gates = np.pad(gates, ((0, 0), (0, 0), (0, filled - gates.shape[2])))
    blocks = (gates[:, :, first : first + block] for first in range(0, filled, block))
    return [np.concatenate(list(part), axis=1) for part in blocks]
