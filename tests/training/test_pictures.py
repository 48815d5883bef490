"""Pictures of 8 bits are scaled by a layer in front; a width is never taken for channels."""

from dataclasses import replace

import numpy as np
import pytest

import netgrad as ng
from netgrad.errors import NetgradWarning, ShapeError
from netgrad.training.pictures import for_pictures

X = np.random.default_rng(0).integers(0, 256, (12, 9, 9)).astype(np.uint8)
Y = np.arange(12) % 2


def test_bytes_are_divided_by_255_and_said(tmp_path):
    net = ng.Sequential([ng.Flatten(), ng.Dense(2)])
    with pytest.warns(NetgradWarning, match=r"x holds pictures of 8 bits: a layer in front .* divides them by 255"):
        model = ng.fit(net, X, Y, epochs=1)
    bare = replace(model, network=net).predict_proba(X / np.float32(255))
    np.testing.assert_allclose(model.predict_proba(X), bare, atol=1e-5)
    np.testing.assert_allclose(ng.load(model.save(tmp_path / "m.safetensors")).predict_proba(X), bare, atol=1e-5)
    more = ng.fit(model, X, Y, epochs=1)  # goes on with its layer, no second one
    assert [node.name for node in more.network.nodes] == ["pixels", "flatten_1", "dense_1"]


@pytest.mark.parametrize(
    ("layers", "x"),
    [
        ([ng.Rescaling(128.0, 0.01), ng.Flatten()], X),
        ([ng.Augment(shift=1), ng.Rescaling(128.0, 0.01), ng.Flatten()], X[..., None]),
        ([ng.Flatten()], X > 100),
        ([ng.Flatten()], (X > 100).astype(np.uint8)),
        ([ng.Flatten()], X.astype(np.int32)),
        ([ng.Dense(3)], X.reshape(12, -1)),
        ([ng.Flatten()], X[:, :4]),
    ],
)
def test_what_is_scaled_already_or_is_no_picture_stays(layers, x):
    net = ng.Sequential([*layers, ng.Dense(2)])
    assert for_pictures(net, x) == net


def test_a_width_is_no_number_of_channels():
    net = ng.Sequential([ng.Conv(4, 3), ng.Flatten(), ng.Dense(2)])
    for x in (X, X.astype(np.float32), X[:, :, :8]):
        with pytest.raises(
            ShapeError, match=r"conv_1 would take x of shape \(N, 9, .*x\[..., None\] \(of signals wind"
        ):
            ng.fit(net, x, Y, epochs=1)
    with pytest.raises(ShapeError, match="max_pool_1 would take"):
        ng.fit(ng.Sequential([ng.MaxPool(2), ng.Flatten(), ng.Dense(2)]), X, Y, epochs=1)
    signals = ng.Sequential([ng.Conv(4, (3,)), ng.Flatten(), ng.Dense(2)])
    assert for_pictures(signals, X.astype(np.float32)) == signals
    assert for_pictures(net, X.astype(np.float32)[:, :, :3]) == net
