"""Sequences on the command line: tables in long format, and texts."""

import io
import re

import numpy as np
import pandas as pd
import pytest

import netgrad as ng


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """Random walks: whether each is above its start at each step, and which way it drifts."""
    path, rng = tmp_path_factory.mktemp("steps") / "walks.csv", np.random.default_rng(0)
    rows = ["id,t,v,mood,kind"]
    for i in range(40):
        drift, place = rng.choice([-1, 1]), 0.0
        for t in range(rng.integers(4, 9)):
            v = rng.normal(drift)
            place += v
            rows.append(f"w{i},{t},{v:.3f},{'up' if place > 0 else 'down'},{'rise' if drift > 0 else 'fall'}")
    path.write_text("\n".join(rows))
    return path


@pytest.mark.parametrize(
    ("options", "columns", "rows", "shown"),
    [
        (("--net", "lstm", "--bidirectional", "--target", "mood"), "id,t,step,prediction", None, "Confusion matrix"),
        (
            [
                "--net",
                "coupled_lstm",
                "--target",
                "kind",
                "--goal",
                "label",
                "--fix",
                "--metric",
                "f1_macro",
                "--label-smoothing",
                "0.1",
            ],
            "id,prediction",
            40,
            "Confusion matrix",
        ),
        (("--net", "transformer", "--target", "mood"), "id,t,step,prediction", None, "Confusion matrix"),
        (
            ("--net", "gru", "--target", "v", "--goal", "tag", "--drop", "kind", "--metric", "mae"),
            "id,t,step,prediction",
            None,
            "Predictions beside the truth",
        ),
    ],
)
def test_fit_report_and_predict(netgrad, steps, tmp_path, options, columns, rows, shown):
    fitted = netgrad("fit", steps, *options, "--time", "t", "--hidden", "8", "--epochs", 3, "--out", tmp_path, "-q")
    assert fitted.status == 0, fitted.err
    assert fitted.out.startswith("test ")
    page = (tmp_path / "report.html").read_text()
    through = set() if "transformer" in options else {"Gradients through time"}
    assert {"Learning curve", shown} | through <= set(re.findall("<h2>(.*?)</h2>", page))
    assert "on 8 test sequences" in page
    model = ng.load(tmp_path / "model.safetensors")
    if "--metric" in options:
        metric = options[options.index("--metric") + 1]
        assert {metric, f"val_{metric}"} <= set(model.history.columns)
        assert f"<dt>{metric}</dt>" in page
    if "mae" in options:  # in the target's own terms: a little less than the root of the mean square
        rmse, mae = (model.card["scores"][f"test_{name}"] for name in ("rmse", "mae"))
        assert 0.5 * rmse < mae < 1.01 * rmse
    if "--label-smoothing" in options:
        assert model.objective.terms[0][1].label_smoothing == 0.1
    predicted = netgrad("predict", tmp_path / "model.safetensors", steps)
    lines = predicted.out.strip().splitlines()
    assert lines[0] == columns
    assert len(lines) - 1 == (rows or len(steps.read_text().splitlines()) - 1)
    more = netgrad("predict", tmp_path / "model.safetensors", steps, "--proba")
    if "v" in options:
        assert "--proba is for classes" in more.err
        return
    table = pd.read_csv(io.StringIO(more.out))
    p = table.iloc[:, -2:]
    assert list(table)[:-2] == columns.split(",")
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p.idxmax(axis=1) == "p(" + table["prediction"] + ")").all()


def test_a_target_that_stays_the_same_is_the_label_of_its_sequence(netgrad, steps, tmp_path):
    command = ("fit", steps, "--net", "gru", "--target", "kind", "--hidden", "4", "--epochs", 1, "--no-report", "-q")
    fitted = netgrad(*command, "--out", tmp_path)
    assert "'kind' is the same all along each sequence: one label for each is learned (--goal tag" in fitted.err
    assert len(netgrad("predict", tmp_path / "model.safetensors", steps).out.strip().splitlines()) == 1 + 40
    told = netgrad(*command, "--goal", "tag", "--out", tmp_path)
    assert "the same all along" not in told.err
    assert len(netgrad("predict", tmp_path / "model.safetensors", steps).out.strip().splitlines()) > 1 + 40


def test_a_text_is_learned_and_written(netgrad, refused, tmp_path):
    text = tmp_path / "rhyme.txt"
    text.write_text("round and round the garden, like a teddy bear. " * 20)
    fitted = netgrad(
        "fit",
        text,
        "--net",
        "gru",
        "--hidden",
        "16",
        "--epochs",
        4,
        "--out",
        tmp_path,
        "-q",
        "--fix",
        "--metric",
        "acc,f1_macro",
        "--fix",
    )
    assert fitted.status == 0, fitted.err
    assert "bits" in fitted.out
    assert "training failed" in fitted.err
    assert "and was repaired" in fitted.err
    scores = ng.load(tmp_path / "model.safetensors").card["scores"]
    assert scores["test_acc"] == pytest.approx(scores["test_accuracy"], abs=1e-5)
    assert "test_f1_macro" in scores
    assert "unknown --metric 'f2'" in refused("fit", text, "--net", "gru", "--metric", "f2")
    assert "<h2>Symbols that cost most</h2>" in (tmp_path / "report.html").read_text()
    written = netgrad("sample", tmp_path / "model.safetensors", "--prime", "round", "--length", 12)
    assert written.out.startswith("round")
    assert len(written.out) == len("round") + 12 + 1
    assert "'!' at position 0" in refused("sample", tmp_path / "model.safetensors", "--prime", "!")
    assert "model of text: `netgrad sample`" in refused("predict", tmp_path / "model.safetensors", text)
    assert "--bidirectional" in refused("fit", text, "--net", "gru", "--bidirectional")
    assert "--filters has no effect on text" in refused("fit", text, "--net", "gru", "--filters", "3")


def test_a_text_is_learned_and_written_by_a_transformer(netgrad, refused, tmp_path):
    text = tmp_path / "rhyme.txt"
    text.write_text("round and round the garden, like a teddy bear. " * 40)
    given = ("fit", text, "--net", "transformer", "--truncate", 16, "-q")
    fitted = netgrad(*given, "--hidden", "16", "--epochs", 40, "--out", tmp_path, "--learning-rate", "0.02")
    assert fitted.status == 0, fitted.err
    assert "<h2>Symbols that cost most</h2>" in (tmp_path / "report.html").read_text()
    written = netgrad(
        "sample", tmp_path / "model.safetensors", "--prime", "round and", "--length", 60, "--temperature", 0
    )
    assert "the garden, like a teddy bear" in written.out  # longer than the 16 symbols that it sees
    assert "leave it out" in refused(*given, "--bidirectional")
    assert "--hidden 64,64 is two of 64" in refused(*given, "--hidden", "64,32")


@pytest.mark.parametrize("net", ["rnn", "transformer"])
def test_the_best_epoch_of_a_text_is_kept(netgrad, refused, tmp_path, net):
    """Of symbols in random order, which can be learned by heart alone; a short text has too few to tell."""
    text = tmp_path / "noise.txt"
    text.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 800)))
    given = ("fit", text, "--net", net, "--hidden", 16, "--epochs", 30, "--learning-rate", 0.03, "-q", "--no-report")
    netgrad(*given, "--validation", 0.2, "--patience", 2, "--out", tmp_path)
    history = ng.load(tmp_path / "model.safetensors").history
    assert len(history["loss"]) - 1 - int(np.argmin(history["val_loss"])) == 2
    assert len(history["loss"]) < 30
    netgrad(*given[:6], "--epochs", 1, "-q", "--no-report", "--out", tmp_path)
    assert "val_loss" not in ng.load(tmp_path / "model.safetensors").history.rows[0]
    said = refused(*given, "--validation", 0.001)
    assert "--validation 0.001 of 640 symbols leaves too few on one side" in said


def test_a_long_text_is_watched_by_itself(netgrad, tmp_path):
    text = tmp_path / "noise.txt"
    text.write_text("".join(np.random.default_rng(0).choice(list("abcdefgh"), 12_500)))
    netgrad("fit", text, "--net", "rnn", "--hidden", 4, "--epochs", 1, "-q", "--no-report", "--out", tmp_path)
    model = ng.load(tmp_path / "model.safetensors")
    assert "val_loss" in model.history.rows[0]
    assert model.card["settings"]["patience"] == 5


def test_a_transformer_labels_a_sequence(netgrad, steps, tmp_path):
    label = ("--net", "transformer", "--target", "kind", "--goal", "label", "--time", "t", "--hidden", "8")
    fitted = netgrad("fit", steps, *label, "--epochs", 1, "--out", tmp_path, "-q", "--no-report")
    assert fitted.status == 0, fitted.err
    assert len(netgrad("predict", tmp_path / "model.safetensors", steps).out.strip().splitlines()) == 1 + 40


def test_wrong_questions(refused, steps):
    assert "--target" in refused("fit", steps, "--net", "rnn")
    assert "'mod'" in refused("fit", steps, "--net", "rnn", "--target", "mod")
    assert "'walk'" in refused("fit", steps, "--net", "rnn", "--target", "mood", "--id", "walk")
    assert "at least one hidden layer" in refused("fit", steps, "--net", "rnn", "--target", "mood", "--hidden", "0")
    assert "is for sequences" in refused("fit", "iris", "--bidirectional")


def test_data_that_will_not_do(netgrad, refused, steps, tmp_path):
    lines = steps.read_text().splitlines()
    for name, content in {
        "one.csv": lines[:3],
        "empty.csv": lines[:1],
        "hole.csv": [*lines[:4], "w9,0,,up,rise", *lines[4:]],
        "word.csv": [*lines[:4], "w9,0,high,up,rise", *lines[4:]],
    }.items():
        (tmp_path / name).write_text("\n".join(content))
    fit = ("--net", "rnn", "--target", "mood", "--epochs", 1, "--hidden", 2, "--out", tmp_path, "-q")
    assert "too few to keep one for testing" in refused("fit", tmp_path / "one.csv", *fit)
    assert "0 rows" in refused("fit", tmp_path / "empty.csv", *fit)
    assert "'v' has 1 missing value" in refused("fit", tmp_path / "hole.csv", *fit, "--missing", "error")
    assert "changes within sequence 'w" in refused("fit", steps, *fit, "--goal", "label")
    assert netgrad("fit", steps, *fit).status == 0
    model = tmp_path / "model.safetensors"
    filled = netgrad("predict", model, tmp_path / "hole.csv")
    assert filled.status == 0
    assert "'v' has 1 missing value" in filled.err
    assert "'high' in row 4" in refused("predict", model, tmp_path / "word.csv")
    (tmp_path / "tiny.txt").write_text("ab")
    assert "2 symbols: too few" in refused("fit", tmp_path / "tiny.txt", "--net", "gru")


def test_predictions_come_in_the_order_of_the_file_with_its_columns_and_a_test_file(netgrad, refused, tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": np.repeat(np.arange(12), 4), "t": np.tile(np.arange(4), 12)})
    table["v"] = rng.normal(size=48)
    table["mood"] = np.where(table["v"] > 0, "up", "down")
    mixed = table.sample(frac=1, random_state=0)
    mixed.to_csv(tmp_path / "a.csv", index=False)
    table[:20].to_csv(tmp_path / "b.csv", index=False)
    fit = ("fit", tmp_path / "a.csv", "--net", "rnn", "--hidden", 4, "--id", "id", "--time", "t", "--target", "mood")
    fit = (*fit, "--epochs", 1, "--no-report", "-q", "--out", tmp_path)
    assert netgrad(*fit, "--test", tmp_path / "b.csv", "--only", "v").status == 0
    model = ng.load(tmp_path / "model.safetensors")
    assert model.card["data"] == {"name": "a.csv", "sequences": 12, "test": 5}
    assert model.card["settings"]["test"] == "b.csv"
    assert model.encoder.feature_names == ["v"]
    said = netgrad("predict", tmp_path / "model.safetensors", tmp_path / "a.csv").out.splitlines()
    assert said[0] == "id,t,step,prediction"
    places = [tuple(int(cell) for cell in line.split(",")[:3]) for line in said[1:]]
    assert places == [(i, t, t + 1) for i, t in zip(mixed["id"], mixed["t"], strict=True)]
    table.drop(columns="mood").to_csv(tmp_path / "c.csv", index=False)
    assert "c.csv has no column 'mood': expected the truth" in refused(*fit, "--test", tmp_path / "c.csv")
    (tmp_path / "t.txt").write_text("abcab" * 200)
    said = refused("fit", tmp_path / "t.txt", "--net", "gru", "--test", tmp_path / "b.csv", "--out", tmp_path)
    assert "--test is the share of a text that is kept for testing" in said


def test_inspect_measures_the_sequences_of_a_file(netgrad, refused, steps, tmp_path):
    fit = ("fit", steps, "--net", "gru", "--target", "kind", "--goal", "label", "--time", "t", "--hidden", "4")
    assert netgrad(*fit, "--epochs", 1, "--no-report", "-q", "--out", tmp_path).status == 0
    shown = netgrad("inspect", tmp_path / "model.safetensors", steps)
    assert shown.status == 0, shown.err
    assert f"on {steps}: accuracy" in shown.out.replace("\n", "")
    (tmp_path / "bare.csv").write_text("id,t,v,mood\nw1,0,1,up\nw1,1,2,up\n")
    assert "no column 'kind'" in refused("inspect", tmp_path / "model.safetensors", tmp_path / "bare.csv")
