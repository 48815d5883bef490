"""What DATA on the command line is: a built-in data set, a folder of pictures, or a file with a table or arrays.

Each kind of source is one function from `Request` to `Source` in `KINDS`; the first that recognises the name reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.data import datasets
from netgrad.data.encodings import TableEncoder
from netgrad.data.images import classes_of, read_image_folder, usual_size, white_of
from netgrad.data.parting import parted, with_target
from netgrad.data.tables import SUFFIXES, chosen, read_table, split_target
from netgrad.data.targets import TargetEncoder
from netgrad.errors import FileError, NetgradError, unknown_name, warn


@dataclass(frozen=True)
class Request:
    """What was asked for. data: DATA as it was written. test: the share of examples kept for testing, or test_file:
    where they stand. drop, only: columns left out, or alone used. log_target: None where the target decides. within:
    predictions stay within the training target's range. channels: of pictures; None as they have them. form: how a
    text file is written, for `read_table`."""

    data: str
    target: str | None = None
    task: Any = None
    test: float = 0.2
    seed: int = 0
    scaling: str = "standardise"
    missing: str = "impute"
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    missing_values: tuple[str, ...] | None = None
    size: int | None = None
    test_file: str | None = None
    drop: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    log_target: bool | None = False
    within: bool = False
    channels: int | None = None
    form: dict[str, Any] = field(default_factory=dict)

    def read(self, path: str) -> Any:
        """The table in a file, which is written as it was said."""
        return read_table(path, missing_values=self.missing_values, **self.form)

    def target_encoder(self, task: Any = None) -> TargetEncoder:
        """For the target of a table, not fitted yet."""
        scaling = "standardise" if self.scaling == "robust" else self.scaling
        return TargetEncoder(task or self.task, scaling=scaling, log_target=self.log_target, within=self.within)

    @property
    def suffix(self) -> str:
        """The kind of file, in small letters: ".csv", also for "table.CSV.gz"."""
        return Path(self.data.lower().removesuffix(".gz")).suffix


@dataclass(frozen=True)
class Source:
    """Examples in their own terms, and the encoders that turn them into what a network takes.

    x, x_test: data frames, or arrays (N, ...) of float32. y, y_test: labels or quantities, (N,).
    target: what is predicted. kind: "table", "vectors" or "images". encoder: for data frames only. white: of
    pictures with more than 8 bits of grey, the value that became 1. size: to which pictures were brought, None where
    they have one size.
    """

    name: str
    kind: str
    x: Any
    y: Any
    x_test: Any
    y_test: Any
    target: str
    target_encoder: TargetEncoder
    encoder: TableEncoder | None = None
    description: str = ""
    white: int | None = None
    size: int | None = None

    @property
    def task(self) -> str:
        """ "classification" or "regression"."""
        return str(self.target_encoder.task)

    def encoded(self) -> tuple[np.ndarray, np.ndarray]:
        """The training examples as the network takes them."""
        x = self.encoder.transform(self.x) if self.encoder else self.x
        return x, self.target_encoder.transform(self.y)


def read(request: Request) -> Source:
    """The source that this name stands for; `NetgradError` where it stands for none."""
    for recognises, make in KINDS:
        if recognises(request):
            if make is not _table:
                _refuse_for_tables(request)
            return make(request)
    raise _unrecognised(request)


def read_with_unlabelled(request: Request) -> tuple[Source, Any]:
    """A table in a file: the rows that have a target as a source, and those that have none, (N, columns)."""
    if request.suffix not in SUFFIXES:
        raise NetgradError(f"rows without a label are known of a table in a file, {request.data} is none")
    table = request.read(request.data)
    target = str(request.target)
    x, y = split_target(chosen(table, target, request.drop, request.only), target)
    return _source_of(request, x[y.notna()], y[y.notna()]), x[y.isna()]


def _refuse_for_tables(request: Request) -> None:
    """Refuse what says something about tables alone."""
    of_file = (("--" + ("no-header" if name == "header" and not v else name), v) for name, v in request.form.items())
    asked = (("--test FILE", request.test_file), ("--drop", request.drop), ("--only", request.only), *of_file)
    if wrong := [option for option, value in asked if value not in (None, ())]:
        raise NetgradError(f"{wrong[0]} is for tables in files, {request.data} is none: leave it out")


def read_rows(data: str, encoder: TableEncoder | None = None, form: dict[str, Any] | None = None) -> Any:
    """The examples of a file that are to be predicted: a data frame, or an array.

    encoder: the model's; the words that mean missing are those of its training table. form: how a text file is written.
    """
    request = Request(data, missing_values=encoder.missing_values if encoder is not None else None, form=form or {})
    if request.suffix in SUFFIXES:
        return request.read(data)
    if request.suffix == ".npz":
        return _npz_inputs(data)
    raise _unrecognised(request)


def _builtin(request: Request) -> Source:
    if request.target is not None:
        raise NetgradError(f"the data set {request.data!r} has its own target: leave --target out")
    return _from_arrays(request, datasets.load(request.data, test=request.test, seed=request.seed))


def _npz(request: Request) -> Source:
    return _from_arrays(request, datasets.read_npz(request.data, test=request.test, seed=request.seed))


def _pictures(request: Request) -> Source:
    if request.target is not None:
        raise NetgradError(f"the classes of {request.data} are its sub-folders: leave --target out")
    size = request.size
    files = [file for of_class in classes_of(request.data)[1] for file in of_class]
    if size is None and (size := usual_size(files)) is not None:
        warn(
            f"the pictures of {request.data} differ in size: they are brought to {size}x{size} (size decides otherwise)"
        )
    folder = read_image_folder(request.data, size, request.channels)
    x, x_test, y, y_test = datasets.split(folder.x, folder.y, test=request.test, seed=request.seed, labels=folder.y)
    name = Path(request.data).resolve().name
    description = f"{len(folder.y):,} pictures of {len(folder.class_names)} classes"
    data = datasets.Dataset(name, x, y, x_test, y_test, folder.class_names, description=description)
    return replace(_from_arrays(request, data), white=white_of(folder.files), size=size)


def _table(request: Request) -> Source:
    table = request.read(request.data)
    if request.target is None:
        names = ", ".join(map(str, table.columns[:20]))
        raise NetgradError(f"which column is to be predicted? name it with --target (the table has: {names})")
    target: str = request.target
    x, y = with_target(chosen(table, target, request.drop, request.only), target)
    return _source_of(request, x, y)


def _source_of(request: Request, x: Any, y: Any) -> Source:
    """The rows of a table and their targets, encoded and split."""
    test: Any = request.test
    if request.test_file is not None:
        test = with_target(request.read(request.test_file), str(request.target))
    parts = parted(x, y, _table_encoder(request), request.target_encoder(), test, request.seed)
    name, target = Path(request.data).name, str(request.target)
    return Source(
        name, "table", parts.x, parts.y, parts.x_test, parts.y_test, target, parts.target_encoder, parts.encoder
    )


def _from_arrays(request: Request, data: datasets.Dataset) -> Source:
    y, y_test = (_named(labels, data.class_names) for labels in (data.y, data.y_test))
    name = data.name if request.data in datasets.names() else Path(request.data).name
    task = request.task or data.task
    if data.feature_names:
        import pandas as pd

        x, x_test = (pd.DataFrame(a, columns=list(data.feature_names)) for a in (data.x, data.x_test))
        table, target = _table_encoder(request).fit(x), "class" if task == "classification" else "target"
        encoder = _target_encoder(request, task, target, y, y_test)
        return Source(name, "table", x, y, x_test, y_test, target, encoder, table, data.description)
    encoder = _target_encoder(request, task, "class" if task == "classification" else "target", y, y_test)
    kind = "images" if data.x.ndim == 4 else "vectors"
    return Source(name, kind, data.x, y, data.x_test, y_test, encoder.name, encoder, description=data.description)


def _table_encoder(request: Request) -> TableEncoder:
    return TableEncoder(
        request.scaling,
        missing=request.missing,
        categorical=request.categorical,
        numeric=request.numeric,
        missing_values=request.missing_values,
    )


def _target_encoder(request: Request, task: Any, name: str, y: Any, y_test: Any) -> TargetEncoder:
    """Scales come from the training examples alone; classes from all, so that a rare one is known in both parts."""
    import pandas as pd

    y, y_test = (pd.Series(part).rename(name) for part in (y, y_test))
    known = pd.concat([y, y_test]) if task == "classification" else y
    return request.target_encoder(task).fit(known)


def _named(labels: np.ndarray, class_names: tuple[str, ...]) -> np.ndarray:
    """Labels as their classes' names, except where these only are the numbers again."""
    if not class_names or class_names == tuple(map(str, range(len(class_names)))):
        return labels
    return np.array(class_names)[labels]


_SHEET = "save its sheet as CSV"
_NAME = "a table of texts may be named .csv, whatever parts its columns"
ADVICE = dict.fromkeys((".xlsx", ".xls", ".ods"), _SHEET) | dict.fromkeys((".dat", ".data", ".txt"), _NAME)
ADVICE |= dict.fromkeys(
    (".json", ".jsonl", ".sav", ".dta", ".feather", ".xml"), "read it with pandas, and write it as CSV"
)
ADVICE |= {".zip": "unpack it first"}


def _npz_inputs(path: str) -> np.ndarray:
    data = datasets.read_npz(path)
    return np.concatenate([data.x, data.x_test])


def _unrecognised(request: Request) -> NetgradError:
    path = Path(request.data)
    if path.exists() or request.suffix or len(path.parts) > 1:
        found = "there is no file" if not path.exists() else "cannot tell what is in"
        known = ", ".join([*SUFFIXES, ".npz"])
        advice = f" ({ADVICE[request.suffix]})" if path.exists() and request.suffix in ADVICE else ""
        return FileError(
            f"{found} {request.data}: expected a file named {known}, a folder, or a data set's name{advice}"
        )
    return unknown_name("data set", request.data, datasets.names())


KINDS: list[tuple[Callable[[Request], bool], Callable[[Request], Source]]] = [
    (lambda request: request.data in datasets.names(), _builtin),
    (lambda request: Path(request.data).is_dir(), _pictures),
    (lambda request: request.suffix in SUFFIXES, _table),
    (lambda request: request.suffix == ".npz", _npz),
]
