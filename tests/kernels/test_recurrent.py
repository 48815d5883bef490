"""The recurrent kernels: the twins against autodiff in float64, the native code against the twins."""

from __future__ import annotations

import functools
import unittest.mock

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netgrad import kernels
from netgrad.errors import NetgradError
from netgrad.kernels import recurrent as R
from netgrad.kernels import recurrent_call
from netgrad.kernels import recurrent_gradients as G
from netgrad.kernels import recurrent_twins as twins

GATES = {"rnn": 1, "forget_gate": 2, "lstm": 4, "gru": 3}
CELLS = tuple(GATES)


def problem(cell, seed, n, steps, d, units, dtype=np.float32):
    """A random instance: inputs, weights, states, lengths and the gradients that come from outside."""
    rng = np.random.default_rng(seed)
    k = GATES[cell] * units

    def normal(*shape):
        return jnp.asarray(rng.normal(size=shape), dtype)

    p = {
        "x": normal(n, steps, d),
        "W": normal(d, k) / np.sqrt(d),
        "U": normal(units, k) / np.sqrt(units),
        "b": normal(k) / 2,
        "h0": normal(n, units),
        "lengths": jnp.asarray(rng.integers(0, steps + 1, n), jnp.int32),
        "d_h": normal(n, steps, units),
        "d_h_last": normal(n, units),
    }
    if cell == "lstm":
        p |= {"peepholes": normal(3, units) / 2, "c0": normal(n, units), "d_c_last": normal(n, units)}
    return p


def forward(cell, p, reverse=False, activation="tanh"):
    """All outputs of the forward function, as a tuple."""
    x, W, U, b, h0, lengths = (p[k] for k in ("x", "W", "U", "b", "h0", "lengths"))
    if cell == "rnn":
        return (R.rnn_forward(x, W, U, b, h0, lengths, activation=activation, reverse=reverse),)
    if cell == "lstm":
        return R.lstm_forward(x, W, U, b, h0, p["c0"], lengths, peepholes=p["peepholes"], reverse=reverse)
    function = R.gru_forward if cell == "gru" else R.forget_gate_forward
    return function(x, W, U, b, h0, lengths, reverse=reverse)


def gradients(cell, p, outputs, reverse=False, activation="tanh"):
    """What a layer's backward rule computes, by name."""
    x, U, h0, lengths, d_h = (p[k] for k in ("x", "U", "h0", "lengths", "d_h"))
    h = outputs[0]
    same = {"d_h_last": p["d_h_last"], "reverse": reverse}
    g = {}
    if cell == "rnn":
        delta, g["h0"] = R.rnn_backward(d_h, U, h, h0, lengths, activation=activation, **same)
    elif cell == "lstm":
        _, c, gates = outputs
        delta, g["h0"], g["c0"] = R.lstm_backward(
            d_h, U, c, gates, p["c0"], lengths, peepholes=p["peepholes"], d_c_last=p["d_c_last"], **same
        )
        g["peepholes"] = G.peephole_gradients(c, delta, p["c0"], lengths, reverse=reverse)
    else:
        function = R.gru_backward if cell == "gru" else R.forget_gate_backward
        delta, g["h0"] = function(d_h, U, h, outputs[1], h0, lengths, **same)
    if cell == "gru":
        dW, dU, db = G.gru_weight_gradients(x, h, outputs[1], delta, h0, lengths, reverse=reverse)
    else:
        dW, dU, db = G.weight_gradients(x, h, delta, h0, lengths, reverse=reverse)
    g |= {"x": G.input_gradient(delta, p["W"]), "W": dW, "U": dU, "b": db}
    return g | {"delta": delta, "in one pass": in_one_pass(cell, p, outputs, reverse, activation)}


def in_one_pass(cell, p, outputs, reverse, activation):
    """The gradients of weights and start without delta, by name."""
    x, U, h0, lengths, d_h = (p[k] for k in ("x", "U", "h0", "lengths", "d_h"))
    same = {"d_h_last": p["d_h_last"], "reverse": reverse}
    if cell == "rnn":
        found = G.rnn_gradients(d_h, U, outputs[0], x, h0, lengths, activation=activation, **same)
    elif cell == "lstm":
        h, c, gates = outputs
        of_c = {"peepholes": p["peepholes"], "d_c_last": p["d_c_last"]}
        found = G.lstm_gradients(d_h, U, c, gates, x, h, h0, p["c0"], lengths, **of_c, **same)
    else:
        function = G.gru_gradients if cell == "gru" else G.forget_gate_gradients
        found = function(d_h, U, *outputs, x, h0, lengths, **same)
    return dict(zip(("W", "U", "b", "h0", "c0"), found, strict=False))


@functools.partial(jax.jit, static_argnames=("cell", "reverse", "activation"))
def everything(cell, p, reverse=False, activation="tanh"):
    outputs = forward(cell, p, reverse, activation)
    return outputs, gradients(cell, p, outputs, reverse, activation)


def error(cell, p, trainable, reverse, activation):
    """A scalar whose gradient at the states is d_h, d_h_last and d_c_last."""
    p = p | trainable
    outputs = forward(cell, p, reverse, activation)
    last = R.last_state(outputs[0], p["h0"], p["lengths"], reverse=reverse)
    e = (outputs[0] * p["d_h"]).sum() + (last * p["d_h_last"]).sum()
    if cell == "lstm":
        e += (R.last_state(outputs[1], p["c0"], p["lengths"], reverse=reverse) * p["d_c_last"]).sum()
    return e


CASES = [(cell, "tanh") for cell in CELLS] + [("rnn", f) for f in ("relu", "logistic", "identity")]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("cell", "activation"), CASES)
def test_the_rules_are_the_gradients_of_the_forward_equations(cell, activation, reverse):
    with jax.enable_x64(True):
        p = problem(cell, 1, n=4, steps=5, d=3, units=2, dtype=np.float64)
        p["lengths"] = jnp.array([5, 0, 3, 1], jnp.int32)
        _, got = everything(cell, p, reverse, activation)
        whole = got.pop("in one pass")
        trainable = {name: p[name] for name in got if name != "delta"}
        wanted = jax.grad(functools.partial(error, cell, p, reverse=reverse, activation=activation))(trainable)
        for name, value in wanted.items():
            np.testing.assert_allclose(got[name], value, rtol=1e-10, atol=1e-10, err_msg=name)
            np.testing.assert_allclose(whole.get(name, value), value, rtol=1e-10, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_each_sequence_run_alone_without_its_padding(cell, reverse):
    p = problem(cell, 2, n=5, steps=6, d=3, units=4)
    p["lengths"] = jnp.array([6, 4, 1, 3, 6], jnp.int32)
    outputs = forward(cell, p, reverse)
    for i, steps in enumerate(p["lengths"].tolist()):
        alone = {k: v[i : i + 1] if k in ("h0", "c0") else v for k, v in p.items()}
        x = p["x"][i : i + 1, :steps]
        alone |= {"x": x[:, ::-1] if reverse else x, "lengths": jnp.array([steps], jnp.int32)}
        for whole, one in zip(outputs, forward(cell, alone), strict=True):
            one = one[:, ::-1] if reverse else one
            np.testing.assert_allclose(whole[i, :steps], one[0], rtol=1e-5, atol=1e-6)
            assert not np.any(whole[i, steps:])


def padded(p, value):
    """The same problem with `value` in every place that belongs to no sequence."""
    valid = jnp.arange(p["x"].shape[1]) < p["lengths"][:, None]
    return p | {k: jnp.where(valid[..., None], p[k], value) for k in ("x", "d_h")}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_what_the_padding_holds_does_not_matter(cell, reverse):
    p = problem(cell, 3, n=19, steps=7, d=3, units=5)
    zeros, nans = padded(p, 0.0), padded(p, jnp.nan)
    clean = everything(cell, zeros, reverse)
    outputs = forward(cell, nans, reverse)
    valid = (jnp.arange(7) < p["lengths"][:, None])[..., None]
    nan_outputs = tuple(jnp.where(valid, o, jnp.nan) for o in outputs)
    got = gradients(cell, nans, nan_outputs, reverse)
    assert_same((outputs, got), clean)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_passes_through_and_stays_with_its_example(cell, bad):
    p = problem(cell, 4, n=20, steps=4, d=2, units=3)
    p["lengths"] = jnp.full(20, 4, jnp.int32)
    p["x"] = p["x"].at[7, 2, 0].set(bad)
    p["W"] = p["W"].at[0].set(0.0)  # infinity times zero is NaN
    outputs, g = everything(cell, p)
    for name, value in (("h", outputs[0]), ("delta", g["delta"])):
        assert np.isnan(value[7, 2:]).any(), name
        assert np.isfinite(np.delete(value, 7, axis=0)).all(), name
    assert np.isnan(g["U"]).any()
    assert np.isnan(g["W"]).any()


def by_twins(cell, p, reverse, activation="tanh"):
    """`everything`, in plain JAX."""
    run = lambda name, *arrays, **attributes: getattr(twins, name)(*arrays, **attributes)  # noqa: E731
    with unittest.mock.patch.object(recurrent_call, "run", run):
        return jax.jit(lambda p: everything.__wrapped__(cell, p, reverse, activation))(p)


def assert_same(got, wanted):
    """Equal to float32 rounding, relative to the largest element."""
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.sanitize
@pytest.mark.parametrize(("cell", "activation"), CASES)
@hypothesis.given(
    seed=st.integers(0, 2**32 - 1),
    n=st.sampled_from([3, 5, 16, 17, 32, 37, 67]),
    steps=st.sampled_from([1, 2, 5, 9]),
    d=st.sampled_from([1, 2, 7, 19]),
    units=st.sampled_from([1, 3, 8, 13, 29]),
    reverse=st.booleans(),
)
@hypothesis.settings(max_examples=4, deadline=None)
def test_native_equals_twin(cell, activation, seed, n, steps, d, units, reverse):
    p = problem(cell, seed, n, steps, d, units)
    assert_same(everything(cell, p, reverse, activation), by_twins(cell, p, reverse, activation))


@pytest.mark.sanitize
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_native_equals_twin_with_many_units(cell, reverse):
    p = problem(cell, 6, n=37, steps=6, d=70, units=130)
    assert_same(everything(cell, p, reverse), by_twins(cell, p, reverse))


@pytest.mark.sanitize
@pytest.mark.parametrize(
    ("n", "steps", "d", "k"), [(1, 1, 1, 1), (3, 1, 1, 1), (5, 3, 4, 7), (50, 4, 20, 7), (40, 3, 90, 130), (0, 2, 3, 4)]
)
def test_dense_over_sequences_equals_twin(n, steps, d, k):
    rng = np.random.default_rng(12)
    x, W, b, delta = (
        jnp.asarray(rng.normal(size=size), jnp.float32) for size in ((n, steps, d), (d, k), (k,), (n, steps, k))
    )
    assert_same(G.sequence_dense_forward(x, W, b), twins.sequence_dense_forward(x, W, b))
    assert_same(G.sequence_dense_gradients(x, delta), twins.sequence_dense_gradients(x, delta))
    assert_same(G.input_gradient(delta, W), twins.input_gradient(delta, W))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("n", "steps"), [(0, 3), (3, 0)])
def test_nothing_in_nothing_out(cell, n, steps):
    p = problem(cell, 7, n, steps, d=2, units=3)
    assert_same(everything(cell, p), by_twins(cell, p, False))


@pytest.mark.parametrize("cell", CELLS)
def test_one_example_runs_as_plain_jax(cell):
    p = problem(cell, 7, n=1, steps=3, d=2, units=3)
    assert "netgrad_" not in everything.lower(cell, p).as_text()
    three = problem(cell, 7, n=3, steps=3, d=2, units=3)
    assert ("netgrad_" in everything.lower(cell, three).as_text()) == kernels.active("lstm_forward")


@pytest.mark.sanitize
@pytest.mark.parametrize("cell", CELLS)
def test_lengths_beyond_the_last_step_mean_all_steps(cell):
    p = problem(cell, 8, n=3, steps=4, d=2, units=3)
    full, beyond = (p | {"lengths": jnp.full(3, length, jnp.int32)} for length in (4, 99))
    assert_same(everything(cell, beyond), everything(cell, full))
    negative, empty = (p | {"lengths": jnp.full(3, length, jnp.int32)} for length in (-7, 0))
    assert_same(everything(cell, negative), everything(cell, empty))


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_inside_jit_scan_and_vmap(cell):
    problems = [problem(cell, seed, n=18, steps=4, d=3, units=5) for seed in (9, 10)]
    wanted = [everything.__wrapped__(cell, p) for p in problems]  # not jitted
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *problems)

    scanned = jax.lax.scan(lambda _, p: (None, everything(cell, p)), None, stacked)[1]
    mapped = jax.vmap(functools.partial(everything, cell))(stacked)
    for i, (p, expected) in enumerate(zip(problems, wanted, strict=True)):
        assert_same(everything(cell, p), expected)
        assert_same(jax.tree.map(lambda a, i=i: a[i], scanned), expected)
        assert_same(jax.tree.map(lambda a, i=i: a[i], mapped), expected)


@pytest.mark.parametrize("cell", CELLS)
def test_the_same_bits_on_every_run(cell):
    p = problem(cell, 11, n=100, steps=6, d=7, units=20)
    first = everything(cell, p)
    for _ in range(3):
        for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(everything(cell, p)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_wrong_shape_is_one_line_that_names_it():
    p = problem("lstm", 5, n=2, steps=3, d=4, units=3)
    with pytest.raises(NetgradError, match=r"W has shape \(4, 5\), expected \(4, 12\)"):
        forward("lstm", p | {"W": p["W"][:, :5]})
    with pytest.raises(NetgradError, match="lengths"):
        forward("lstm", p | {"lengths": jnp.zeros(3, jnp.int32)})
    with pytest.raises(NetgradError, match="did you mean 'tanh'"):
        R.rnn_forward(p["x"], p["W"], p["U"], p["b"], activation="tahn")
