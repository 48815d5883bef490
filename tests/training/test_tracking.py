"""Runs that are written down, read back with their readers' own code; and progress, wherever it is watched."""

import io
import json
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import netgrad as ng
from netgrad.training.loop import Run
from netgrad.training.progress import surroundings
from netgrad.training.task import Carry

X, Y = np.eye(4), np.arange(4.0)


def train(*callbacks, epochs=3, **settings):
    net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    return ng.fit(net, X, Y, epochs=epochs, validation=(X, Y), callbacks=callbacks, **settings)


class Break(ng.Callback):
    def on_epoch(self, run):
        if run.epoch == 2:
            raise KeyboardInterrupt


# --- JSON lines


def test_json_lines_hold_the_history(tmp_path):
    path = tmp_path / "logs" / "run.jsonl"
    model = train(ng.JsonLog(path), optimizer="sgd", learning_rate=0.25)
    start, *epochs, end = map(json.loads, path.read_text().splitlines())
    assert start["event"] == "start"
    assert (start["epochs"], start["optimizer"], start["learning_rate"]) == (3, "sgd", 0.25)
    assert start["parameters"] == model.parameters
    for logged, row in zip(epochs, model.history, strict=True):
        assert logged.items() >= row.items()
    assert end["event"] == "end"
    assert end["epoch"] == 3
    assert start["seconds"] <= epochs[0]["seconds"] <= end["seconds"]
    train(ng.JsonLog(path), ng.StopBelow(1e9))
    more = [json.loads(line) for line in path.read_text().splitlines()][5:]
    assert [line["event"] for line in more] == ["start", "epoch", "end"]
    assert "fell below" in more[-1]["stopped"]


def test_json_lines_say_how_a_run_failed_and_stay_json(tmp_path):
    path = tmp_path / "run.jsonl"
    with pytest.raises(KeyboardInterrupt):
        train(ng.JsonLog(path), Break())
    assert json.loads(path.read_text().splitlines()[-1])["error"].startswith("KeyboardInterrupt")
    log = ng.JsonLog(tmp_path / "odd.jsonl")
    try:
        raise ValueError("of the caller")
    except ValueError:
        train(log)  # a run within somebody's error handling has not failed
    assert "error" not in json.loads((tmp_path / "odd.jsonl").read_text().splitlines()[-1])
    run = Run(ng.Task(), Carry({"W": np.ones(3)}, {}, ()), 1, epoch=1)
    log.on_start(run)
    run.history.append({"epoch": 1, "loss": math.nan})
    log.on_epoch(run)
    last = (tmp_path / "odd.jsonl").read_text().splitlines()[-1]
    assert json.loads(last, parse_constant=pytest.fail)["loss"] is None


def test_a_log_that_cannot_be_written(tmp_path):
    with pytest.raises(ng.FileError, match="cannot write the log"):
        train(ng.JsonLog(tmp_path))
    log = ng.JsonLog(tmp_path / "full.jsonl")

    class Full(ng.Callback):
        def on_start(self, run):
            log._file.close()

    with pytest.warns(ng.NetgradWarning, match="JsonLog failed .ValueError.* goes on without it"):
        model = train(log, Full())
    assert len(model.history) == 3


def test_a_clock_that_goes_back_changes_nothing(tmp_path, monkeypatch):
    import itertools
    import time

    hours = itertools.count(10**6)
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600 * next(hours))
    path = tmp_path / "run.jsonl"
    log = [ng.JsonLog(path), ng.TensorBoard(tmp_path / "board"), ng.Progress(where="log")]
    part = train(*log, epochs=2, checkpoint=tmp_path / "kept")
    whole = train(*log, epochs=4, checkpoint=tmp_path / "kept")
    assert len(part.history) == 2
    assert whole.history.rows == train(epochs=4).history.rows
    seconds = [json.loads(line)["seconds"] for line in path.read_text().splitlines()]
    assert min(seconds) >= 0


# --- TensorBoard


def test_tensorboard_reads_every_column(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = train(ng.TensorBoard(tmp_path / "run"))
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    columns = [column for column in model.history.columns if column != "epoch"]
    assert sorted(events.Tags()["scalars"]) == sorted(columns)
    for column in columns:
        scalars = events.Scalars(column)
        assert [s.step for s in scalars] == [1, 2, 3]
        np.testing.assert_allclose([s.value for s in scalars], model.history[column], rtol=1e-6)


# --- MLflow


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file:{tmp_path / 'mlruns'}"


def test_mlflow_reads_metrics_parameters_and_status(store):
    import mlflow

    log = ng.MLflow("houses", name="first", uri=store)
    model = train(log, seed=7)
    client = mlflow.MlflowClient(store)
    run = client.get_run(log.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert client.get_experiment(run.info.experiment_id).name == "houses"
    assert run.data.params["optimizer"] == "adam"
    assert run.data.params["seed"] == "7"
    history = client.get_metric_history(log.run_id, "val_loss")
    assert [m.step for m in history] == [1, 2, 3]
    np.testing.assert_allclose([m.value for m in history], model.history["val_loss"])
    first = log.run_id
    with pytest.raises(KeyboardInterrupt):
        train(log, Break())
    assert log.run_id != first
    assert client.get_run(log.run_id).info.status == "FAILED"
    assert client.get_run(log.run_id).info.experiment_id == run.info.experiment_id


def test_mlflow_within_a_run_of_the_users_own(store):
    import mlflow

    mlflow.set_tracking_uri(store)
    with mlflow.start_run() as mine:
        log = ng.MLflow()
        train(log)
        assert log.run_id == mine.info.run_id
        assert mlflow.get_run(log.run_id).info.status == "RUNNING"
        mlflow.log_metric("after", 1.0)
    assert set(mlflow.get_run(log.run_id).data.metrics) >= {"loss", "val_loss", "after"}


def test_mlflow_that_refuses(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)
    with pytest.raises(ng.NetgradError, match="MLflow cannot be written to") as caught:
        train(ng.MLflow(uri="nonsense:/x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("callback", "library"), [(ng.TensorBoard, "tensorboard.compat.proto.event_pb2"), (ng.MLflow, "mlflow")]
)
def test_without_the_library_the_extra_is_named(callback, library, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ng.NetgradError, match=r"pip install 'netgrad\[tracking\]'"):
        train(callback(str(tmp_path)))


# --- progress


def test_a_log_file_gets_whole_lines_now_and_then(capsys):
    train(epochs=50, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"epoch 5/50  loss \d\S*  val_loss \d\S*( +\w+ \S+)*  \d+\.\d s", lines[0])
    assert not any("\x1b" in line or "\r" in line for line in lines)
    train(ng.StopBelow(1e9), epochs=50, progress=True)
    assert capsys.readouterr().err.startswith("epoch 1/50")  # the last line is never left out


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(sys, "stderr", screen)
    assert surroundings() == "terminal"
    train(progress=True)
    assert "3/3" in screen.getvalue()
    assert "\x1b[" in screen.getvalue()
    monkeypatch.setenv("TERM", "dumb")
    assert surroundings() == "log"


def test_a_notebook_gets_one_bar_that_is_updated(monkeypatch):
    shown = []
    handle = SimpleNamespace(update=shown.append)

    def display(content, display_id):
        shown.append(content)
        return handle

    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=display))
    train(epochs=40, progress=True)
    assert shown[0].startswith('<progress value="0" max="40">')
    assert 'value="40"' in shown[-1]
    assert "val_loss" in shown[-1]
    with pytest.raises(KeyboardInterrupt):
        train(Break(), epochs=40, progress=True)
    assert 'value="2"' in shown[-1]  # an interrupted run shows how far it came


def test_progress_in_a_notebook_server_without_ipython_is_a_log(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert surroundings() == "log"
