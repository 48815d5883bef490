"""Designs: what is refused, and the network, code and command that they stand for."""

import re

import numpy as np
import pytest

from netgrad.errors import NetgradError
from netgrad.studio import Design
from netgrad.studio import design as designs
from netgrad.studio.examples import divided, gallery


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "a design is an object, found list"),
        ({"speed": 3}, "unknown setting 'speed'"),
        ({"data": 3}, "data is the name of a data set"),
        ({"layers": "dense"}, "layers is a list of at most 12 layers"),
        ({"layers": [{"kind": "flatten"}] * 13}, "layers is a list of at most 12 layers"),
        ({"layers": [3]}, "layer 1 is an object with a kind, found int"),
        ({"layers": [{"kind": "esn"}]}, "the kind of layer 1 must be one of dense, "),
        ({"layers": [{"kind": []}]}, "the kind of layer 1 must be one of dense, "),
        (
            {"layers": [{"kind": "dense", "units": 0}]},
            "units of layer 1 must be a whole number from 1 to 1024, found 0",
        ),
        ({"layers": [{"kind": "dense", "units": 2.5}]}, "units of layer 1 must be a whole number"),
        ({"layers": [{"kind": "dropout", "rate": 1}]}, "rate of layer 1 must be from 0 to 0.95, found 1"),
        ({"layers": [{"kind": "dense", "activation": "f"}]}, "the activation of layer 1 must be one of identity, "),
        ({"layers": [{"kind": "dense", "initializer": "f"}]}, "the initializer of layer 1 must be one of none, "),
        ({"learning_rate": 0}, "learning_rate must be above 0 and at most 100, found 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be above 0 and at most 100, found nan"),
        ({"optimizer": "best"}, "optimizer must be one of sgd, "),
        ({"seed": True}, "seed must be a whole number from 0 to "),
    ],
)
def test_what_is_none_is_refused_in_one_line(plain, said):
    with pytest.raises(NetgradError, match=re.escape(said)) as caught:
        Design.of(plain)
    assert "\n" not in str(caught.value)


def test_the_network_ends_with_the_units_that_the_data_ask_for():
    clouds, sine, digits = gallery("clouds"), gallery("sine"), gallery("digits")
    design = Design.of({"layers": [{"kind": "dense", "units": 5}, {"kind": "dropout"}]})
    assert [d["shape"] for d in designs.drawing(design.network(clouds), clouds.shape)] == [[2], [5], [5], [3]]
    assert designs.drawing(design.network(sine), sine.shape)[-1]["shape"] == [1]
    drawn = designs.drawing(design.network(digits), digits.shape)
    assert [d["kind"] for d in drawn] == ["input", "Flatten", "Dense", "Dropout", "Dense"]
    assert [d["parameters"] for d in drawn] == [0, 0, 64 * 5 + 5, 0, 5 * 10 + 10]


def test_a_shape_that_is_impossible_is_the_layers_own_refusal():
    design = Design.of({"layers": [{"kind": "conv", "window": 11}]})
    with pytest.raises(NetgradError):
        designs.drawing(design.network(gallery("digits")), (8, 8, 1))


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru", "attention", "positions", "dense"])
def test_sequences_get_what_their_targets_ask_for(kind):
    x, lengths = np.random.default_rng(0).normal(size=(8, 5, 2)), np.full(8, 5)
    design = Design.of({"layers": [{"kind": kind}]})
    for y, out in ((np.arange(40).reshape(8, 5) % 3, (5, 3)), (np.arange(8) % 3, (3,))):
        data = divided("s", x, y, ("a", "b", "c"), lengths=lengths, over_time=True)
        network = design.network(data)
        assert network.shapes({network.inputs[0]: data.shape})[network.outputs[0][1]] == out
    words = divided("t", np.zeros((8, 5)), np.zeros((8, 5)), ("a", "b"), over_time=True, symbols="ab")
    network = design.network(words)
    assert network.shapes({network.inputs[0]: words.shape})[network.outputs[0][1]] == (5, 2)
