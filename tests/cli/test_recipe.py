"""Tables by the recipe, and the options that say which of a table's rows and columns are used."""

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

FEW = ("--epochs", 2, "--no-report", "-q")


def test_a_table_is_trained_by_the_recipe_for_its_size(netgrad, houses, tmp_path):
    assert netgrad("fit", houses, "--target", "price", "--epochs", 3, "--out", tmp_path).status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert [node.name for node in model.network.nodes] == ["piecewise_linear_1", "scale", "ensemble_1"]
    assert model.encoder.scaling == "robust"
    assert (tmp_path / "report.html").stat().st_size > 1000
    settings = model.card["settings"]
    assert {name: settings[name] for name in ("epochs", "members", "hidden", "validation", "scaling")} == {
        "epochs": 3,
        "members": 4,
        "hidden": [128, 128, 128],
        "validation": pytest.approx(0.2, abs=0.02),
        "scaling": "robust",
    }
    assert model.card["command"] == "netgrad fit houses.csv --target price --epochs 3"
    assert netgrad("inspect", tmp_path / "model.safetensors", houses).status == 0


@pytest.mark.parametrize("asked", [("--hidden", "8"), ("--optimizer", "momentum", "--loss", "absolute_error")])
def test_a_network_that_was_asked_for_is_plain(netgrad, houses, tmp_path, asked):
    assert netgrad("fit", houses, "--target", "price", *asked, *FEW, "--out", tmp_path).status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert model.network.nodes[0].name == "dense_1"
    assert model.encoder.scaling == "standardise"


def test_columns_rows_and_files_as_they_are_asked_for(netgrad, tmp_path):
    rng = np.random.default_rng(0)
    size = rng.uniform(1, 9, 90)
    table = pd.DataFrame({"no": np.arange(1, 91), "size": size, "noise": rng.normal(size=90), "cost": np.exp(size)})
    table[:60].to_csv(tmp_path / "a.csv", index=False, sep=":")
    table[60:].to_csv(tmp_path / "b.csv", index=False, sep=":")
    out = tmp_path / "model.safetensors"
    run = ("fit", tmp_path / "a.csv", "--target", "cost", "--separator", ":", "--out", tmp_path, *FEW)
    result = netgrad(*run, "--test", tmp_path / "b.csv")
    assert result.status == 0
    assert "'no' numbers the rows" in result.err
    assert "'cost' is positive and skewed: its logarithm is learned (--log-target decides otherwise)" in result.err
    model = ng.load(out)
    assert model.card["data"] == {"name": "a.csv", "rows": 90, "train": 60, "test": 30}
    assert model.card["settings"]["test"] == "b.csv"
    assert str(tmp_path) not in str(model.card)
    said = netgrad("predict", out, tmp_path / "b.csv", "--separator", ":").out.splitlines()
    assert said[0] == "no,prediction"
    assert [int(line.split(",")[0]) for line in said[1:]] == list(range(61, 91))
    rmse = np.sqrt(np.mean((table["cost"][60:] - [float(line.split(",")[1]) for line in said[1:]]) ** 2))
    assert model.card["scores"]["test_rmse"] == pytest.approx(rmse, rel=1e-3)
    assert netgrad("inspect", out, tmp_path / "b.csv", "--separator", ":").status == 0

    assert netgrad(*run, "--drop", "noise,no", "--no-log-target").status == 0
    assert ng.load(out).encoder.feature_names == ["size"]
    assert ng.load(out).target_encoder.log_target is False
    assert netgrad(*run, "--only", "noise", "--log-target").status == 0
    assert ng.load(out).encoder.feature_names == ["noise"]
    assert ng.load(out).target_encoder.log_target is True


def test_a_header_and_an_encoding_can_be_said(netgrad, tmp_path):
    lines = [f"{year},{year % 7},{'ä' if year % 2 else 'b'}" for year in range(1990, 2030)]
    (tmp_path / "t.csv").write_bytes("\n".join(lines).encode("cp1250"))
    run = ("fit", tmp_path / "t.csv", "--no-header", "--encoding", "cp1250", "--target", "column_3", "--out", tmp_path)
    assert netgrad(*run, *FEW).status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["classes"] == ["b", "ä"]
    assert model.card["data"]["rows"] == 40


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--test", "1.5"), "--test is the share of examples kept for testing, between 0 and 1, or a file: found 1.5"),
        (("--test", "no.csv"), "there is no file no.csv"),
        (("--separator", "ab"), "--separator is one character, such as ; or tab: found 'ab'"),
        (("--drop", "roms"), "the table has no column 'roms': did you mean 'rooms'"),
        (("--only", "price"), "column 'price' is to be predicted, and cannot be left out or be predicted from"),
        (("--encoding", "cp99999"), "cannot be read in the encoding 'cp99999'"),
        (
            ("--target", "kind", "--log-target"),
            "the target 'kind' is of classes, without a logarithm: leave --log-target",
        ),
        (("--augment", "shift=1"), "--augment is for pictures"),
        (("--label-smoothing", "0.1"), "--label-smoothing is for classes, and the loss here is squared_error"),
        (("--target", "kind", "--label-smoothing", "2"), "--label-smoothing is a share from 0 to below 1: found 2"),
        (("--metric", "ma"), "unknown --metric 'ma': did you mean 'mae'"),
    ],
)
def test_what_cannot_be_is_refused(refused, houses, tmp_path, asked, message):
    assert message in refused("fit", houses, "--target", "price", "--out", tmp_path, *asked)


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        (("--drop", "a"), "--drop"),
        (("--only", "a"), "--only"),
        (("--separator", ";"), "--separator"),
        (("--no-header",), "--no-header"),
    ],
)
def test_what_is_for_tables_in_files_is_refused_elsewhere(refused, tmp_path, asked, option):
    said = refused("fit", "iris", *asked, "--out", tmp_path)
    assert said == f"netgrad: {option} is for tables in files, iris is none: leave it out"
