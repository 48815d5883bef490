"""Convolutions over a grid of source and target: what they see, and that they learn to write."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.architectures import pervasive_attention

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("form", "pool"), [("dense", "max"), ("residual", "attention"), ("residual", "average")])
def test_what_a_symbol_is_said_from(form, pool):
    """Nothing after it, and nothing of the padding, whatever stands there."""
    net = pervasive_attention(6, 5, 6, layers=2, form=form, pool=pool, embedding=3, dropout=0.2)
    source, target = RNG.integers(0, 6, (2, 5)), RNG.integers(0, 5, (2, 6))
    params, _ = net.init(0, {"source": (5,), "target": (6,)})
    lengths = {"source": np.array([5, 2]), "target": np.array([6, 4])}
    forward = jax.jit(lambda x: ng.apply(net, params, x, lengths=lengths)["dense_1"])

    def said(source, target):
        return np.asarray(forward({"source": source, "target": target}))

    a = said(source, target)
    later, padded, seen = target.copy(), source.copy(), source.copy()
    later[:, 3] = (later[:, 3] + 1) % 5
    padded[1, 2:] = (padded[1, 2:] + 1) % 6
    seen[1, 1] = (seen[1, 1] + 1) % 6
    b = said(source, later)
    np.testing.assert_array_equal(b[:, :3], a[:, :3])
    assert (np.abs(b - a)[:, 3].max(-1) > 1e-4).all()
    np.testing.assert_array_equal(said(padded, target), a)
    assert np.abs(said(seen, target) - a)[1, :4].max() > 1e-4
    if pool == "max":
        return
    # A shorter source alone in its batch, without padding, says the same.
    alone = ng.apply(net, params, {"source": source[1:, :2], "target": target[1:, :4]})["dense_1"]
    np.testing.assert_allclose(alone[0], a[1, :4], rtol=1e-4, atol=1e-5)


def test_gradients():
    net = pervasive_attention(None, 5, 4, layers=1, window=2, pool="attention", embedding=3)
    x = {"source": RNG.normal(size=(3, 4, 2)), "target": RNG.integers(0, 5, (3, 3))}
    lengths = {"source": np.array([4, 1, 3]), "target": np.array([3, 1, 2])}
    assert ng.check_gradients(net, x, RNG.integers(0, 5, (3, 3)), lengths=lengths).ok


def test_it_learns_to_reverse():
    words = ["".join(RNG.choice(list("abc"), RNG.integers(1, 5))) for _ in range(200)]
    pairs = ng.data.Pairs(words, [word[::-1].upper() for word in words])
    net = pervasive_attention(len(pairs.source), pairs.classes, 12, layers=3, form="residual", embedding=8)
    model = ng.fit(net, pairs.x, pairs.y, lengths=pairs.lengths, epochs=30, learning_rate=0.01, batch_size=40)
    model.card["pairs"] = pairs.to_config()
    for beam in (1, 3):
        said = ng.translate(model, words[:40], beam=beam)
        assert np.mean([a == word[::-1].upper() for a, word in zip(said, words[:40], strict=True)]) > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "deep"}, "form must be one of dense, residual, found 'deep'"),
        ({"pool": "sum"}, "pool must be one of max, average, attention, found 'sum'"),
        ({"layers": 0}, "layers must be a whole number of at least 1, found 0"),
        ({"window": 1.5}, "window must be a whole number of at least 1, found 1.5"),
    ],
)
def test_settings(settings, message):
    with pytest.raises(ng.NetgradError, match=message):
        pervasive_attention(6, 5, **settings)
