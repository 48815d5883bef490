"""Beginning anew within a run, where the error does not fall fast enough."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax

from netgrad.compiling import STARTS, random_key
from netgrad.errors import NetgradError
from netgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from netgrad.training.loop import Run


@dataclass
class Restart(Callback):
    """Draw all weights anew where the training loss has not fallen fast enough, and go on from there.

    After ``epochs`` epochs the loss must be at most ``share`` of what it was in the first, or training begins anew, up
    to ``most`` times. Each beginning has all the epochs that the run was given, its schedule and its optimiser from the
    start; what was done before stands in the history, whose ``events`` say where. The model that comes back is of the
    beginning with the smallest loss (on the validation set, where there is one).

    Raises `NetgradError` for a run that goes on from what was learned (a trained model, ``params``), which would be
    lost, and for several ``starts``, which are tried side by side instead. Source: Pattipati "Backprop Practicalities",
    "Restart if training error does not decrease fast enough".

    >>> import netgrad as ng, numpy as np
    >>> x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    >>> net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    >>> again = ng.Restart(epochs=100, share=0.4, most=8)
    >>> model = ng.fit(net, x, y, learning_rate=0.1, epochs=200, seed=1, callbacks=again)
    >>> model.predict(x).tolist(), len(model.history) == 200 + 100 * len(again.events)
    ([0, 1, 1, 0], True)
    """

    epochs: int = 10
    share: float = 0.9
    most: int = 3
    events: list[dict[str, Any]] = field(default_factory=list, init=False)  # one for each new beginning
    _begun: int = field(default=0, init=False, repr=False)
    _due: bool = field(default=True, init=False, repr=False)  # whether this beginning is still to be judged
    _best: float = field(default=math.inf, init=False, repr=False)
    _carry: Any = field(default=None, init=False, repr=False)
    _added: int = field(default=0, init=False, repr=False)
    _run: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("epochs", 2), ("most", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise NetgradError(f"{name} of Restart must be a whole number of at least {least}, found {value!r}")
        if not (isinstance(self.share, int | float) and 0 < self.share <= 1):
            raise NetgradError(f"share of Restart is one of the first loss, above 0 and up to 1, found {self.share!r}")

    def on_start(self, run: Run) -> None:
        if run.starts is not None:
            raise NetgradError(
                "starts are tried side by side, Restart tries one after the other: leave one of both out"
            )
        self.events, self._begun, self._due, self._run = [], run.epoch, True, run
        self._best, self._carry, self._added = math.inf, None, 0

    def on_epoch(self, run: Run) -> None:
        done = run.epoch - self._begun
        if not self._due or done < self.epochs:
            return
        self._due = False
        first, now = (run.history.rows[i - done - 1]["loss"] for i in (1, self.epochs))
        if now <= self.share * first or len(self.events) == self.most:
            return
        if (value := _held(run)) < self._best:
            self._best, self._carry = value, run.carry
        message = f"begun anew: after {self.epochs} epochs the loss was {now:.4g}, in the first {first:.4g}"
        self.events.append({"epoch": run.epoch, "finding": "restart", "message": message})
        run.history.events.append(self.events[-1])
        self._begun, self._due, self._added = run.epoch, True, self._added + done
        run.epochs += done
        assert run.examples is not None, "a run knows its examples"
        key = jax.random.fold_in(random_key(run.settings["seed"], STARTS), len(self.events))
        run.carry = run.task.begin(key, run.examples)
        for callback in run.callbacks:
            callback.on_restart(run)

    def on_end(self, run: Run) -> None:
        if self._carry is not None and len(run.history) and not _held(run) <= self._best:
            run.carry = self._carry

    def state(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "begun": self._begun,
            "due": self._due,
            "best": self._best,
            "carry": self._carry,
            "added": self._added,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.events, self._begun, self._due = state["events"], state["begun"], state["due"]
        self._best, self._carry, self._added = state["best"], state["carry"], state["added"]
        self._run.epochs += self._added
        self._run.history.events.extend(self.events)


def refuse_to_forget(callbacks: Iterable[Callback], learned: bool) -> None:
    """Refuse a `Restart` of a run that goes on from what was learned: it would be drawn over."""
    if learned and any(isinstance(callback, Restart) for callback in callbacks):
        raise NetgradError(
            "Restart draws all weights anew, and with them what was learned before: give a network, and no params, or "
            "leave Restart out"
        )


def _held(run: Run) -> float:
    """What beginnings are compared by."""
    row = run.history.rows[-1]
    return row.get("val_loss", row["loss"])
