"""Networks on their own outputs: what keeps every step, and recurrent decoders that begin from a state."""

import jax.numpy as jnp
import numpy as np
import pytest

import netgrad as ng
from netgrad.network import stream_state

TEXT = "abcdefghij" * 12


def test_text_longer_than_the_network_has_room_for():
    """Room for 8 steps, and 50 symbols written: it begins anew, after half of them, and never loses the thread."""
    vocabulary = ng.data.Vocabulary(TEXT)
    x, y = ng.data.windows(vocabulary.encode(TEXT), 8, stride=1)
    net = ng.Sequential(
        [
            ng.Embedding(len(vocabulary), 16),
            ng.Positions("learned", longest=8),
            ng.Stack(ng.Residual([ng.Attention(16, heads=2, causal=True)]), 1),
            ng.Dense(len(vocabulary)),
        ]
    )
    model = ng.fit(net, x, y, epochs=40, batch_size=16, learning_rate=0.02, seed=0)
    model.card["vocabulary"] = vocabulary.to_config()
    assert ng.sample(model, "abc", 50, temperature=0) == ("defghijabc" * 6)[:50]
    assert ng.sample(model, "abcdefghij" * 3, 13, temperature=0) == "abcdefghijabc"  # a prime longer than the room
    assert ng.sample(model, "abc", 30, seed=3) == ng.sample(model, "abc", 40, seed=3)[:30]


def test_a_recurrent_layer_begins_a_stream_from_the_state_that_it_is_given():
    rng = np.random.default_rng(0)
    x, start = ng.Input("x"), ng.Input("start")
    net = ng.Network([x, start], ng.Dense(1)(ng.LSTM(3)(x, start)))
    params, _ = net.init(0, {"x": (6, 2), "start": (6,)})
    given = {"x": jnp.asarray(rng.normal(size=(4, 6, 2))), "start": jnp.asarray(rng.normal(size=(4, 6)))}
    state = stream_state(net, 4, net.shapes({"x": (6, 2), "start": (6,)}))
    parts = []
    for piece in (slice(0, 2), slice(2, 6)):
        out, state = ng.apply(net, params, given | {"x": given["x"][:, piece]}, state=state)
        parts.append(out["dense_1"])
    whole = ng.apply(net, params, given)["dense_1"]
    np.testing.assert_allclose(jnp.concatenate(parts, 1), whole, rtol=1e-5, atol=1e-6)


def test_a_network_that_needs_all_steps_writes_no_text_from_one():
    """A convolution that sees the symbols before would be shown one at a time, and say something else in silence."""
    vocabulary = ng.data.Vocabulary(TEXT)
    x, y = ng.data.windows(vocabulary.encode(TEXT), 8)
    layers = [ng.Embedding(10, 4), ng.Conv(8, 3, padding=((2, 0),), activation="relu"), ng.Dense(10)]
    model = ng.untrained(ng.Sequential(layers), x, y)
    model.card["vocabulary"] = vocabulary.to_config()
    with pytest.raises(ng.NetgradError, match="Conv cannot work through a sequence piece by piece: its windows reach"):
        ng.sample(model, "abc", 5)
