"""`--device`, `--devices` and `--dtype`."""

import jax
import pytest

import netgrad as ng
from netgrad.parallel import Placement

FIT = ("fit", "iris", "--hidden", "4", "--epochs", 2, "--no-report", "--quiet")


def test_a_command_computes_where_it_is_told_and_no_longer(netgrad, tmp_path):
    jax.devices()
    assert netgrad(*FIT, "--out", tmp_path / "a", "--device", "cpu", "--devices", 1).status == 0
    assert netgrad(*FIT, "--out", tmp_path / "b").status == 0
    assert Placement.of(None) is None
    one, other = (ng.load(tmp_path / name / "model.safetensors") for name in "ab")
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-5)
    assert one.card["command"] == other.card["command"]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (("--device", "abacus"), "--device abacus: JAX has none here; it computes on "),
        (("--devices", "4321"), "--devices 4321: JAX has "),
    ],
)
def test_what_is_not_there_is_one_line(refused, asked, line):
    jax.devices()
    assert line in refused(*FIT, *asked)


def test_steps_in_bfloat16(netgrad, refused, tmp_path):
    assert netgrad(*FIT, "--out", tmp_path, "--dtype", "bfloat16").status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert model.history.settings["dtype"] == model.card["settings"]["dtype"] == "bfloat16"
    assert "--dtype bfloat16" in model.card["command"]
    line = "dtype is what steps compute in, 'bfloat16' or 'float32', found 'double'"
    assert line in refused(*FIT, "--dtype", "double")
