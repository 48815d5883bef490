"""A prepared prediction gives what `predict_proba` gives, and refuses what it was not prepared for."""

import numpy as np
import pytest

import netgrad as ng

X = np.random.default_rng(0).normal(size=(9, 6, 3)).astype("float32")


@pytest.fixture(scope="module")
def model():
    net = ng.Sequential([ng.LSTM(4), ng.Dropout(0.3), ng.Dense(2)])
    return ng.untrained(net, X, np.arange(54).reshape(9, 6) % 2)


@pytest.mark.parametrize("n", [1, 2, 4, 5, 8])
def test_it_answers_as_the_model_does_whatever_the_number(model, n):
    predictor = model.predictor(1, 8, 4)
    assert predictor.sizes == (1, 4, 8)
    np.testing.assert_allclose(predictor(X[:n].astype(float)), model.predict_proba(X[:n]), rtol=1e-6)
    out = np.zeros((n, 6, 2), "float32")
    assert predictor(X[:n], out=out) is out
    np.testing.assert_array_equal(out, predictor(X[:n]))


def test_it_keeps_the_weights_that_it_was_made_with(model):
    predictor = model.predictor()
    before = predictor(X[:1])
    trained = ng.fit(model, X, np.arange(54).reshape(9, 6) % 2, epochs=1)
    np.testing.assert_array_equal(predictor(X[:1]), before)
    assert not np.array_equal(trained.predictor()(X[:1]), before)


@pytest.mark.parametrize("x", [X[:2], X[:0], X[0], np.float32(1)])
def test_what_it_was_not_prepared_for_is_refused(model, x):
    with pytest.raises(ng.ShapeError, match=r"^expected 1 to 1 examples of shape \(6, 3\), found \("):
        model.predictor()(x)


@pytest.mark.parametrize("sizes", [(0,), (1.5,), (True,), ("8",)])
def test_sizes_are_numbers_of_examples(model, sizes):
    with pytest.raises(ng.NetgradError, match="sizes must be whole numbers of examples of at least 1, found"):
        model.predictor(*sizes)


def test_several_inputs_or_outputs_are_refused():
    x = ng.Input()
    net = ng.Network(x, {"a": ng.Dense(1)(x), "b": ng.Dense(1)(x)})
    model = ng.untrained(net, np.eye(3), {"a": np.ones(3), "b": np.ones(3)})
    with pytest.raises(ng.NetgradError, match="for one input and one output, found x, a, b: use predict_proba"):
        model.predictor()
