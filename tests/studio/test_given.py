"""Networks that were given, as layers that can be changed."""

import json
import re

import numpy as np
import pytest

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.studio import Design
from netgrad.studio.design import CLASSES, drawing, fields_of, opened
from netgrad.studio.examples import Examples, gallery
from netgrad.studio.given import specs_of
from netgrad.studio.python_in import layer_of, read
from netgrad.studio.python_out import code, expression
from tests.layers.cases import CASES


def forked():
    x = ng.Input()
    h = ng.Dense(4, activation="tanh", name="lower")(x)
    return ng.Network(x, ng.Dense(2)(ng.Add()(h, ng.Dense(4)(ng.Dropout(0.2)(h)))))


ROW = ng.Sequential([ng.Dense(4, activation="tanh"), ng.GaussianNoise(0.1), ng.Dense(3, bias=False), ng.Dense(2)])
BLOCKS = ng.Sequential([ng.Dense(4), ng.Residual([ng.Dense(4), ng.ReLU()]), ng.Stack([ng.Dense(4)], 3), ng.Dense(2)])


def same(one, other):
    """Whether two networks are the same but for the name of the input."""
    return [(n.name, n.layer.replace(name=None)) for n in one.nodes] == [
        (n.name, n.layer.replace(name=None)) for n in other.nodes
    ] and drawing(one, (2,)) == drawing(other, (2,))


@pytest.mark.parametrize("network", [forked(), ROW, BLOCKS], ids=["forked", "row", "blocks"])
def test_a_network_comes_back_from_its_layers(network):
    design = opened(network, Design(), gallery("circles"))
    again = Design.of(json.loads(json.dumps(design.plain)))
    assert same(again.network(gallery("circles")), network)
    written = code(again, gallery("circles"), again.network(gallery("circles")))
    assert [n.layer.registered_name for n in read(written)[0].nodes] == [n.layer.registered_name for n in network.nodes]


def test_what_ends_as_the_data_ask_is_a_design_of_the_pages_own():
    design = opened(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(2)]), Design(), gallery("circles"))
    assert (design.whole, len(design.layers), design.output) == (False, 1, "identity")
    assert opened(ng.Sequential([ng.Dense(4), ng.Dense(7)]), Design(), gallery("circles")).whole


def test_every_layer_is_fields_or_a_line_of_python():
    with_fields, refused = set(), set()
    for layer in [*(case.layer.replace(name=None) for case in CASES), ng.GRU(4), ng.Attention(4)]:
        spec = fields_of(layer)
        if spec is not None:
            with_fields.add(spec["kind"])
            assert Design()._made(Design.of({"layers": [spec]}).layers[0]) == layer
            continue
        try:
            assert layer_of(expression(layer)) == layer, expression(layer)
        except NetgradError:
            refused.add(layer.registered_name)
    assert with_fields == set(CLASSES)
    assert refused <= {"stack", "recomputed", "ensemble", "state_space"}  # around a block with forks


def test_layers_are_changed_taken_out_and_put_in():
    specs = [dict(spec) for spec in specs_of(forked(), fields_of)]
    assert [spec.get("from") for spec in specs] == [None, None, None, ["lower", "dense_1"], None]
    specs[2]["units"], specs[0]["units"] = 5, 5
    specs.insert(4, {"kind": "python", "code": "ng.LayerNorm()"})
    network = Design.of({"layers": specs, "whole": True}).network(gallery("circles"))
    assert [(n.name, n.inputs) for n in network.nodes][3:] == [
        ("add_1", ("lower", "dense_1")), ("layer_norm_1", ("add_1",)), ("dense_2", ("layer_norm_1",)),
    ]  # fmt: skip
    assert network.shapes((2,))["dense_2"] == (2,)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([], "a network needs at least one layer: add one"),
        ([{"kind": "dense", "from": ["y"]}], "layer 1 comes from 'y', which is no layer before it"),
        ([{"kind": "dense", "name": "a"}] * 2, "two layers are named 'a': give one of them another name"),
        ([{"kind": "dense"}, {"kind": "dense", "from": ["x"]}], "dense_1 leads nowhere: remove it, or feed another"),
        ([{"kind": "dense", "from": "x"}], "layer 1 has a name, and a list of names that it comes from"),
        ([{"kind": "dense", "name": 3}], "layer 1 has a name, and a list of names that it comes from"),
        ([{"kind": "python"}], "layer 1 is one line of Python of at most 1,000 characters"),
        ([{"kind": "python", "code": "ng.Dens(3)"}], "layer 1: line 1: ng.Dens is not known here"),
        ([{"kind": "dense"}] * 65, "layers is a list of at most 64 layers"),
        ([{"kind": "python", "code": "ng.Dense(99000000)"}], "297,000,000 parameters are more than the 50,000,000"),
    ],
)
def test_layers_that_are_no_network_are_refused(layers, said):
    with pytest.raises(NetgradError, match=re.escape(said)):
        drawing(Design.of({"layers": layers, "whole": True}).network(gallery("circles")), (2,))


def test_networks_whose_layers_cannot_be_changed_one_by_one_say_why():
    two = ng.Network(inputs := [ng.Input("a"), ng.Input("b")], ng.Dense(2)(ng.Concatenate()(*inputs)))
    shared = ng.Dense(2)
    for network, said in (
        (two, "networks of one input and one output"),
        (ng.Sequential([ng.Dense(2)]).frozen("dense_1"), "parameters of this network are tied, frozen, masked or norm"),
        (ng.Sequential([shared, shared]), "dense_1 stands in this network twice, with the same weights"),
        (ng.Sequential([ng.Stack(ng.Residual([ng.Dense(2)]), 2)]), "a block with forks cannot be written inside of a "),
    ):
        with pytest.raises(NetgradError, match=said):
            specs_of(network, fields_of)
    with pytest.raises(NetgradError, match="whole is true or false, found 'yes'"):
        Design.of({"whole": "yes"})


def test_digits_are_given_back():
    data = gallery("autoencoder")
    assert (data.reconstructs, data.outputs, data.pictured, data.targets) == (True, 64, (8, 8), None)
    design = Design.of({"data": "autoencoder", "layers": [{"kind": "dense", "units": 4}]})
    written = code(design, data, design.network(data))
    assert "net, data.x, epochs=100, validation=data.x_held," in written
    assert Examples("none", np.zeros((2, 3)), np.zeros(2), np.zeros((0, 3)), np.zeros(0)).pictured == ()
