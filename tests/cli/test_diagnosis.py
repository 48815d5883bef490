"""`netgrad inspect` names the fault of a broken network first; `netgrad fit --fix` repairs one."""

from importlib import import_module

import numpy as np
import pytest

import netgrad as ng
from netgrad.cli import main


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    rows = ["a,b,c,target", *(f"{a:.4f},{b:.4f},{c:.4f},{'yes' if a * 2 > b else 'no'}" for a, b, c in x)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows))
    return path


def run(capsys, *words):
    code = main([str(word) for word in words])
    return code, capsys.readouterr()


def test_inspect_names_the_fault_first(table, tmp_path, capsys):
    import pandas as pd

    frame = pd.read_csv(table)
    x, y = frame.drop(columns="target"), frame["target"]
    net = ng.Sequential([ng.Dense(16, activation="relu", bias_initializer=ng.Constant(-30.0)), ng.Dense(2)])
    model = ng.fit(net, x, y, epochs=5)
    model.card = {"target": "target"}
    model.save(tmp_path / "broken.safetensors")
    _, said = run(capsys, "inspect", tmp_path / "broken.safetensors", table)
    lines = [line for line in said.out.splitlines() if line.strip().startswith(("fault", "warning", "note"))]
    assert "dead" in lines[0]
    assert "16 of 16 units of dense_1" in " ".join(said.out.split())
    assert "effective rank" not in said.out
    _, said = run(capsys, "inspect", tmp_path / "broken.safetensors", table, "--measure")
    assert "effective rank" in said.out
    assert "learned by heart" in said.out
    code, said = run(capsys, "inspect", tmp_path / "broken.safetensors", "--measure")
    assert code == 2
    assert "--measure was given without data" in said.err


def test_fit_writes_the_diagnosis_and_fix_repairs(table, tmp_path, capsys):
    words = ["fit", table, "--target", "target", "--epochs", "8", "--optimizer", "sgd", "--learning-rate", "1e-6"]
    words += ["--hidden", "8", "--schedule", "constant"]
    _, said = run(capsys, *words, "--measure", "--out", tmp_path / "plain")
    assert "rate too low" in said.out
    assert "effective rank" in said.out
    assert "learned by heart" in said.out
    page = (tmp_path / "plain" / "report.html").read_text()
    assert "Gradient flow" in page
    assert "Measures" in page
    assert "rate too low" in page
    _, said = run(capsys, *words, "--fix", "--quiet", "--out", tmp_path / "fixed")
    assert "repaired" in said.err
    assert "learning rate" in said.err
    model = ng.load(tmp_path / "fixed" / "model.safetensors")
    assert model.history.events[0]["finding"] == "remedy"


def test_measures_are_not_to_be_had_without_a_report(table, tmp_path, capsys):
    code, said = run(capsys, "fit", table, "--target", "target", "--measure", "--no-report", "--out", tmp_path / "none")
    assert code == 2
    assert "--measure is a part of the diagnosis, and --no-report leaves that out" in said.err
    assert not (tmp_path / "none").exists()


def test_a_network_that_falls_short_for_no_known_reason_is_told(table, tmp_path, capsys, monkeypatch):
    """Only where it also learns what there is to learn is nothing wrong."""
    monkeypatch.setattr(import_module("netgrad.diagnosis.diagnose"), "checks", list)
    _, said = run(capsys, "fit", table, "--target", "target", "--hidden", "4", "--epochs", "1", "--learning-rate",
                  "1e-6", "--out", tmp_path / "short")  # fmt: skip
    assert "nothing was found that says why the network falls short" in " ".join(said.out.split())
    page = " ".join((tmp_path / "short" / "report.html").read_text().split())
    assert "nothing was found that says why the network falls short" in page
    assert "Nothing is wrong with this network" not in page
    _, said = run(capsys, "inspect", tmp_path / "short" / "model.safetensors", table)
    words = " ".join(said.out.split())
    assert "nothing was found that says why the network falls short" in words
    assert "nothing is wrong" not in words
    monkeypatch.setattr("netgrad.diagnosis.evidence.Evidence.falls_short", False)
    _, said = run(capsys, "inspect", tmp_path / "short" / "model.safetensors", table)
    assert "nothing is wrong: skill" in " ".join(said.out.split())
