"""Runs on disk."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.studio import runs

MODEL = ng.untrained(ng.Sequential([ng.Dense(1)]), np.eye(4), np.arange(4.0))


def test_runs_are_kept_listed_and_deleted(tmp_path):
    names = [runs.keep(tmp_path, MODEL, {"title": "a"}, [[0, 1.0, None, None, None]]) for _ in range(2)]
    assert len(set(names)) == 2
    (tmp_path / "notes").mkdir()
    (tmp_path / "20200101-000000").mkdir()  # half written
    assert sorted(run["id"] for run in runs.listed(tmp_path)) == sorted(names)
    assert runs.listed(tmp_path)[0]["curve"] == [[0, 1.0, None, None, None]]
    assert ng.load(runs.model_file(tmp_path, names[0])).network == MODEL.network
    runs.delete(tmp_path, names[0])
    assert [run["id"] for run in runs.listed(tmp_path)] == [names[1]]
    assert runs.listed(tmp_path / "none") == []


@pytest.mark.parametrize("name", ["..", "notes", "20200101-000000", "20200101-000000/../x"])
def test_nothing_else_is_reached(tmp_path, name):
    (tmp_path / "notes").mkdir()
    for act in (runs.delete, runs.model_file):
        with pytest.raises(NetgradError, match="there is no run"):
            act(tmp_path, name)
    assert (tmp_path / "notes").is_dir()


def test_a_run_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "write_file", full)
    with pytest.raises(OSError, match="No space"):
        runs.keep(tmp_path, MODEL, {}, [])
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_to_tensorboard(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="the extra tracking is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = ng.fit(ng.Sequential([ng.Dense(1)]), [[1.0], [2.0]], [1.0, 2.0], epochs=1)
    name = runs.keep(tmp_path, model, {"title": "t"}, [[0, 0.9, 1.0, None, None], [3, 0.25, 0.5, None, None]])
    path = runs.event_file(tmp_path, name)
    read = EventAccumulator(str(path))
    read.Reload()
    assert [(e.step, e.value) for e in read.Scalars("loss")] == [(0, pytest.approx(0.9)), (3, 0.25)]
    assert sorted(read.Tags()["scalars"]) == ["loss", "val_loss"]
    with pytest.raises(NetgradError, match="there is no run"):
        runs.event_file(tmp_path, "20260101-000000")
