"""Ensembles: what the contract does not say of them."""

import warnings

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.diagnosis import diagnose
from netgrad.network import backward, forward

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)).astype(np.float32), RNG.integers(0, 3, 40)


def net(n=3):
    return ng.Sequential([ng.Ensemble([ng.Dense(5, activation="tanh"), ng.Dense(3)], n)])


def copy(params, k):
    return jax.tree.map(lambda v: v[k], params["ensemble_1"])


def test_the_answer_is_the_mean_of_the_copies_answers(x64):
    params, state = net().init(0, (4,))
    alone = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(3)])
    each = [forward(alone, copy(params, k), state, {"x": X}).outputs["dense_2"] for k in range(3)]
    assert np.ptp(np.stack(each), axis=0).max() > 0.1
    np.testing.assert_allclose(forward(net(), params, {}, {"x": X}).outputs["ensemble_1"], np.mean(each, 0), rtol=1e-9)


def test_in_training_every_example_goes_through_one_copy_which_learns_from_it_alone(x64):
    params, _ = net().init(0, (4,))
    alone = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(3)])
    d_out = RNG.normal(size=(40, 3))
    run = forward(net(), params, {}, {"x": X}, training=True)
    back = backward(net(), params, run.saved, {"ensemble_1": d_out}).params["ensemble_1"]
    for k in range(3):
        own = forward(alone, copy(params, k), {}, {"x": X[k::3]}, training=True)
        np.testing.assert_allclose(run.outputs["ensemble_1"][k::3], own.outputs["dense_2"], rtol=1e-9)
        gradient = backward(alone, copy(params, k), own.saved, {"dense_2": d_out[k::3]}).params
        jax.tree.map(lambda a, b, k=k: np.testing.assert_allclose(a[k], b, rtol=1e-8, atol=1e-10), back, gradient)


def test_batches_smaller_than_the_ensemble_and_uneven_ones_train():
    model = ng.fit(net(), X, Y, epochs=2, batch_size=3)
    again = ng.fit(net(), X[:2], [0, 1], epochs=2)
    assert np.isfinite(model.history["loss"]).all()
    assert np.isfinite(again.history["loss"]).all()


def test_an_ensemble_is_saved_traced_and_diagnosed(tmp_path):
    model = ng.fit(net(), X, Y, epochs=3)
    again = ng.load(model.save(tmp_path / "e.safetensors"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    trace = model.trace(X, Y)
    assert trace["ensemble_1/dense_1"].z.shape == (3, 40, 5)
    assert trace["ensemble_1"].a.shape == (40, 3)
    assert diagnose(model, X, Y).summary


@pytest.mark.parametrize("n", [0, 1.5, "3"])
def test_an_ensemble_has_a_whole_number_of_copies(n):
    with pytest.raises(ng.NetgradError, match="n must be a whole number of at least 1, found"):
        ng.Ensemble(ng.Dense(2), n)


def test_an_ensemble_goes_out_as_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    cut = ng.PiecewiseLinear.cutting(X, 5)
    model = ng.fit(ng.Sequential([cut, *net().written]), X, Y, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = ng.exchange.to_onnx(model, tmp_path / "e.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    given = session.run(None, {session.get_inputs()[0].name: X})[0]
    np.testing.assert_allclose(given, model.predict_proba(X), rtol=1e-4, atol=1e-5)
