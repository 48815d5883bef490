"""Tables as people have them, from `netgrad fit` to `netgrad predict`: the first try works, and says what it did."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import netgrad as ng

REAL = Path(os.environ.get("NETGRAD_DATA", ""), "real")
needs_real = pytest.mark.skipif(
    not (REAL / "penguins.csv").is_file(), reason="needs the folder real in the one that NETGRAD_DATA names"
)
QUICK = ("--epochs", "1", "--hidden", "4", "--quiet")


@pytest.fixture
def learn(netgrad, tmp_path, monkeypatch):
    """Fits a table of this text without a report: its model's file, and what was said."""
    monkeypatch.setattr(ng.report, "write", lambda model, x, y, path, **_: path)

    def run(text, *options, target="y", name="t.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        result = netgrad("fit", path, "--target", target, *QUICK, *options, "--out", tmp_path / "out")
        assert result.status == 0, result.err
        return tmp_path / "out" / "model.safetensors", result.err

    return run


@pytest.fixture
def predicted(netgrad, tmp_path):
    """What a model predicts for a table of this text."""

    def run(model, text):
        (tmp_path / "new.csv").write_text(text)
        result = netgrad("predict", model, tmp_path / "new.csv")
        assert result.status == 0, result.err
        return pd.read_csv(io.StringIO(result.out))["prediction"].tolist()

    return run


def test_a_messy_table_is_fitted_and_predicted_as_a_clean_one(learn, predicted):
    rng = np.random.default_rng(0)
    n = 60
    sizes, prices = rng.integers(1000, 9000, n), rng.integers(100, 999, n) / 8
    colours = rng.choice(["01", "1", "A1"], n)
    target = [f"{price:.3f}".replace(".", ",") for price in prices]
    rows = zip(sizes, colours, target, strict=True)
    lines = [f"{i};{s:_},5 kg;{c};{s % 28 + 1}.{s % 12 + 1}.2024;{t};" for i, (s, c, t) in enumerate(rows)]
    text = "Our sales in 2024\n\nnr;size;colour;when;y;\n" + "\n".join(lines).replace("_", ".") + "\n"
    model, said = learn(text)
    for words in ("'Our sales in 2024'", "end of every row", "'nr' numbers the rows", "'size' is read as numbers"):
        assert said.count(words) == 1
    encoder = ng.load(model).encoder
    assert encoder.feature_names[:4] == ["size", "colour=01", "colour=1", "colour=A1"]
    assert ng.load(model).target_encoder.task == "regression"
    # The same rows, alone and together, in another order of columns, dates and numbers in other forms.
    one = predicted(model, 'when,colour,size\n2024-02-05,01,"5.000,5"\n')
    assert predicted(model, 'colour;size;when\n01;"5.000,5 kg";5.2.2024\nA1;7;1.1.2024\n')[0] == pytest.approx(
        one[0], rel=1e-6
    )


def test_python_tests_on_the_same_rows_with_the_same_scores(netgrad, tmp_path):
    rng = np.random.default_rng(0)
    sizes = rng.uniform(1, 9, 80).round(3)
    lines = [f"{size},{'ab'[i % 2]},{'dear' if size > 5 else 'cheap'}" for i, size in enumerate(sizes)]
    (tmp_path / "t.csv").write_text("size,kind,y\n" + "\n".join(lines) + "\n")
    how = ("--test", "0.25", "--epochs", "2", "--seed", "3", "--no-report", "--quiet", "--out", tmp_path / "out")
    assert netgrad("fit", tmp_path / "t.csv", "--target", "y", *how).status == 0
    table = ng.data.read_table(tmp_path / "t.csv")
    model = ng.fit_table(table, "y", test=0.25, epochs=2, seed=3)
    assert ng.load(tmp_path / "out" / "model.safetensors").card["scores"] == model.card["scores"]


def test_rows_without_a_target_are_left_out_and_said(learn):
    rows = "".join(f"{3 * i % 31},{'ab'[i % 2]}\n" for i in range(30))
    model, said = learn("x,y\n" + rows + "4,\n5,NA\n")
    assert "2 rows of 32 have no value of 'y', which is to be predicted: left out" in said
    assert ng.load(model).card["data"]["rows"] == 30


def test_words_that_mean_missing_hold_for_later_tables(learn, predicted):
    rows = "".join(f"{3 * i % 31},{['NA', 'x'][i % 2]},{i % 7 / 2}\n" for i in range(30))
    model, said = learn("n,k,y\n" + rows + "-999,x,1.5\n", "--missing-values=-999")
    assert "missing values in 'n'" in said
    encoder = ng.load(model).encoder
    assert encoder.feature_names == ["n", "n missing", "k=NA", "k=x"]
    a, b, c = predicted(model, "n,k\n-999,NA\n-999,x\n5,x\n")
    assert len({a, b, c}) == 3
    model, _ = learn("n,k,y\n" + rows, "--categorical", "n", "--numeric", "n")
    assert len(ng.load(model).encoder.columns[0].categories) > 20


@needs_real
@pytest.mark.parametrize(
    ("file", "target", "task"),
    [
        ("flights.parquet", "late", "classification"),
        ("penguins.csv", "Species", "classification"),
        ("delays.csv.gz", "arr_delay", "regression"),
        ("dollar.csv", "y", "classification"),
        ("semicolon.csv", "y", "classification"),
        ("thousands.csv", "y", "classification"),
    ],
)
def test_real_tables_at_the_first_try(learn, netgrad, tmp_path, file, target, task):
    model, _ = learn((REAL / file).read_bytes(), target=target, name=file)
    assert ng.load(model).target_encoder.task == task
    result = netgrad("predict", model, tmp_path / file)
    assert result.status == 0, result.err
