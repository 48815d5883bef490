"""`netgrad fit --pairs`: a table of which few rows have a label."""

import numpy as np
import pandas as pd
import pytest

import netgrad as ng


@pytest.fixture
def few(tmp_path):
    """600 handwritten digits, of which 40 have a label; and the truth."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x, y = digits.data[:600], digits.target[:600]
    kind = np.array([f"digit {c}" for c in y], object)
    told = kind.copy()
    keep = np.concatenate([np.flatnonzero(y == c)[:4] for c in range(10)])
    told[np.setdiff1d(np.arange(600), keep)] = None
    path = tmp_path / "few.csv"
    pd.DataFrame(x).add_prefix("pixel_").assign(kind=told).to_csv(path, index=False)
    return path, kind


def test_rows_without_a_label_help(netgrad, few, tmp_path):
    path, kind = few
    right = {}
    ways = {"pairs": ("--pairs", "--epochs", "10"), "labels": ("--hidden", "64", "--epochs", "200")}
    for name, more in ways.items():
        out = ("--out", tmp_path / name, "-q", "--no-report", "--scaling", "range", "--alpha", "0")
        result = netgrad("fit", path, "--target", "kind", *more, *out)
        assert result.status == 0, result.err
        said = netgrad("predict", tmp_path / name / "model.safetensors", path).out.splitlines()[1:]
        right[name] = np.mean(np.array(said) == kind)
    assert right["pairs"] > right["labels"] + 0.02
    card = ng.load(tmp_path / "pairs" / "model.safetensors").card
    assert card["data"]["unlabelled"] == 560
    assert card["data"]["rows"] == 40
    assert len(card["classes"]) == 10


def test_what_has_no_pairs_is_one_line(refused, few, houses, tmp_path):
    out = ("--pairs", "--out", tmp_path / "out", "-q")
    line = refused("fit", houses, "--target", "kind", *out)
    assert "every row of houses.csv has a value of 'kind': leave --pairs out" in line
    assert "--pairs is for a table in a file" in refused("fit", "iris", *out)
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1])
    assert "known of a table in a file" in refused("fit", tmp_path / "a.npz", "--target", "y", *out)
    assert "--net has no effect with --pairs" in refused("fit", few[0], "--target", "kind", "--net", "cnn", *out)
    assert "--devices" in refused("fit", few[0], "--target", "kind", "--devices", "2", *out)
    assert not (tmp_path / "out").exists()
