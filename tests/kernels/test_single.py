"""Plans over few examples give what plain NumPy gives, by every instruction set that this processor has."""

import contextlib
import ctypes
import itertools
import math
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netgrad as ng
from netgrad.kernels import dispatch, single
from netgrad.kernels.single import Bend, Gates, Plan

pytestmark = [
    pytest.mark.sanitize,
    pytest.mark.skipif(not single.available(), reason=f"no plans: {dispatch.status()}"),
]


def loaded():
    """What is built here and runs on this processor, by instruction set."""
    found = {}
    with contextlib.suppress(OSError):
        best = dispatch.INSTRUCTION_SETS.index(dispatch._best_instruction_set())
        for name in dispatch.INSTRUCTION_SETS[: best + 1]:
            with contextlib.suppress(OSError):
                found[name] = single.native_of(ctypes.CDLL(str(dispatch._library(name))))
    return {name: native for name, native in found.items() if native is not None}


LIBRARIES = loaded()
UNITS = st.sampled_from([1, 2, 7, 8, 16, 17, 33, 70, 130, 200])
few = settings(max_examples=15, deadline=None, derandomize=True)
each = pytest.mark.parametrize("instructions", LIBRARIES)


@contextlib.contextmanager
def run_by(instructions):
    """Plans that are made within run by this library."""
    before, single._native = single._native, lambda: LIBRARIES[instructions]
    try:
        yield
    finally:
        single._native = before


def numbers(*shape):
    """Random numbers, the same for the same shape."""
    return np.random.default_rng(shape).normal(size=shape).astype(np.float32)


def found(op, x, *more):
    """What a plan of these ops makes of x, as rows."""
    ops = (op, *more)
    return Plan(ops, x.shape[1:], (ops[-1].out_size,), len(x))(x)


def close(ours, exact, within=2e-6):
    exact = exact.reshape(ours.shape)
    np.testing.assert_allclose(ours, exact, rtol=within, atol=within * max(1, np.abs(exact).max(initial=0)))


def logistic(z):
    return 1 / (1 + np.exp(-z))


@each
@few
@given(st.integers(1, 11), st.integers(1, 3), st.integers(1, 60), UNITS, st.booleans())
def test_dense(instructions, n, rows, d, units, bias):
    x, W, b = numbers(n, rows, d), numbers(d, units), numbers(units) if bias else None
    with run_by(instructions):
        ours = found(single.dense(W, b, rows, Bend("relu")), x)
    close(ours, np.maximum(x @ W.astype(float) + (b if bias else 0), 0), 1e-5)


def windows(size, window, stride, padding, dilation=1):
    """As `netgrad.layers.window.Windows`, of square settings."""
    span = (window - 1) * dilation + 1
    out = tuple((n - span + sum(padding)) // stride + 1 for n in size)
    return SimpleNamespace(
        sizes=size,
        window=(window,) * 2,
        stride=(stride,) * 2,
        padding=(padding,) * 2,
        dilation=(dilation,) * 2,
        out=out,
    )


def seen(x, at, fill):
    """(n, height, width, channels) -> (n, out, out, window, window, channels)."""
    x = np.pad(x.astype(float), ((0, 0), *at.padding, (0, 0)), constant_values=fill)
    rows, columns = (
        (np.arange(out)[:, None] * s + np.arange(k) * gap)
        for out, s, k, gap in zip(at.out, at.stride, at.window, at.dilation, strict=True)
    )
    return x[:, rows[:, None, :, None], columns[None, :, None, :]]


@each
@few
@given(
    st.integers(1, 3), st.tuples(st.integers(7, 20), st.integers(7, 20)), st.sampled_from([1, 2, 3, 6]), UNITS,
    st.integers(1, 3), st.integers(1, 2), st.sampled_from([(0, 0), (1, 2)]), st.integers(1, 2),
)  # fmt: skip
def test_convolution(instructions, n, size, channels, filters, window, stride, padding, dilation):
    at = windows(size, window, stride, padding, dilation)
    x, W, b = numbers(n, *size, channels), numbers(window, window, channels, filters), numbers(filters)
    with run_by(instructions):
        ours = found(single.convolution(W, b, at, Bend("tanh")), x)
    close(ours, np.tanh(np.einsum("nyxabc,abcf->nyxf", seen(x, at, 0.0), W.astype(float)) + b), 1e-5)


@each
@few
@given(
    st.integers(1, 3), st.tuples(st.integers(4, 9), st.integers(4, 9)), UNITS, st.integers(1, 3), st.integers(1, 3),
    st.booleans(), st.sampled_from(single.AGGREGATIONS),
)  # fmt: skip
def test_pooling(instructions, n, size, channels, window, stride, padded, aggregation):
    at = windows(size, window, stride, (0, 1) if padded and window > 1 else (0, 0))
    x = numbers(n, *size, channels)
    with run_by(instructions):
        ours = found(single.pooling(aggregation, channels, at), x)
    pool = {"max": np.nanmax, "average": np.nanmean, "sum": np.nansum}[aggregation]
    close(ours, pool(seen(x, at, np.nan), axis=(3, 4)))


CURVES = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 1.3 * z),
    "tanh": lambda z: 1.3 * np.tanh(0.7 * z),
    "logistic": lambda z: logistic(1.3 * z),
    "silu": lambda z: z * logistic(z),
    "elu": lambda z: np.where(z > 0, z, 1.3 * np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))),
    "exp": np.exp,
    "threshold": lambda z: (z >= 1.3).astype(float),
}


@each
@pytest.mark.parametrize("name", single.ACTIVATIONS)
def test_activations(instructions, name):
    x = np.concatenate([np.linspace(-30, 30, 1001), [1e-5, -1e-5, np.nan, 0.0]]).astype(np.float32)[None]
    with run_by(instructions):
        ours = found(single.bent(Bend(name, 1.3, 0.7), x.size), x)
    with np.errstate(over="ignore"):
        exact = CURVES[name](x.astype(float))
    np.testing.assert_allclose(ours[x == x], exact[x == x], rtol=2e-6, atol=1e-12)
    assert np.isnan(ours[x != x]).all()


@each
@few
@given(st.integers(1, 4), st.integers(1, 5), UNITS)
def test_softmax_affine_and_embedding(instructions, n, rows, units):
    x, scale, shift, table = numbers(n, rows, units), numbers(units), numbers(units + 1)[1:], numbers(7, units)
    symbols = np.random.default_rng(0).integers(0, 7, (n, rows)).astype(np.float32)
    with run_by(instructions):
        probable = found(single.softmax(rows, units), x)
        moved = found(single.affine(scale, shift, rows), x)
        looked_up = found(single.embedding(table, rows), symbols)
        unknown = found(single.embedding(table, 4), np.array([[7, -1, np.nan, 2]], np.float32))
    e = np.exp(x.astype(float))
    close(probable, e / e.sum(-1, keepdims=True))
    close(moved, x * scale.astype(float) + shift)
    np.testing.assert_array_equal(looked_up.reshape(n, rows, units), table[symbols.astype(int)])
    assert np.isnan(unknown.reshape(4, units)[:3]).all()
    np.testing.assert_array_equal(unknown.reshape(4, units)[3], table[2])


def cell(kind, gates, own, state, x_t):
    """One step, and the new state (h,) or (h, c), by the equations of `netgrad.layers.cells`."""
    h = state[0]
    from_x = [x_t @ W + b for W, b in zip(gates.W, gates.b, strict=True)]
    seen = [h @ U for U in gates.U]
    z = [a + b for a, b in zip(from_x, seen, strict=True)]
    if kind == "rnn":
        return (np.tanh(z[0]),)
    if kind == "lstm":
        c = state[1]
        c = logistic(z[1] + own[1] * c) * c + logistic(z[0] + own[0] * c) * np.tanh(z[3])
        return logistic(z[2] + own[2] * c) * np.tanh(c), c
    reset, update = logistic(z[0]), logistic(z[1])
    if kind == "gru":
        candidate = np.tanh(from_x[2] + (reset * h) @ gates.U[2])
    else:
        candidate = np.tanh(from_x[2] + reset * (seen[2] + own[0]))
    return ((1 - update) * h + update * candidate,)


@each
@pytest.mark.parametrize("kind", single.GROUPS)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    st.integers(1, 2), st.integers(1, 40), st.integers(1, 9), UNITS, st.booleans(), st.booleans(),
    st.sampled_from(["sequence", "last", "state"]),
)  # fmt: skip
def test_cells(kind, instructions, n, steps, d, units, reverse, more, returns):
    count, memories = {"rnn": 1, "lstm": 4}.get(kind, 3), 2 if kind == "lstm" else 1
    scale = 1 / math.sqrt(units)
    gates = Gates(numbers(count, d, units), scale * numbers(count, units, units), numbers(count, units))
    own = {"lstm": numbers(3, units) if more else np.zeros((3, units)), "gru_reset_after": numbers(1, units)}.get(kind)
    start = numbers(memories * units) if more else None
    x = numbers(n, steps, d)
    with run_by(instructions):
        given_own = None if kind == "lstm" and not more else own
        op = single.recurrent(
            kind, gates, steps, returns=returns, reverse=reverse, start=start, own=given_own, bend=Bend("tanh")
        )
        ours = found(op, x)
    begun = np.zeros((memories, units)) if start is None else start.reshape(memories, units)
    state = tuple(np.broadcast_to(part, (n, units)).astype(float) for part in begun)
    h = np.empty((n, steps, units))
    for t in reversed(range(steps)) if reverse else range(steps):
        state = cell(kind, gates, own, state, x[:, t].astype(float))
        h[:, t] = state[0]
    close(ours, {"sequence": h, "last": state[0], "state": np.concatenate(state, -1)}[returns], 2e-5)


@each
@pytest.mark.parametrize("returns", ["sequence", "last"])
def test_two_cells_side_by_side(instructions, returns):
    gates = Gates(numbers(4, 3, 5), numbers(4, 5, 5), numbers(4, 5))
    x = numbers(2, 9, 3)
    with run_by(instructions):
        ops = [single.recurrent("lstm", gates, 9, returns=returns, reverse=reverse) for reverse in (False, True)]
        alone = [found(op, x).reshape(2, -1, 5) for op in ops]
        states = [single.recurrent("lstm", gates, 9, returns="state")] * 2
        assert single.side_by_side(*states) is None
        both = found(*single.side_by_side(*ops)[:1], x, *single.side_by_side(*ops)[1:])
        behind = single.dense(np.eye(10), None, 9 if returns == "sequence" else 1)
        through = found(single.side_by_side(*ops)[0], x, single.side_by_side(*ops)[1], behind)
    np.testing.assert_array_equal(both.reshape(2, -1, 10), np.concatenate(alone, -1))
    np.testing.assert_array_equal(through, both)


@each
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_reaches_what_it_touches(instructions, bad):
    x = np.ones((5, 6, 6, 3), np.float32)
    x[2, 5, 5, 1] = bad
    at, pool = windows((6, 6), 3, 1, (1, 1)), windows((6, 6), 2, 2, (0, 0))
    with run_by(instructions):
        ops = single.convolution(-numbers(3, 3, 3, 4), None, at, Bend("relu")), single.pooling("max", 4, pool)
        ours = found(ops[0], x, ops[1], single.softmax(9, 4))
        rest = found(ops[0], np.ones_like(x), ops[1], single.softmax(9, 4))
    assert np.isnan(ours[2].reshape(9, 4)[8]).any()
    np.testing.assert_array_equal(np.delete(ours, 2, 0), np.delete(rest, 2, 0))


def test_ops_that_do_not_fit_are_refused():
    dense = single.dense(np.eye(3), None, 2)
    with pytest.raises(ng.ShapeError, match=r"^dense takes 6 numbers an example, found 5$"):
        Plan([dense], (5,), (6,))
    with pytest.raises(ng.ShapeError, match=r"^softmax takes 7 numbers an example, found 6$"):
        Plan([dense, single.softmax(1, 7)], (6,), (7,))
    with pytest.raises(ng.ShapeError, match=r"^a plan makes 6 numbers an example in 1 steps, expected 7$"):
        Plan([dense], (2, 3), (7,))
    with pytest.raises(ng.ShapeError, match=r"in 0 steps, expected 3"):
        Plan([], (2,), (3,))


@pytest.mark.parametrize("x", [np.ones((3, 6)), np.ones((2, 5)), np.ones((1, 2, 3))])
def test_other_examples_are_refused(x):
    plan = Plan([single.dense(np.eye(6), None, 1)], (6,), (6,), 2)
    with pytest.raises(ng.ShapeError, match=r"^expected up to 2 examples of shape \(6,\), found \("):
        plan(x)


def test_as_many_examples_as_are_worth_it():
    small, large = single.dense(numbers(7, 5), None, 1), single.dense(numbers(900, 3000), None, 1)
    assert Plan([small], (7,), (5,)).most == single.MOST
    assert 1 <= Plan([large], (900,), (3000,)).most < single.MOST


def heavy(threads):
    """A plan of enough work to be shared out, and examples for it, of which no share is whole blocks."""
    W, V = numbers(60, 700) / 30, numbers(700, 33) / 30
    at = windows((8, 8), 3, 1, (1, 1))
    ops = (
        single.dense(W, None, 64),
        single.dense(V, None, 64, Bend("tanh")),
        single.convolution(numbers(3, 3, 33, 5), None, at),
    )
    return Plan(ops, (64, 60), (64, 5), 23, threads), numbers(23, 64, 60)


def test_threads_that_share_examples_out_make_no_difference():
    (alone, x), (shared, _) = heavy(1), heavy(3)
    expected = alone(x)
    for _ in range(20):
        close(shared(x), expected, 1e-5)
    np.testing.assert_array_equal(shared(x), shared(x))
    others = [heavy(3)[0] for _ in range(3)]  # of which one at a time is helped
    with ThreadPoolExecutor(3) as threads:
        for ours in threads.map(lambda plan: plan(x), others * 5):
            np.testing.assert_array_equal(ours, shared(x))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_does_without_the_threads_that_did_not_come_along():
    shared, x = heavy(3)
    expected = shared(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX and Python warn of what is tried here
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(shared(x), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(("said", "threads"), [("1", 1), ("3", 3), ("99", single.THREADS)])
def test_as_many_threads_as_xla_is_told(monkeypatch, said, threads):
    monkeypatch.setenv("NPROC", said)
    assert single._threads() == threads
    monkeypatch.setenv("NPROC", "many")
    assert 1 <= single._threads() <= single.THREADS


def test_threads_take_turns():
    gates = Gates(numbers(4, 3, 20), numbers(4, 20, 20), numbers(4, 20))
    plan = Plan([single.recurrent("lstm", gates, 50)], (50, 3), (50, 20), 4)
    inputs = [numbers(1 + i % 4, 50, 3) + i for i in range(40)]
    alone = [plan(x) for x in inputs]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(plan, itertools.chain(inputs, inputs)))
    for ours, expected in zip(together, alone * 2, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_another_library_has_no_plans():
    assert single.native_of(object()) is None
