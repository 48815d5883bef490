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


def test_channels_first_are_refused_with_the_way_out():
    first = np.moveaxis(np.stack([X[:, :9, :9]] * 3, -1), -1, 1).astype(np.float32)
    layers = [ng.Conv(4, 3), ng.Flatten(), ng.Dense(2)]
    with pytest.raises(
        ShapeError, match=r"conv_1 would take x of shape .* 3 x 9 pixels with 9 channels: channels stand"
    ):
        ng.fit(ng.Sequential(layers), first, Y, epochs=1)
    last = first.transpose(0, 2, 3, 1)
    same = ng.untrained(ng.Sequential(layers), last, Y)
    turned = ng.untrained(ng.Sequential([ng.Permute((1, 2, 0)), *layers]), first, Y, params=same.params)
    np.testing.assert_allclose(turned.predict_proba(first), same.predict_proba(last), atol=1e-5)


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
    wide = X.astype(np.float32)[:, :8]
    assert wide.shape[1] != wide.shape[2]
    with pytest.warns(ng.NetgradWarning, match=r"conv_1 takes x of shape \(N, 8, .* for signals of 8 time-steps"):
        assert for_pictures(net, wide) == net
    causal = ng.Sequential([ng.Conv(4, 3, padding=((2, 0),)), ng.Flatten(), ng.Dense(2)])
    for plain in (signals, causal):
        assert for_pictures(plain, wide) == plain  # which says that it works along one axis, so nothing is said
