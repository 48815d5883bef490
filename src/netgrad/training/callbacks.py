"""Callbacks: what may look at a run between epochs, and stop it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError
from netgrad.optimizers.schedules import adjustable, set_level

if TYPE_CHECKING:
    from netgrad.training.loop import Run
    from netgrad.training.model import Model


class Callback:
    """Base of the callbacks; each method may be left out. ``run`` is the `netgrad.training.loop.Run` in progress.

    only_history: whether `on_epoch` reads nothing of a run but its history, and changes nothing but by `Run.stop`.
    Where that is so of all callbacks, of examples in memory, without validation and with one start, they are called
    for every epoch, however many run as one program.

    only_looks: whether a run goes on without the callback where it fails, with a warning, because it changes nothing
    of the run. A failure in `on_start` ends the run all the same: nothing is lost by then.
    """

    only_history: bool = False
    only_looks: bool = False

    def on_start(self, run: Run) -> None:
        """Before the first epoch."""

    def on_batch(self, run: Run) -> None:
        """After a step, an update of the parameters: ``run.batch`` is its number in the epoch, from 1, ``run.report``
        what it reports ("loss", "grad_norm"), ``run.carry.params`` are the parameters after it, which it may replace.

        Where a callback has it, an epoch is not one program but one for each step, which is slower.

        >>> import netgrad as ng, numpy as np
        >>> class Losses(ng.Callback):
        ...     seen = []
        ...     def on_batch(self, run):
        ...         self.seen.append((run.epoch + 1, run.batch, run.report["loss"]))
        >>> net = ng.Sequential([ng.Dense(1)])
        >>> model = ng.fit(net, np.eye(4), [1.0, 2.0, 3.0, 4.0], batch_size=2, epochs=2, callbacks=[Losses()])
        >>> [(epoch, batch) for epoch, batch, _ in Losses.seen]
        [(1, 1), (1, 2), (2, 1), (2, 2)]
        """

    def on_epoch(self, run: Run) -> None:
        """After an epoch: ``run.history.rows[-1]`` is its row, ``run.carry.params`` are its parameters."""

    def on_restart(self, run: Run) -> None:
        """After a `netgrad.Restart` drew the parameters anew, which ``run.carry`` holds."""

    def on_end(self, run: Run) -> None:
        """After the last epoch, however the run ended."""

    def wrap(self, optimizer: Any, model: Model) -> Any:
        """The optimiser that the run is to have, for a callback that changes what it does; before `on_start`."""
        return optimizer

    def state(self) -> dict[str, Any]:
        """What the callback remembers from epoch to epoch, for a checkpoint: plain values, arrays and `Carry`s."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Remember what `state` once gave, in a run that goes on from a checkpoint; it follows `on_start`."""


@dataclass
class AfterEpoch(Callback):
    """Calls a function with the run after every epoch: what a function given as a callback becomes."""

    function: Callable[[Run], Any]

    def on_epoch(self, run: Run) -> None:
        self.function(run)


def as_callbacks(given: Any) -> list[Callback]:
    """Callbacks as a list: one alone, or several; a function is called after every epoch.

    Raises `NetgradError` for what is none, and for one with a method that nobody would call.
    """
    several = list(given) if isinstance(given, list | tuple) else [given]
    return [_as_callback(callback) for callback in several]


def _as_callback(given: Any) -> Callback:
    if isinstance(given, Callback):
        known = [name for name in dir(Callback) if name.startswith("on_")]
        for name in dir(given):
            if name.startswith("on_") and name not in known:
                raise NetgradError(
                    f"{type(given).__name__}.{name} would never be called: a callback has {', '.join(known)}"
                )
        return given
    if isinstance(given, type):
        raise NetgradError(f"callbacks takes instances, found the class {given.__name__}: write {given.__name__}()")
    if callable(given):
        return AfterEpoch(given)
    raise NetgradError(
        f"{type(given).__name__} is no callback: derive it from netgrad.Callback, or give a function of the run"
    )


@dataclass
class EarlyStopping(Callback):
    """Stop when ``monitor`` was worse than its best for ``patience`` epochs in a row; return the best parameters.

    monitor: a column of the history; "val_loss" by default, "loss" where there is no validation set. As good as the
    best counts as better, as in the text's algorithm; with ``min_delta`` it must fall by at least so much, and with
    ``maximise`` rise. Source: Kelleher 8.4.4, "The early stopping algorithm".
    """

    patience: int = 10
    monitor: str | None = None
    min_delta: float = 0.0
    maximise: bool = False
    best: float = field(default=math.inf, init=False)
    best_epoch: int = field(default=0, init=False)
    _carry: Any = field(default=None, init=False, repr=False)
    _count: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.patience, int) or self.patience < 1:
            raise NetgradError(f"patience must be a whole number of at least 1 epoch, found {self.patience!r}")

    def on_start(self, run: Run) -> None:
        self.best, self.best_epoch, self._carry, self._count = math.inf, 0, None, 0

    def on_epoch(self, run: Run) -> None:
        row = run.history.rows[-1]
        monitor = self.monitor or ("val_loss" if "val_loss" in row else "loss")
        if monitor not in row:
            raise NetgradError(f"early stopping watches {monitor!r}, but the history has {', '.join(row)}")
        value = -row[monitor] if self.maximise else row[monitor]
        if value <= self.best - self.min_delta:
            self.best, self.best_epoch, self._carry, self._count = value, run.epoch, run.carry, 0
        else:
            self._count += 1
        if self._count >= self.patience:
            run.stop(f"{monitor} was no better for {self.patience} epochs, the best was epoch {self.best_epoch}")

    def on_restart(self, run: Run) -> None:
        self._count = 0

    def on_end(self, run: Run) -> None:
        if self._carry is not None:
            run.carry = self._carry

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch, "carry": self._carry, "count": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._carry, self._count = state["carry"], state["count"]


@dataclass
class ReduceOnPlateau(Callback):
    """Multiply the learning rate by ``factor`` when ``monitor`` was no better for ``patience`` epochs.

    monitor: a column of the history; "val_loss" by default, "loss" where there is no validation set. Better is lower by
    more than the share ``threshold`` of the best. ``lowest``: the share of the first rate at which reducing ends. The
    history gets a column ``rate_factor``. `netgrad.fit` makes one for ``schedule="plateau"``.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> slow = ng.ReduceOnPlateau(factor=0.5, patience=1, threshold=0.5)
    >>> model = ng.fit(net, np.eye(3), [1.0, 2.0, 3.0], epochs=6, callbacks=[slow])
    >>> model.history["rate_factor"].tolist()
    [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]
    """

    factor: float = 0.1
    patience: int = 5
    monitor: str | None = None
    threshold: float = 1e-4
    lowest: float = 1e-4
    level: float = field(default=1.0, init=False)
    best: float = field(default=math.inf, init=False)
    _count: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise NetgradError(
                f"factor, by which the rate is multiplied, must lie between 0 and 1, found {self.factor}"
            )
        if not isinstance(self.patience, int) or self.patience < 1:
            raise NetgradError(f"patience must be a whole number of at least 1 epoch, found {self.patience!r}")

    def wrap(self, optimizer: Any, model: Model) -> Any:
        return adjustable(optimizer)

    def on_start(self, run: Run) -> None:
        self.level, self.best, self._count = 1.0, math.inf, 0

    def on_epoch(self, run: Run) -> None:
        row = run.history.rows[-1]
        monitor = self.monitor or ("val_loss" if "val_loss" in row else "loss")
        if monitor not in row:
            raise NetgradError(f"ReduceOnPlateau watches {monitor!r}, but the history has {', '.join(row)}")
        if row[monitor] < self.best - self.threshold * abs(self.best) or self.best == math.inf:
            self.best, self._count = row[monitor], 0
        else:
            self._count += 1
        if self._count >= self.patience:
            self._count, self.level = 0, max(self.lowest, self.level * self.factor)
            run.carry = run.carry._replace(opt_state=set_level(run.carry.opt_state, self.level))
            if run.starts is not None:
                carries = run.starts.carries
                run.starts.carries = carries._replace(opt_state=set_level(carries.opt_state, self.level))
        row["rate_factor"] = self.level

    def on_restart(self, run: Run) -> None:
        self.on_start(run)

    def state(self) -> dict[str, Any]:
        return {"level": self.level, "best": self.best, "count": self._count}

    def restore(self, state: dict[str, Any]) -> None:
        self.level, self.best, self._count = state["level"], state["best"], state["count"]


@dataclass
class StopBelow(Callback):
    """Stop as soon as ``monitor`` falls below ``value``: training to convergence, as the texts' examples do."""

    value: float
    monitor: str = "loss"

    def on_epoch(self, run: Run) -> None:
        if run.history.rows[-1][self.monitor] < self.value:
            run.stop(f"{self.monitor} fell below {self.value:g}")
