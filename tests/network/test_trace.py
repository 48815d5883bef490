"""The trace: names, shapes, and numbers that can be computed by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.compiling import compilations
from netgrad.network import forward


@pytest.fixture
def model():
    net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)])
    return ng.untrained(net, np.eye(4), np.array([0, 1, 1, 0]), loss="softmax_cross_entropy")


def test_every_quantity_by_name(model):
    trace = model.trace(np.eye(4), [0, 1, 1, 0])
    assert list(trace) == ["dense_1", "dense_2"]
    first = trace["dense_1"]
    assert {k: v.shape for k, v in first.values.items()} == {
        "x": (4, 4), "z": (4, 3), "a": (4, 3), "delta": (4, 3), "d_in": (4, 4), "dW": (4, 3), "db": (3,),
    }  # fmt: skip
    assert first["z"] is first.z
    np.testing.assert_allclose(first.a, np.tanh(first.z), rtol=1e-5)
    np.testing.assert_allclose(first.dW, np.eye(4).T @ first.delta, rtol=1e-5)


def test_delta_of_softmax_cross_entropy_is_p_minus_t(model):
    p = model.predict_proba(np.eye(4))
    trace = model.trace(np.eye(4), [0, 1, 1, 0])
    np.testing.assert_allclose(trace["dense_2"].delta, p - np.eye(2)[[0, 1, 1, 0]], rtol=1e-5, atol=1e-7)
    mean = model.trace(np.eye(4), [0, 1, 1, 0], reduction="mean")
    np.testing.assert_allclose(4 * mean["dense_2"].delta, trace["dense_2"].delta, rtol=1e-5, atol=1e-7)


def test_repr_shows_shapes(model):
    text = repr(model.trace(np.eye(4), [0, 1, 1, 0]))
    assert "dense_1 (Dense)" in text
    assert "float32[4, 3]" in text


def test_unknown_names_are_suggested(model):
    trace = model.trace(np.eye(4), [0, 1, 1, 0])
    with pytest.raises(ng.NetgradError, match="did you mean 'dense_1'"):
        trace["dense1"]
    with pytest.raises(ng.NetgradError, match="did you mean 'delta'"):
        trace["dense_1"]["delt"]
    with pytest.raises(AttributeError, match="did you mean 'delta'"):
        getattr(trace["dense_1"], "delt")  # noqa: B009


def test_a_trace_is_one_program_that_keeps_the_order_of_what_layers_saved():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 4, 3)), rng.integers(0, 2, (5, 4))
    model = ng.untrained(ng.Sequential([ng.LSTM(3), ng.RNN(3), ng.Dense(2)]), x, y)
    with compilations() as made:
        trace = model.trace(x, y)
    assert [program.name for program in made].count("traced") == 1
    assert len(made) <= 8
    saved = forward(model.network, model.params, model.state, {"x": jnp.asarray(x, "float32")}).saved
    assert list(trace) == list(saved) == ["lstm_1", "rnn_1", "dense_1"]
    for name, kept in saved.items():
        shown = [key for key in kept if key in trace[name].values]
        assert list(trace[name].values)[: len(shown)] == shown
        assert list(trace[name].values) != sorted(trace[name].values)
    assert isinstance(trace.loss, float)
