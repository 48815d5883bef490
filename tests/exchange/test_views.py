"""Tied, masked and normed weights in other formats: what is effective goes out."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.exchange import from_torch, to_torch

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 6)).astype(np.float32)


def model(seed=0):
    block = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(3)])
    block = block.tied("dense_2/W", "dense_1/W", transposed=True)
    layers = [ng.Dense(3, activation="tanh", name="enc"), ng.Stack(block, 2), ng.Dense(6, name="dec")]
    net = ng.Sequential(layers).tied("dec/W", "enc/W", transposed=True).masked("enc/W", np.arange(18).reshape(6, 3) % 2)
    return ng.untrained(net, X, X, seed=seed)


def test_onnx():
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    from netgrad.exchange.onnx_out import graph_of

    session = runtime.InferenceSession(graph_of(model()).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": X})[0], model().predict(X), rtol=1e-4, atol=1e-5)


def plain(seed=0):
    layers = [ng.Dense(3, activation="tanh", name="enc"), ng.Dense(6, name="dec")]
    net = ng.Sequential(layers).tied("dec/W", "enc/W", transposed=True).masked("enc/W", np.arange(18).reshape(6, 3) % 2)
    return ng.untrained(net, X, X, seed=seed)


def test_pytorch_both_ways(tmp_path):
    path = to_torch(plain(), tmp_path / "weights.safetensors")
    again = from_torch(plain(seed=1), path)
    assert sorted(again.params["dec"]) == ["b"]
    np.testing.assert_array_equal(again.params["enc"]["mask_W"], plain().params["enc"]["mask_W"])
    np.testing.assert_allclose(again.predict(X), plain().predict(X), rtol=1e-6)
    free = ng.Sequential([ng.Dense(3, activation="tanh", name="enc"), ng.Dense(6, name="dec")])
    path = to_torch(ng.untrained(free, X, X), tmp_path / "other.safetensors")
    with pytest.raises(ng.NetgradError, match=r"other numbers for .*/W than its place allows, which is masked, tied"):
        from_torch(plain(), path)
