"""`netgrad fit --posterior` and `--restart`: what a model file then knows, and what `netgrad predict` writes."""

import io

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

PLAIN = ("--hidden", "6", "--activation", "tanh", "--epochs", "60", "--learning-rate", "0.02")


def table(netgrad, *arguments):
    result = netgrad("predict", *arguments)
    assert (result.status, result.err) == (0, "")
    return pd.read_csv(io.StringIO(result.out))


def test_predictions_of_a_quantity_have_a_spread(netgrad, houses, tmp_path, monkeypatch):
    reported = []
    monkeypatch.setattr(ng.report, "write", lambda model, x, y, path, **_: reported.append(model) or path)
    result = netgrad("fit", houses, "--target", "price", "--posterior", "--out", tmp_path, *PLAIN)
    assert result.status == 0, result.err
    assert "Posterior of 55 weights (full)" in result.out
    assert reported[0].posterior is not None  # of which the report draws the bands
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["settings"]["posterior"] is True
    assert "test_rmse" in model.card["scores"]
    said = table(netgrad, tmp_path / "model.safetensors", houses)
    assert list(said) == ["prediction", "spread"]
    truth = pd.read_csv(houses)["price"]
    assert 0.85 < np.mean(np.abs(said["prediction"] - truth) < 1.96 * said["spread"]) <= 1
    far = tmp_path / "far.csv"
    far.write_text("size,rooms,colour,kind\n100,3,red,small\n2000,3,red,big\n")
    spread = table(netgrad, tmp_path / "model.safetensors", far)["spread"]
    assert spread[1] > 2 * spread[0]


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy"])
def test_classes_know_their_doubt(netgrad, houses, tmp_path, loss):
    out = ("--out", tmp_path, "-q", "--no-report", "--loss", loss, *PLAIN)
    assert netgrad("fit", houses, "--target", "kind", "--posterior", *out).status == 0
    path = tmp_path / "model.safetensors"
    said, plainly = table(netgrad, path, houses, "--proba"), table(netgrad, path, houses)
    assert list(said) == ["prediction", "p(big)", "p(small)", "spread(big)", "spread(small)"]
    assert list(plainly) == ["prediction"]
    assert (plainly["prediction"] == said["prediction"]).all()
    assert ((said["p(big)"] > 0.5) == (said["prediction"] == "big")).all()
    assert np.allclose(said["p(big)"] + said["p(small)"], 1, atol=1e-5)
    assert (said[["spread(big)", "spread(small)"]] >= 0).all(axis=None)
    model = ng.load(path)
    x = model.encode_inputs(pd.read_csv(houses))
    assert np.abs(said["p(big)"] - 0.5).sum() < np.abs(np.asarray(model.predict_proba(x))[:, 0] - 0.5).sum()


def test_a_posterior_that_fails_costs_no_model(netgrad, houses, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ng.NetgradError("the curvature is singular")

    monkeypatch.setattr(ng, "posterior", fail)
    result = netgrad("fit", houses, "--target", "price", "--posterior", "--out", tmp_path, "-q", "--no-report", *PLAIN)
    assert result.status == 1
    assert "its posterior failed: the curvature is singular" in result.err
    model = ng.load(tmp_path / "model.safetensors")
    assert model.posterior is None
    assert "test_rmse" in model.card["scores"]


def test_what_has_no_posterior_is_refused_before_training(refused, houses, tmp_path):
    line = refused("fit", houses, "--target", "price", "--posterior", "--loss", "huber", "--out", tmp_path, "-q")
    assert "--posterior: a posterior is of models trained by squared_error" in line
    assert not list(tmp_path.iterdir())


def test_restarts_reach_the_training(netgrad, houses, tmp_path, refused):
    out = ("--target", "price", "--out", tmp_path, "-q", "--no-report", "--hidden", "4")
    slow = ("--learning-rate", "1e-7", "--epochs", "12")
    assert netgrad("fit", houses, *out, *slow, "--restart", "2").status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert len(model.history) == 32
    assert model.card["settings"]["restart"] == 2
    line = refused("fit", houses, *out, "--restart", "2", "--pretrain", "autoencoder")
    assert "--restart draws anew what --pretrain has learned" in line
    line = refused("fit", houses, "--restart", "2", "--reconstruct", "-q")
    assert "--restart has no effect with --reconstruct" in line
