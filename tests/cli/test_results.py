"""A trained model is on disk before anything else is tried, and whatever fails then costs a line and status 1."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pooch
import pytest
import typer
from PIL import Image

import netgrad as ng
from netgrad.cli import faults
from netgrad.cli.results import Trained, finish

X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
Y = X.sum(1)


@pytest.fixture(autouse=True)
def logs(monkeypatch, tmp_path):
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)


@pytest.fixture(scope="module")
def fitted():
    return ng.fit(ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)]), X, Y, epochs=2)


@pytest.fixture
def finished(fitted, tmp_path, capsys):
    """Finishes with a model: status, what was printed, the lines on the standard error, and the folder."""

    def run(model=fitted, folder=tmp_path / "out", **settings):
        model.card = {}
        batch = model.batch(X, Y)
        trained = Trained(model, lambda: model.evaluate(X, Y), {"x": X, "y": Y}, lambda: (batch, batch))
        status = 0
        try:
            finish(trained, folder, **{"quiet": False, "report": True} | settings)
        except typer.Exit as end:
            status = end.exit_code
        out, err = capsys.readouterr()
        return status, out, err.splitlines(), folder

    return run


def broken(*_, **__):
    raise ValueError("too many values")


PARTS = {
    "measuring its scores": "netgrad.training.model.Model.evaluate",
    "the table of its layers": "netgrad.report.layers.traced",
    "the diagnosis": "netgrad.diagnosis.evidence.Evidence.__init__",
    "its report": "netgrad.report.html.render",
    "the part 'Learning curve' of its report": "netgrad.report.html.learning",
    "showing the results": "netgrad.cli.tables.score_line",
}


@pytest.mark.parametrize("part", PARTS)
def test_whatever_fails_is_one_line_and_the_model_is_there(part, finished, monkeypatch):
    where = "rich.console.Console.print" if part == "showing the results" else PARTS[part]
    monkeypatch.setattr(where, broken)
    status, _, lines, folder = finished(quiet=part == "showing the results")
    assert status == 1
    assert len(lines) == 1 or part == "measuring its scores"  # which the report asks for, too
    assert (
        f"netgrad: the model is in {folder / 'model.safetensors'}, but {part} failed: ValueError: too many" in lines[0]
    )
    (place,) = re.findall(r"details in (\S+?\.log)\): please report it", lines[0])
    assert "too many values" in Path(place).read_text()
    assert ng.load(folder / "model.safetensors").predict(X).shape == (12,)


def test_all_goes_well(finished):
    status, out, lines, folder = finished()
    assert (status, lines) == (0, [])
    assert f"model   {folder / 'model.safetensors'}" in out
    assert f"report  {folder / 'report.html'}" in out
    assert set(ng.load(folder / "model.safetensors").card["scores"]) == {"test_loss", "test_rmse", "test_r2"}
    assert (folder / "report.html").is_file()


def test_no_report_is_only_the_model_and_its_scores(finished, monkeypatch):
    monkeypatch.setattr("netgrad.diagnosis.evidence.Evidence.__init__", broken)
    status, out, lines, folder = finished(report=False)
    assert (status, lines) == (0, [])
    assert out.startswith("test r2")
    assert [path.name for path in folder.iterdir()] == ["model.safetensors"]


def test_an_interruption_says_where_the_model_is(finished, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("netgrad.report.html.render", interrupted)
    status, _, lines, folder = finished()
    assert status == 130
    assert lines == [f"netgrad: interrupted after training: the model is in {folder / 'model.safetensors'}"]

    def within(*_, **__):
        raise ImportError("half loaded") from KeyboardInterrupt()

    monkeypatch.setattr("netgrad.report.html.render", within)
    assert finished()[0] == 130


def test_a_reader_that_has_seen_enough_costs_no_report(finished, monkeypatch):
    def gone(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("rich.console.Console.print", gone)
    monkeypatch.setattr(faults, "silence", lambda: None)
    status, _, lines, folder = finished()
    assert (status, lines) == (0, [])
    assert (folder / "report.html").is_file()


def test_a_place_that_went_away_during_training(finished, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    status, _, lines, _ = finished(folder=tmp_path / "file" / "out")
    assert status == 1
    (place,) = re.findall(r"Not a directory; the model is in (\S+)", lines[0])
    assert {path.name for path in Path(place).iterdir()} == {"model.safetensors", "report.html"}


@pytest.mark.filterwarnings("ignore::netgrad.NetgradWarning")
def test_weights_that_are_not_finite(finished, fitted, capsys):
    model = ng.Model(**vars(fitted))
    weights = np.array(fitted.params["dense_1"]["W"])
    weights[0] = np.nan
    model.params = fitted.params | {"dense_1": fitted.params["dense_1"] | {"W": weights}}
    status, out, lines, folder = finished(model)
    assert status == 1
    assert lines[0].startswith("netgrad: training has failed: 2 of 6 numbers in W of layer dense_1 are not finite")
    assert len(lines) == 1
    assert "not finite" in out
    assert (folder / "model.safetensors").is_file()


def test_scores_that_are_not_finite(finished, monkeypatch):
    monkeypatch.setattr("netgrad.training.model.Model.evaluate", lambda *_, **__: {"rmse": float("inf"), "loss": 1.0})
    status, _, lines, folder = finished(report=False)
    assert status == 1
    assert lines == [f"netgrad: the model is in {folder / 'model.safetensors'}, but its test rmse is not finite"]


def test_a_home_that_cannot_be_written_to(tmp_path):
    (tmp_path / "home").write_text("a file, in which not even root can make a folder")
    small = ("fit", "iris", "--epochs", "1", "--hidden", "3", "-q", "--out", str(tmp_path / "out"))
    run = [sys.executable, "-c", "import sys; from netgrad_command import main; sys.exit(main())"]
    own = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    elsewhere = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "MPLCONFIGDIR")
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere} | own
    done = subprocess.run([*run, *small], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"model.safetensors", "report.html"}


# --- every kind of data, from the command line


def a_table(folder):
    rows = [f"{i % 7},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    (folder / "t.csv").write_text("\n".join(["x,v,y", *rows]))
    return folder / "t.csv", "--target", "y"


def pictures(folder):
    for i in range(12):
        place = folder / "pictures" / "ab"[i % 2] / f"{i}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((6, 6), 10 * i, np.uint8)).save(place)
    return folder / "pictures", "--net", "cnn", "--filters", "2"


def sequences(folder):
    rows = [f"{i // 5},{i % 3},{'ab'[i % 2]}" for i in range(40)]
    (folder / "s.csv").write_text("\n".join(["id,v,y", *rows]))
    return folder / "s.csv", "--net", "rnn", "--target", "y"


def a_text(folder):
    (folder / "t.txt").write_text("to be or not to be, " * 20)
    return folder / "t.txt", "--net", "rnn"


@pytest.mark.parametrize("data", [a_table, pictures, sequences, a_text])
def test_fit_survives_its_report(data, netgrad, tmp_path, monkeypatch):
    monkeypatch.setattr("netgrad.report.html.render", broken)
    small = ("--hidden", 3, "--epochs", 1, "-q", "--out", tmp_path / "out")
    arguments = ("fit", *data(tmp_path), *small)
    result = netgrad(*arguments)
    assert result.status == 1
    assert "but its report failed: ValueError: too many values (details in" in result.err
    assert len(result.err.splitlines()) == 1
    model = ng.load(tmp_path / "out" / "model.safetensors")
    assert model.card["scores"]
    assert not (tmp_path / "out" / "report.html").exists()
    result = netgrad(*arguments, "--no-report")
    assert (result.status, result.err) == (0, "")
    assert "--no-report" not in ng.load(tmp_path / "out" / "model.safetensors").card["command"]
