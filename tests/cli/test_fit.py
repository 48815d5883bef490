"""`netgrad fit`: data sets and tables in, model, score and report out."""

import io

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

QUICK = ("--hidden", "8", "--epochs", "2")


@pytest.fixture
def no_report(monkeypatch):
    """Leaves the drawing out where it is not what is tested."""
    monkeypatch.setattr(ng.report, "write", lambda model, x, y, path, **_: path)


def test_digits_reach_the_promised_accuracy_with_the_default_settings(netgrad, tmp_path):
    result = netgrad("fit", "digits", "--out", tmp_path)
    assert result.status == 0
    accuracy = float(result.out.split("accuracy ")[1].split(" %")[0])
    assert accuracy >= 97
    assert "epoch 40/40" in result.err
    assert "val_accuracy" in result.err
    for word in ("dense_1", "8,320", "delta", "total", "model.safetensors", "report.html"):
        assert word in result.out
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["command"] == "netgrad fit digits"
    assert model.shapes == {"x": (8, 8, 1)}
    page = (tmp_path / "report.html").read_text()
    for heading in ("Learning curve", "Confusion matrix", "Worst mistakes", "Distributions"):
        assert f"<h2>{heading}</h2>" in page


def test_the_same_seed_gives_the_same_files_and_another_one_others(netgrad, houses, tmp_path):
    for name in "ab":
        assert netgrad("fit", houses, "--target", "kind", "--out", tmp_path / name, "--seed", 1, *QUICK).status == 0
    for file in ("model.safetensors", "report.html"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    other = netgrad("fit", houses, "--target", "kind", "--out", tmp_path / "c", "--seed", 2, *QUICK)
    assert other.status == 0
    first, second = (ng.load(tmp_path / name / "model.safetensors").params["dense_1"]["W"] for name in "ac")
    assert not np.array_equal(first, second)


def test_a_table_of_prices_is_a_regression_in_its_own_units(price_model):
    model = ng.load(price_model / "model.safetensors")
    assert model.card["task"] == "regression"
    assert model.encoder.feature_names == ["size", "rooms", "colour=blue", "colour=green", "colour=red", "kind=big",
                                           "kind=small"]  # fmt: skip
    assert 0.9 < model.card["scores"]["test_r2"] <= 1
    assert 100 < model.card["scores"]["test_rmse"] < 30000
    assert 100 < model.history["val_rmse"][-1] < 30000


def test_a_table_of_kinds_is_a_classification_with_its_classes(kind_model):
    model = ng.load(kind_model / "model.safetensors")
    assert model.card["classes"] == ["big", "small"]
    assert model.card["scores"]["test_accuracy"] > 0.8


def test_the_card_says_how_and_names_no_folder(kind_model, houses):
    card = ng.load(kind_model / "model.safetensors").card
    assert card["data"] == {"name": "houses.csv", "rows": 120, "train": 96, "test": 24}
    assert card["command"] == "netgrad fit houses.csv --target kind --hidden 8 --learning-rate 0.02 --epochs 25"
    assert card["versions"]["netgrad"] == ng.__version__
    assert str(houses.parent) not in str(card)
    assert str(houses.parent) not in (kind_model / "report.html").read_text()


@pytest.mark.parametrize("suffix", ["parquet", "tsv"])
def test_other_files_hold_the_same_table(no_report, netgrad, houses, tmp_path, suffix):
    table = pd.read_csv(houses)
    path = tmp_path / f"houses.{suffix}"
    table.to_parquet(path) if suffix == "parquet" else table.to_csv(path, sep="\t", index=False)
    scores = [netgrad("fit", p, "--target", "price", "--out", tmp_path, "-q", *QUICK).out for p in (houses, path)]
    assert scores[0] == scores[1] != ""


def test_arrays_from_an_npz_file(no_report, netgrad, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5)).astype(np.float32)
    np.savez(tmp_path / "two.npz", x=x, y=(x[:, 0] > 0).astype(int))
    result = netgrad("fit", tmp_path / "two.npz", "--out", tmp_path / "out", "-q", "--epochs", "10")
    assert (result.status, result.err) == (0, "")
    assert "accuracy" in result.out
    assert netgrad("inspect", tmp_path / "out" / "model.safetensors", tmp_path / "two.npz").status == 0


@pytest.mark.parametrize(
    "settings",
    [
        ("--loss", "binary_cross_entropy"),
        ("--loss", "cross_entropy", "--hidden", "0"),
        (
            "--optimizer",
            "momentum",
            "--schedule",
            "constant",
            "--batch-size",
            "0",
            "--clip-norm",
            "1",
            "--patience",
            "1",
        ),
        ("--penalty", "l1", "--alpha", "0.01", "--scaling", "range", "--validation", "0"),
        ("--penalty", "weight_elimination", "--dropout", "0.5", "--class-weight", "balanced", "--resample", "over"),
    ],
    ids=lambda settings: " ".join(settings),
)
def test_settings_reach_the_training(no_report, netgrad, houses, tmp_path, settings):
    result = netgrad("fit", houses, "--target", "kind", "--epochs", "2", *settings, "-q", "--out", tmp_path)
    assert (result.status, result.err) == (0, "")
    command = ng.load(tmp_path / "model.safetensors").card["command"]
    for option, value in zip(settings[::2], settings[1::2], strict=True):
        assert f"{option} {float(value) if option == '--clip-norm' else value}" in command


def test_a_target_can_be_forced_to_a_task(no_report, netgrad, tmp_path, refused):
    path = tmp_path / "rated.csv"
    path.write_text("x,stars\n" + "".join(f"{i},{i % 5}\n" for i in range(60)))
    for task, score in (("classification", "accuracy"), ("regression", "RMSE")):
        result = netgrad("fit", path, "--target", "stars", "--task", task, "--out", tmp_path, "-q", *QUICK)
        assert score in result.out
    line = refused("fit", path, "--target", "stars", "--task", "guessing", "--out", tmp_path, "-q")
    assert "unknown --task 'guessing'" in line


def test_no_word_of_the_layers_is_cut_on_a_narrow_terminal():
    from rich.console import Console

    from netgrad.cli.tables import layers
    from netgrad.report.layers import LayerRow

    values = {quantity: np.linspace(-1, 1, 9) for quantity in ("z", "a", "delta")}
    rows = [LayerRow(f"ensemble_1/dropout_{i}", "Dense", (128, 128, 256), 1_234_567, values) for i in range(2)]
    console = Console(width=80, file=io.StringIO())
    console.print(layers(rows))
    shown = console.file.getvalue()
    assert "…" not in shown
    assert {"parameters", "output", "128x128x256", "1,234,567"} <= set(shown.split())
