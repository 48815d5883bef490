"""Designs as code and as a command."""

import re

import pytest

import netgrad as ng
from netgrad.cli import main
from netgrad.studio import Design
from netgrad.studio.examples import gallery
from netgrad.studio.python_out import code, command


def test_the_code_runs_and_is_the_same_training():
    data = gallery("moons")
    layers = [
        {"kind": "dense", "units": 3, "activation": "tanh", "initializer": "large"},
        {"kind": "dropout", "rate": 0.2},
    ]
    design = Design.of({"data": "moons", "layers": layers, "penalty": "l2", "alpha": 0.01, "bias": 0.5})
    network = design.network(data)
    names: dict = {}
    exec(code(design, data, network).replace("epochs=100", "epochs=2"), names)
    fitted = ng.fit(network, data.x, data.y, epochs=2, **design.settings(data))
    assert names["net"] == network
    assert names["model"].history["loss"].tolist() == pytest.approx(fitted.history["loss"].tolist(), rel=1e-6)


def test_the_code_of_the_power_plant_begins_with_the_texts_weights():
    from netgrad.studio.lessons import LESSONS

    setup = next(lesson for lesson in LESSONS if lesson["name"] == "power-plant")["steps"][0]["setup"]
    design = Design.of({name: value for name, value in setup.items() if name != "select"})
    data, names = gallery("power_plant"), {}
    exec(code(design, data, design.network(data)).replace("epochs=100", "epochs=1"), names)
    assert float(names["model"].params["dense_2"]["W"][2, 1]) == pytest.approx(-0.090307, abs=2e-5)


def test_the_command_has_options_that_exist(capsys):
    layers = [{"kind": "dense", "units": 3, "activation": "tanh"}, {"kind": "dropout", "rate": 0.2}]
    asked = command(Design.of({"layers": layers, "penalty": "l1"}), "circles.csv --target y")
    assert asked.startswith("netgrad fit circles.csv --target y --hidden 3 --activation tanh")
    assert main(["fit", "--help"]) == 0
    known = capsys.readouterr().out
    for option in re.findall(r"--[a-z-]+", asked):
        assert option in known
    mixed = [{"kind": "dense", "activation": "relu"}, {"kind": "dense", "activation": "tanh"}]
    assert command(Design.of({"layers": mixed}), "a.csv") == ""
    assert command(Design.of({"layers": [{"kind": "batch_norm"}]}), "a.csv") == ""
    assert command(Design.of({"layers": [], "bias": 1}), "a.csv") == ""


def test_an_lstms_text_has_its_weights_in_the_code():
    design = Design.of({"data": "lstm_cell", "layers": [{"kind": "lstm", "units": 3}], "params": "lstm_cell"})
    data = gallery("lstm_cell")
    written = code(design, data, design.network(data))
    assert "params=lstm_cell()" in written
    assert "validation" not in written
    compile(written, "code", "exec")
