"""The trace: names, shapes, and numbers that can be computed by hand."""

import numpy as np
import pytest

import netgrad as ng


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
