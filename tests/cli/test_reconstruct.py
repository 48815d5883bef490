"""`netgrad fit --reconstruct`, `predict` with its model, and `--pretrain`."""

import io

import numpy as np
import pandas as pd
import pytest

import netgrad as ng


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    """A table in which the girth follows from length and width, and the price from these and the kind."""
    rng = np.random.default_rng(0)
    length, width = rng.uniform(3, 6, 400), rng.uniform(2, 5, 400)
    kind = rng.choice(["flat", "house"], 400)
    price = 100 * (length + width) * np.where(kind == "house", 1.5, 1) + rng.normal(size=400)
    table = pd.DataFrame(
        {"length": length, "width": width, "girth": 2 * (length + width), "kind": kind, "price": price}
    )
    folder = tmp_path_factory.mktemp("rooms")
    table.to_csv(folder / "rooms.csv", index=False)
    odd = table[:40].copy()
    odd.loc[3, "girth"] += 12
    odd.loc[7, "price"] *= 2.5
    odd.insert(0, "name", [f"room {i}" for i in range(40)])
    odd.to_csv(folder / "odd.csv", index=False)
    return folder


def test_rows_unlike_the_others_score_above_1_and_the_columns_are_named(netgrad, rooms):
    out = rooms / "out"
    words = ("fit", rooms / "rooms.csv", "--reconstruct", "--hidden", "32,3", "--epochs", 150, "--out", out)
    result = netgrad(*words, "--no-report")
    assert result.status == 0, result.err
    assert "test r2 0.9" in result.out
    model = ng.load(out / "model.safetensors")
    assert model.card["what"] == "reconstruction of the rows of rooms.csv by a network of 4 layers"
    assert len(model.card["reconstruction"]["errors"]) == len(model.card["reconstruction"]["shares"])
    assert model.card["command"] == "netgrad fit rooms.csv --reconstruct --hidden 32,3 --epochs 150"
    said = netgrad("predict", out / "model.safetensors", rooms / "odd.csv", "--out", rooms / "scores.csv")
    assert said.status == 0, said.err
    scores = pd.read_csv(rooms / "scores.csv")
    assert list(scores.columns) == ["score", "unusual", "columns"]
    assert set(scores["score"].nlargest(2).index) == {3, 7}
    assert (scores["score"][[3, 7]] > 1).all()
    assert (scores["unusual"][[3, 7]] == 1).all()
    assert (scores["score"].drop([3, 7]) < 1).mean() > 0.9
    assert scores["columns"][7].startswith("price ")
    assert scores["columns"][3].startswith("girth ")
    assert scores["columns"][scores["score"] < 1].isna().all()


def test_a_signal_is_looked_at_in_windows(netgrad, refused, tmp_path):
    """Values that are usual one by one, in an order that is not: a level that stands still."""

    def signal(n, seed):
        at, noise = np.arange(n), np.random.default_rng(seed).normal(scale=0.05, size=(2, n))
        return pd.DataFrame({"level": np.sin(at / 3) + noise[0], "flow": np.cos(at / 3) + noise[1]})

    signal(600, 0).to_csv(tmp_path / "usual.csv", index=False)
    odd = signal(120, 1)
    odd.loc[60:67, "level"] = 0.2
    odd.to_csv(tmp_path / "odd.csv", index=False)
    given = (
        "fit",
        tmp_path / "usual.csv",
        "--reconstruct",
        "--hidden",
        "32,3",
        "--no-report",
        "--out",
        tmp_path / "out",
    )
    said = netgrad(*given, "--window", 8, "--epochs", 60)
    assert said.status == 0, said.err
    model = ng.load(tmp_path / "out" / "model.safetensors")
    assert model.card["what"].startswith("reconstruction of the windows of 8 rows of usual.csv")
    assert (model.card["data"]["train"], model.card["data"]["test"]) == (467, 119)  # 593 less 119, less 7 that overlap
    said = netgrad("predict", tmp_path / "out" / "model.safetensors", tmp_path / "odd.csv")
    assert said.status == 0, said.err
    scores = pd.read_csv(io.StringIO(said.out))
    assert scores["row"].tolist() == list(range(8, 121))
    assert scores["row"][scores["score"].idxmax()] in range(62, 76)
    assert (scores["score"][(scores["row"] < 60) | (scores["row"] > 76)] < 1.5).all()
    assert scores["score"].max() > 3
    assert "level" in scores["columns"][scores["score"].idxmax()]
    odd[:5].to_csv(tmp_path / "short.csv", index=False)
    told = "a window has 8 rows, and there are 5: give more rows, or train with a smaller --window"
    assert told in refused("predict", tmp_path / "out" / "model.safetensors", tmp_path / "short.csv")
    assert "0 windows of 590 rows are too few" in refused(*given, "--window", 590)


def test_a_code_that_can_be_a_copy_is_warned_of_in_one_line(netgrad, rooms, tmp_path):
    given = ("fit", rooms / "rooms.csv", "--reconstruct", "--epochs", 1, "--no-report", "-q", "--out", tmp_path)
    said = netgrad(*given, "--hidden", "8,20")
    assert said.status == 0, said.err
    assert said.err.count("warning") == 1
    assert "--hidden ends in a code of 20 numbers, more than the" in said.err


def test_what_cannot_be_reconstructed_is_one_line(refused, rooms, tmp_path):
    table = rooms / "rooms.csv"
    assert "--target has no effect with --reconstruct" in refused("fit", table, "--reconstruct", "--target", "price")
    assert "takes a table, a file named .csv" in refused("fit", "digits", "--reconstruct", "--out", tmp_path)
    assert "one at least" in refused("fit", table, "--reconstruct", "--hidden", "0", "--out", tmp_path)
    pd.DataFrame({"a": range(5)}).to_csv(tmp_path / "few.csv", index=False)
    assert "5 rows are too few" in refused("fit", tmp_path / "few.csv", "--reconstruct", "--out", tmp_path)


def test_pretrained_networks_are_trained_on(netgrad, refused, rooms):
    out = rooms / "pretrained"
    words = ("fit", rooms / "rooms.csv", "--target", "kind", "--out", out, "--epochs", 2, "--no-report", "--pretrain")
    assert netgrad(*words, "rbm", "--activation", "logistic", "--hidden", "6,4").status == 0
    assert ng.load(out / "model.safetensors").card["settings"]["pretrain"] == "rbm"
    assert "pre-train by autoencoder, or make them logistic" in refused(*words, "rbm")
    plain = ng.fit(ng.Autoencoder([ng.Dense(2)], inputs=3), np.eye(3), epochs=1)
    file = plain.save(out / "plain.safetensors")
    pd.DataFrame(np.eye(3)).to_csv(out / "eye.csv", index=False)
    assert "does not know which errors are usual" in refused("predict", file, out / "eye.csv")
    assert "found 'magic'" in refused(*words, "magic")
