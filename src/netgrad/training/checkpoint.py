"""Checkpoints: a run that was killed goes on from its last one and ends with the same bits as one that was not.

All random draws come from the seed and the numbers of epoch and step, so little has to be kept: the numbers that steps
change, the history, and what callbacks remember. A checkpoint is one safetensors file, with the rest as JSON in its
metadata; no pickle. It is written whole (`netgrad.writing`), so that a kill at any moment leaves the one before or the
new one, never half a file; and one run at a time is at work in a folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import FileError, NetgradError
from netgrad.parallel.processes import agree, first
from netgrad.training.callbacks import Callback
from netgrad.training.files import digest, read
from netgrad.training.kept import like
from netgrad.training.kept import plain as plain_leaf
from netgrad.training.task import Carry
from netgrad.writing import FolderLock, write_file

if TYPE_CHECKING:
    from netgrad.training.loop import Run

PATTERN = "epoch-*.safetensors"


class Checkpoint(Callback):
    """Write a checkpoint after every ``every``-th epoch, and go on from the last one where there is one.

    folder: of this run alone. keep: the last so many stay, and the best by validation loss (training loss where there
    is no validation set). `netgrad.fit` makes one from ``checkpoint="folder"``; it comes after all other callbacks.

    A run that is finished is read from its last checkpoint and not trained again; with more ``epochs`` it goes on.
    Raises `FileError` where the folder holds checkpoints of another task or network, other data or other settings, and
    where another run is at work in it (`netgrad.writing.FolderLock`). Of a ready optax optimiser only the layout of its
    state is compared.

    >>> import netgrad as ng, numpy as np, tempfile
    >>> net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(1)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     part = ng.fit(net, np.eye(4), np.arange(4.0), epochs=2, checkpoint=folder)
    ...     whole = ng.fit(net, np.eye(4), np.arange(4.0), epochs=5, checkpoint=folder)
    >>> [int(row["epoch"]) for row in whole.history]
    [1, 2, 3, 4, 5]
    """

    def __init__(self, folder: str | Path, keep: int = 3, every: int = 1):
        for name, value in (("keep", keep), ("every", every)):
            if not isinstance(value, int) or value < 1:
                raise NetgradError(f"{name} must be a whole number of at least 1, found {value!r}")
        self.folder, self.keep, self.every = Path(folder), keep, every
        self._lock = FolderLock(self.folder)
        self._unwritten: tuple[int, bytes] | None = None

    def on_start(self, run: Run) -> None:
        self._unwritten = None
        if first():  # of a group of processes, one writes, and all read
            self._lock.acquire()
        try:
            for unfinished in self.folder.glob(f".{PATTERN}.*") if first() else ():  # of a run killed while it wrote
                unfinished.unlink()
            if last := max(self.folder.glob(PATTERN), default=None):
                self._resume(run, last)
            agree({"checkpoint to go on from": run.epoch})
        except BaseException:
            self._lock.release()
            raise

    def on_epoch(self, run: Run) -> None:
        if not first():
            return
        from safetensors.numpy import save as to_bytes

        arrays, plain = _separate(_memory(run))
        description = json.dumps(plain)
        data = to_bytes(arrays, {"netgrad_checkpoint": description, "sha256": digest(arrays, description)})
        self._unwritten = (run.epoch, data)
        if run.epoch % self.every == 0 or run.epoch >= run.epochs or run.history.stopped:
            self._write(run)

    def on_end(self, run: Run) -> None:
        try:
            self._write(run)  # of a run that ends before its time, the last whole epoch
        finally:
            self._lock.release()

    def _write(self, run: Run) -> None:
        if self._unwritten is not None:
            epoch, data = self._unwritten
            write_file(self._path(epoch), data)
            self._unwritten = None
            self._tidy(run)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:08d}.safetensors"

    def _tidy(self, run: Run) -> None:
        """Remove all but the last ``keep`` and the best."""
        written = sorted(self.folder.glob(PATTERN))
        monitor = "val_loss" if "val_loss" in run.history else "loss"
        score = {self._path(int(row["epoch"])): row.get(monitor, np.inf) for row in run.history}
        best = min(written, key=lambda path: (score.get(path, np.inf), path))
        for path in written[: -self.keep]:
            if path != best:
                path.unlink()

    def _resume(self, run: Run, path: Path) -> None:
        arrays, metadata = read(path)
        description = metadata.get("netgrad_checkpoint")
        if description is None or metadata.get("sha256") != digest(arrays, description):
            raise FileError(f"{path} is damaged or is no checkpoint: remove it to go on from the one before")
        kept = json.loads(description)
        here = json.loads(json.dumps(settings_of(run)))
        for name in here | kept["settings"]:  # also what was set there and is left out here
            there, value = kept["settings"].get(name), here.get(name)
            if there != value:
                raise FileError(
                    f"{self.folder} holds checkpoints of another run: it differs in {name.replace('_', ' ')}"
                    f"{_short(there, value)}; name another folder or remove this one"
                )
        _recall(run, arrays, kept)
        if run.epoch > run.epochs:  # with those that `netgrad.Restart` has added
            raise FileError(
                f"{self.folder} holds a run of {run.epoch} epochs, more than the {run.epochs} asked for: "
                "ask for more, or name another folder"
            )


def settings_of(run: Run) -> dict[str, Any]:
    """All that decides the numbers of a run: what a checkpoint must agree with."""
    layout = jax.tree.map(lambda leaf: f"{leaf.dtype}{leaf.shape}", _leaves(run))
    return {**run.task.description(), **run.settings, "starting_numbers": layout}


def fingerprint(tree: Any) -> str:
    """A short text that changes with any number, name or shape of a pytree of arrays."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.ascontiguousarray(leaf)
        sha.update(f"{jax.tree_util.keystr(path)}{array.dtype}{array.shape}".encode())
        sha.update(array.data.cast("B") if array.size else b"")
    return sha.hexdigest()[:16]


def rates(learning_rate: Any) -> Any:
    """A learning rate as JSON: of a schedule, some of its values."""
    if callable(learning_rate):
        return [float(learning_rate(jnp.asarray(step))) for step in (0, 1, 3, 10, 30, 100, 300, 1000, 10_000)]
    if isinstance(learning_rate, dict):
        found = {id(value): rates(value) for value in learning_rate.values()}  # layers share schedules
        return {name: found[id(value)] for name, value in learning_rate.items()}
    return learning_rate


def _memory(run: Run) -> dict[str, Any]:
    """Everything to be kept, as a dict of plain values, `Carry`s and lists of arrays."""
    return {
        "epoch": run.epoch,
        "history": run.history.rows,
        "stopped": run.history.stopped,
        "settings": settings_of(run),
        "numbers": _leaves(run),
        "best_start": run.starts.best if run.starts else None,
        "callbacks": {name: state for name, callback in _named(run) if (state := callback.state())},
    }


def _recall(run: Run, arrays: dict[str, np.ndarray], kept: dict[str, Any]) -> None:
    """Set the run back to where ``kept`` left it."""
    kept = _together(kept, arrays, run.carry)
    numbers = [like(value, leaf) for value, leaf in zip(kept["numbers"], _leaves(run, raw=True), strict=True)]
    size = len(jax.tree.leaves(run.carry))
    run.carry = jax.tree.unflatten(jax.tree.structure(run.carry), numbers[:size])
    if run.starts is not None:
        run.starts.carries = jax.tree.unflatten(jax.tree.structure(run.starts.carries), numbers[size:])
        run.starts.best = kept["best_start"]
    run.epoch, run.history.rows, run.history.stopped = kept["epoch"], kept["history"], kept["stopped"]
    for name, callback in _named(run):
        if name in kept["callbacks"]:
            callback.restore(kept["callbacks"][name])


def _named(run: Run) -> list[tuple[str, Callback]]:
    """The callbacks under their kind and number, so that others may come and go (a progress bar)."""
    kinds = [type(callback).__name__ for callback in run.callbacks]
    return [(f"{kind} {kinds[:i].count(kind)}", run.callbacks[i]) for i, kind in enumerate(kinds)]


def _leaves(run: Run, raw: bool = False) -> list[Any]:
    leaves = jax.tree.leaves((run.carry, run.starts.carries if run.starts else ()))
    return leaves if raw else [np.asarray(plain_leaf(leaf)) for leaf in leaves]


def _separate(memory: Any) -> tuple[dict[str, np.ndarray], Any]:
    """Arrays by number, and the rest as JSON, with {"__array__": n} for one and {"__carry__": [...]} for a `Carry`."""
    arrays: dict[str, np.ndarray] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, Carry):
            return {"__carry__": [plain(np.asarray(plain_leaf(leaf))) for leaf in jax.tree.leaves(value)]}
        if isinstance(value, np.ndarray):
            arrays[str(len(arrays))] = np.ascontiguousarray(value).reshape(value.shape)
            return {"__array__": str(len(arrays) - 1)}
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    described = plain(memory)
    return arrays, described


def _together(value: Any, arrays: dict[str, np.ndarray], carry: Carry) -> Any:
    """The inverse of `_separate`; ``carry`` shows what one looks like."""
    if isinstance(value, list):
        return [_together(item, arrays, carry) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__array__"}:
        return arrays[value["__array__"]]
    if value.keys() == {"__carry__"}:
        leaves, structure = jax.tree.flatten(carry)
        kept = [_together(leaf, arrays, carry) for leaf in value["__carry__"]]
        return jax.tree.unflatten(structure, [like(k, leaf) for k, leaf in zip(kept, leaves, strict=True)])
    return {key: _together(item, arrays, carry) for key, item in value.items()}


def _short(there: Any, here: Any) -> str:
    """Both values, where they are short enough for a line."""
    texts = json.dumps(there), json.dumps(here)
    return f" ({texts[0]} there, {texts[1]} here)" if max(map(len, texts)) <= 40 else ""
