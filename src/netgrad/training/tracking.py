"""Callbacks that write a run down for other programs: JSON lines, TensorBoard's event files, MLflow.

TensorBoard and MLflow belong to the extra ``tracking``. None of them changes the run: where a place that was reached
at the start cannot be written to later on, a warning says so once, and training goes on.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netgrad.errors import FileError, NetgradError
from netgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from netgrad.training.loop import Run


class Tracker(Callback):
    """Base of these callbacks: `begin`, `write` a row of the history, `finish`."""

    only_looks = True

    def begin(self, run: Run) -> None:
        """Before the first epoch."""

    def write(self, epoch: int, row: dict[str, float]) -> None:
        """After an epoch: its row of the history, without the epoch."""

    def finish(self, run: Run, failure: BaseException | None) -> None:
        """After the last epoch; with what ended the run before its time, if something did."""

    def on_start(self, run: Run) -> None:
        self._before = sys.exc_info()[1]  # of a caller who trains while handling an error of his own
        self.begin(run)

    def on_epoch(self, run: Run) -> None:
        row = run.history.rows[-1]
        self.write(run.epoch, {name: value for name, value in row.items() if name != "epoch"})

    def on_end(self, run: Run) -> None:
        failure = sys.exc_info()[1]
        self.finish(run, None if failure is self._before else failure)


class JsonLog(Tracker):
    """A line of JSON for the start of a run, for every epoch and for its end, added to the file ``path``.

    Every line has ``event`` ("start", "epoch", "end"), ``time`` (seconds since 1970) and ``seconds`` (of this run);
    an epoch's also the row of the history, the end's why the run stopped, or the error that ended it. What is not
    finite is null. `netgrad fit --log FILE` makes one.

    >>> import netgrad as ng, numpy as np, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
    >>> model = ng.fit(ng.Sequential([ng.Dense(1)]), np.eye(3), [1.0, 2.0, 3.0], epochs=2, callbacks=[ng.JsonLog(path)])
    >>> [json.loads(line)["event"] for line in path.read_text().splitlines()]
    ['start', 'epoch', 'epoch', 'end']
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._file: Any = None

    def begin(self, run: Run) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise FileError(f"cannot write the log {self.path}: {error.strerror}") from None
        self._began = time.monotonic()
        self._line("start", **facts(run))

    def write(self, epoch: int, row: dict[str, float]) -> None:
        self._line("epoch", epoch=epoch, **row)

    def finish(self, run: Run, failure: BaseException | None) -> None:
        error = {} if failure is None else {"error": f"{type(failure).__name__}: {' '.join(str(failure).split())}"}
        stopped = {"stopped": run.history.stopped} if run.history.stopped else {}
        self._line("end", epoch=run.epoch, **stopped, **error)
        self._file.close()

    def _line(self, event: str, **values: Any) -> None:
        times = {"event": event, "time": round(time.time(), 3), "seconds": round(time.monotonic() - self._began, 3)}
        finite = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
        self._file.write(json.dumps(times | finite, allow_nan=False) + "\n")
        self._file.flush()


class TensorBoard(Tracker):
    """TensorBoard's event files in ``folder``: every column of the history as a scalar, by epoch.

    Look at them with ``tensorboard --logdir folder``; give each run a folder below it.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def begin(self, run: Run) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError:
            raise missing("TensorBoard", "tensorboard") from None
        try:
            self._writer = EventFileWriter(str(self.folder))
        except OSError as error:
            raise FileError(f"cannot write event files in {self.folder}: {error.strerror or error}") from None
        self._event, self._summary = Event, Summary

    def write(self, epoch: int, row: dict[str, float]) -> None:
        values = [self._summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        self._writer.add_event(self._event(wall_time=time.time(), step=epoch, summary=self._summary(value=values)))
        self._writer.flush()

    def finish(self, run: Run, failure: BaseException | None) -> None:
        self._writer.close()


class MLflow(Tracker):
    """A run in MLflow: what is trained as parameters, every column of the history as a metric, by epoch.

    experiment: its name, made where there is none; MLflow's own default otherwise. name: of the run. uri: of the
    tracking server; MLflow's own setting otherwise. Inside ``with mlflow.start_run():`` the rows go into that run,
    which is left open. After `netgrad.fit`, ``run_id`` is the run's: ``mlflow.log_artifact(model.save(...))`` adds the
    model.
    """

    def __init__(self, experiment: str | None = None, *, name: str | None = None, uri: str | None = None):
        self.experiment, self.name, self.uri = experiment, name, uri
        self.run_id = ""

    def begin(self, run: Run) -> None:
        try:
            import mlflow
        except ImportError:
            raise missing("MLflow", "mlflow-skinny") from None
        try:
            self._client = mlflow.MlflowClient(self.uri)
            active = mlflow.active_run()
            self._own = active is None
            self.run_id = active.info.run_id if active else self._create()
            for key, value in facts(run).items():
                self._client.log_param(self.run_id, key, str(value)[:500])
        except mlflow.MlflowException as error:
            raise NetgradError(f"MLflow cannot be written to: {' '.join(str(error).split())[:300]}") from None
        self._metric = mlflow.entities.Metric

    def _create(self) -> str:
        identifier = "0"
        if self.experiment is not None:
            known = self._client.get_experiment_by_name(self.experiment)
            identifier = known.experiment_id if known else self._client.create_experiment(self.experiment)
        return str(self._client.create_run(identifier, run_name=self.name).info.run_id)

    def write(self, epoch: int, row: dict[str, float]) -> None:
        now = int(time.time() * 1000)
        self._client.log_batch(self.run_id, [self._metric(name, value, now, epoch) for name, value in row.items()])

    def finish(self, run: Run, failure: BaseException | None) -> None:
        if run.history.stopped:
            self._client.set_tag(self.run_id, "stopped", run.history.stopped)
        if self._own:
            self._client.set_terminated(self.run_id, "FINISHED" if failure is None else "FAILED")


def facts(run: Run) -> dict[str, Any]:
    """What is trained, in plain values."""
    import jax

    import netgrad

    settings = {name: value for name, value in run.settings.items() if not isinstance(value, list | dict)}
    return {
        "epochs": run.epochs,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(run.carry.params)),
        **run.task.facts(),
        **settings,
        "netgrad": netgrad.__version__,
        "jax": jax.__version__,
    }


def missing(what: str, library: str) -> NetgradError:
    """The error for a library of the extra that is not there."""
    return NetgradError(f"{what} needs {library}, which is not installed: pip install 'netgrad[tracking]'")
