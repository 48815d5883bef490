"""Convolutional networks and folders of pictures on the command line."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import netgrad as ng
from netgrad.cli.predict import rows

QUICK = ("--net", "cnn", "--hidden", "8", "--filters", "2,3", "--epochs", "12", "--learning-rate", "0.02", "--quiet")


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    """A folder with 30 pictures of upright stripes and 30 of level ones, 12 x 12, a little noisy."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("pictures") / "stripes"
    for name, axis in (("level", 0), ("upright", 1)):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            wave = np.sin(np.arange(12) * 2 + rng.uniform(0, 6))
            picture = np.broadcast_to(np.expand_dims(wave, 1 - axis), (12, 12)) + 0.2 * rng.normal(size=(12, 12))
            Image.fromarray((127 + 60 * picture).clip(0, 255).astype(np.uint8)).save(folder / name / f"{i:02}.png")
    return folder


@pytest.fixture
def no_report(monkeypatch):
    """Leaves the drawing out where it is not what is tested."""
    monkeypatch.setattr(ng.report, "write", lambda model, x, y, path, **_: path)


def test_a_folder_of_pictures_is_learnt_and_predicted(netgrad, stripes, tmp_path, no_report):
    result = netgrad("fit", stripes, *QUICK, "--augment", "shift=1,noise=0.05", "--out", tmp_path)
    assert result.status == 0, result.err
    model = ng.load(tmp_path / "model.safetensors")
    assert [type(node.layer).__name__ for node in model.network.nodes][:4] == [
        "Augment",
        "Rescaling",
        "Conv",
        "MaxPool",
    ]
    assert model.card["classes"] == ["level", "upright"]
    assert model.card["scores"]["test_accuracy"] == 1
    predicted = pd.read_csv(
        io.StringIO(netgrad("predict", tmp_path / "model.safetensors", stripes).out), index_col="file"
    )
    truth = [name.split("/")[0] for name in predicted.index]
    assert len(truth) == 60
    assert (predicted.iloc[:, 0] == truth).mean() > 0.95


def test_pictures_of_several_sizes_are_brought_to_one(netgrad, stripes, tmp_path, no_report):
    several = tmp_path / "several"
    for i, file in enumerate(sorted(stripes.rglob("*.png"))):
        (several / file.parent.name).mkdir(parents=True, exist_ok=True)
        Image.open(file).resize((12 + i % 3, 12)).save(several / file.parent.name / file.name)
    Image.new("L", (900, 900)).save(several / "of no class.png")
    result = netgrad("fit", several, *QUICK, "--out", tmp_path)
    assert result.status == 0, result.err
    assert "differ in size: they are brought to 12x12 (--size decides otherwise)" in result.err
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["settings"]["size"] == 12
    assert len(netgrad("predict", tmp_path / "model.safetensors", several).out.splitlines()) == 62


def test_what_is_white_is_kept_in_the_model(netgrad, stripes, tmp_path, no_report):
    deep = tmp_path / "deep"
    for i, file in enumerate(sorted(stripes.rglob("*.png"))):
        (deep / file.parent.name).mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(Image.open(file)).astype(np.uint16) * (16 if i else 1)  # 12 bits; the first is dark
        Image.fromarray(pixels).save(deep / file.parent.name / file.name)
    assert netgrad("fit", deep, *QUICK, "--out", tmp_path).status == 0
    model = tmp_path / "model.safetensors"
    assert ng.load(model).card["data"]["white"] == 4095
    alone = tmp_path / "alone"
    alone.mkdir()
    (deep / "level" / "00.png").rename(alone / "00.png")
    x = rows(ng.load(model), str(alone), None)[0]
    assert x.max() < 0.07
    assert netgrad("predict", model, alone).out.count("\n") == 2


def test_pictures_brought_to_one_size(netgrad, stripes, tmp_path, no_report):
    result = netgrad("fit", stripes, *QUICK, "--size", 8, "--out", tmp_path)
    assert result.status == 0, result.err
    assert ng.load(tmp_path / "model.safetensors").shapes == {"x": (8, 8, 1)}
    assert netgrad("predict", tmp_path / "model.safetensors", stripes).status == 0


def test_a_cnn_of_digits(netgrad, tmp_path, no_report):
    result = netgrad("fit", "digits", "--net", "cnn", "--epochs", 6, "--quiet", "--out", tmp_path)
    assert result.status == 0, result.err
    assert ng.load(tmp_path / "model.safetensors").card["scores"]["test_accuracy"] > 0.9


def test_what_cannot_be_used_is_said_in_one_line(refused, stripes, houses, tmp_path):
    one = tmp_path / "one"
    (one / "only").mkdir(parents=True)
    Image.new("L", (4, 4)).save(one / "only" / "a.png")
    assert "1 sub-folder: expected at least two" in refused("fit", one)
    (one / "other").mkdir()
    Image.new("L", (4, 4)).save(one / "other" / "b.png")
    assert "one example is too few to hold 0.1 of them out" in refused("fit", one)
    for name in ("c.png", "d.jpg"):
        (one / "other" / name).write_text("no picture")
    line = refused("fit", one)
    assert "2 of 4 pictures cannot be read" in line
    assert "c.png" in line
    assert "d.jpg" in line
    assert "leave --target out" in refused("fit", stripes, "--target", "x")
    assert "--net cnn is for pictures" in refused("fit", houses, "--target", "kind", "--net", "cnn")
    assert "--augment is for pictures" in refused("fit", houses, "--target", "kind", "--augment", "shift=1")
    assert "did you mean 'shift'?" in refused("fit", stripes, "--augment", "shif=1")
    assert "--augment takes amounts" in refused("fit", stripes, "--augment", "shift=a")
    assert "--filters takes numbers" in refused("fit", stripes, "--filters", "a")
    assert "leaves 0 rows" in refused("fit", stripes, "--net", "cnn", "--size", 20, "--filters", "2,2,2,2")


def test_pictures_with_another_number_of_channels(netgrad, refused, stripes, price_model, tmp_path, no_report):
    assert netgrad("fit", stripes, *QUICK, "--epochs", 1, "--out", tmp_path).status == 0
    np.savez(tmp_path / "colour.npz", x=np.zeros((10, 12, 12, 3), np.uint8), y=[0, 1] * 5)
    line = refused("predict", tmp_path / "model.safetensors", tmp_path / "colour.npz")
    assert "do not fit this model" in line
    assert "is a folder of pictures, this model takes" in refused("predict", price_model / "model.safetensors", stripes)
