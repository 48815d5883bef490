"""Recurrent encoders and decoders, with and without attention."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.architectures import describer, encoder_decoder

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("attention", "cell"), [("additive", "lstm"), (None, "gru")])
def test_gradients(attention, cell):
    net = encoder_decoder(6, 5, 4, attention=attention, cell=cell, embedding=3, dropout=0.2)
    x = {"source": RNG.integers(0, 6, (3, 6)), "target": RNG.integers(0, 5, (3, 4))}
    lengths = {"source": np.array([6, 2, 3]), "target": np.array([4, 1, 2])}
    assert ng.check_gradients(net, x, RNG.integers(0, 5, (3, 4)), lengths=lengths).ok
    assert ("attention" in [node.name for node in net.nodes]) == (attention is not None)


def test_a_vector_begins_a_sequence():
    """Counting down from a number that the source holds, as a vector or by an encoder of one's own: one to many."""
    start, end = 0, 6
    counts = RNG.integers(1, 6, 200)
    y = np.stack([np.concatenate([np.arange(c, 0, -1), [end] * (7 - c)]) for c in counts])
    late = np.concatenate([np.full((200, 1), start), y[:, :-1]], 1)
    lengths = {"target": counts + 1}
    for source, encoder in (
        (np.eye(6)[counts], None),
        (np.eye(6)[counts].reshape(200, 2, 3), ng.Sequential([ng.Flatten(), ng.Dense(8, activation="tanh")])),
    ):
        net = describer(7, 16, encoder=encoder, embedding=8, dropout=0.0 if encoder is None else 0.1)
        model = ng.fit(net, {"source": source, "target": late}, y, lengths=lengths, epochs=60, learning_rate=0.02)
        said = ng.translate(model, source[:20], start=start, end=end)
        assert [row.tolist() for row in said] == [list(range(c, 0, -1)) for c in counts[:20]]


def test_an_unknown_cell_is_one_line():
    with pytest.raises(ng.NetgradError, match="cell 'lst'"):
        encoder_decoder(6, 5, cell="lst")
