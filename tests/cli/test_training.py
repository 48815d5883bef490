"""Schedules, optimisers and checkpoints from the command line."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.optimizers import OPTIMIZERS, SCHEDULES


@pytest.fixture
def fit(monkeypatch, netgrad, houses, tmp_path):
    monkeypatch.setattr(ng.report, "write", lambda model, x, y, path, **_: path)

    def run(*options):
        return netgrad("fit", houses, "--target", "price", "--hidden", "3", "-q", "--out", tmp_path / "out", *options)

    return run


@pytest.mark.parametrize(
    "options",
    [
        ("--optimizer", "levenberg_marquardt", "--batch-size", "0"),
        ("--optimizer", "delta_bar_delta", "--schedule", "warm_up_cosine"),
        ("--optimizer", "rprop"),
        ("--schedule", "plateau", "--metric", "mae,explained_variance"),
    ],
    ids=" ".join,
)
def test_reach_the_training(fit, tmp_path, options):
    result = fit("--epochs", "3", *options)
    assert (result.status, result.err) == (0, "")
    model = ng.load(tmp_path / "out" / "model.safetensors")
    assert len(model.history) == 3
    if "--metric" in options:
        assert {"mae", "val_mae", "val_explained_variance"} <= set(model.history.columns)
        assert "MAE" in result.out
        assert model.card["scores"]["test_mae"] > 100  # in the price's own terms


def test_a_checkpoint_goes_on(fit, tmp_path):
    plain = ("--schedule", "constant")
    assert fit("--epochs", "4", *plain).status == 0
    whole = ng.load(tmp_path / "out" / "model.safetensors")
    folder = tmp_path / "kept"
    assert fit("--epochs", "2", *plain, "--checkpoint", folder).status == 0
    assert fit("--epochs", "4", *plain, "--checkpoint", folder).status == 0
    resumed = ng.load(tmp_path / "out" / "model.safetensors")
    np.testing.assert_array_equal(whole.params["dense_1"]["W"], resumed.params["dense_1"]["W"])
    assert whole.history.rows == resumed.history.rows
    other = fit("--epochs", "4", *plain, "--checkpoint", folder, "--seed", "5")
    assert other.status == 2
    assert "checkpoints of another run" in other.err


def test_every_name_is_known(fit):
    for option, known in (("--optimizer", OPTIMIZERS), ("--schedule", (*SCHEDULES, "plateau"))):
        result = fit(option, "nothing")
        assert result.status == 2
        assert all(name in result.err for name in known)


def test_a_log_has_a_line_for_every_epoch_and_is_no_part_of_the_card(netgrad, houses, tmp_path):
    import json

    import netgrad as ng

    log = tmp_path / "run.jsonl"
    netgrad("fit", houses, "--target", "price", "--epochs", 3, "--hidden", 4, "--log", log, "--out", tmp_path, "-q")
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == ["start", *["epoch"] * 3, "end"]
    assert "--log" not in ng.load(tmp_path / "model.safetensors").card["command"]
    path = tmp_path / "steps.csv"
    path.write_text("id,v,y\n" + "".join(f"{i // 5},{i % 3},{'up' if i % 2 else 'down'}\n" for i in range(40)))
    netgrad("fit", path, "--net", "rnn", "--target", "y", "--epochs", 2, "--hidden", 3, "--log", log, "--out", tmp_path)
    assert len(log.read_text().splitlines()) == 5 + 4
