"""Runs on disk, for comparison: a folder each, with its settings and curve as JSON lines and the model beside."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from netgrad.errors import NetgradError
from netgrad.training.model import Model
from netgrad.training.tracking import TensorBoard
from netgrad.writing import write_file

NAME = re.compile(r"[0-9]{8}-[0-9]{6}(-[0-9]+)?")
RUN, MODEL = "run.jsonl", "model.safetensors"
EVENTS = "events.out.tfevents.netgrad"  # TensorBoard knows its files by the first parts of the name
COLUMNS = ("loss", "val_loss", "accuracy", "val_accuracy")  # of the points, as the history names them


def usual_folder() -> Path:
    """Where runs are kept by default: in the user's own data folder."""
    import platformdirs

    return Path(platformdirs.user_data_dir("netgrad")) / "studio"


def keep(folder: str | Path, model: Model, about: dict[str, Any], points: list[list[float | None]]) -> str:
    """Write a run down, whole or not at all, and return its name."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    name, i = stamp, 1
    while (Path(folder) / name).exists():
        i += 1
        name = f"{stamp}-{i}"
    own = Path(folder) / name
    own.mkdir(parents=True)
    try:
        model.save(own / MODEL)
        lines = [about, *({"point": point} for point in points)]
        write_file(own / RUN, "".join(json.dumps(line) + "\n" for line in lines).encode())
    except BaseException:
        shutil.rmtree(own, ignore_errors=True)
        raise
    return name


def listed(folder: str | Path) -> list[dict[str, Any]]:
    """All runs that can be read, the newest first: name, settings, curve."""
    found = []
    for own in sorted(Path(folder).glob("*"), reverse=True) if Path(folder).is_dir() else []:
        if not NAME.fullmatch(own.name):
            continue
        try:
            about, *points = map(json.loads, (own / RUN).read_text(encoding="utf-8").splitlines())
            found.append(about | {"id": own.name, "curve": [line["point"] for line in points]})
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written by a process that was killed, or another's
    return found


def delete(folder: str | Path, name: str) -> None:
    """Remove one run; raises `NetgradError` for what is none."""
    own = Path(folder) / name
    if not NAME.fullmatch(name) or not (own / RUN).is_file() or own.is_symlink():
        raise NetgradError(f"there is no run {name[:40]!r}")
    shutil.rmtree(own)


def model_file(folder: str | Path, name: str) -> Path:
    """The model of a run; raises `NetgradError` for what is none."""
    path = Path(folder) / name / MODEL
    if not NAME.fullmatch(name) or not path.is_file():
        raise NetgradError(f"there is no run {name[:40]!r}")
    return path


def event_file(folder: str | Path, name: str) -> Path:
    """The curve of a run as TensorBoard's event file, beside the run; raises `NetgradError` for what is none, and where
    the extra ``tracking`` is missing. Give each run a folder of its own below TensorBoard's ``--logdir``."""
    model_file(folder, name)  # refused, if there is no such run
    own = Path(folder) / name
    _, *points = map(json.loads, (own / RUN).read_text(encoding="utf-8").splitlines())
    with tempfile.TemporaryDirectory() as made:
        tracker = TensorBoard(made)
        nothing: Any = None  # of a run that is over, and of which it asks nothing
        tracker.begin(nothing)
        for line in points:
            epoch, *values = line["point"]
            known = {n: v for n, v in zip(COLUMNS, values, strict=False) if v is not None}
            tracker.write(round(epoch), known)
        tracker.finish(nothing, None)
        (written,) = Path(made).iterdir()
        target = own / EVENTS
        write_file(target, written.read_bytes())
    return target
