"""One recipe from several initialisations at once: what is true of most of them does not hang on one lucky draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

import netgrad as ng


@dataclass
class EachStart(ng.Callback):
    """Keeps what every start ended as."""

    models: list[ng.Model] = field(default_factory=list)

    def on_end(self, run):
        self.models = [run.model(run.starts.carry(k)) for k in range(run.starts.count)]


@dataclass
class Curves(ng.Callback):
    """Every start's loss, in training and on examples that are held out, after every epoch; and early stopping of each.

    patience: after so many epochs without a smaller loss on (x, y) a start's curves end and its model is that of the
    smallest, as `netgrad.EarlyStopping` has it for one start; None: all go on to the end. losses and held: one list a
    start; models: what each ends as.
    """

    x: np.ndarray
    y: np.ndarray
    patience: int | None = None
    losses: list[list[float]] = field(default_factory=list)
    held: list[list[float]] = field(default_factory=list)
    models: list[ng.Model] = field(default_factory=list)

    def on_start(self, run):
        starts = range(run.starts.count)
        self.losses, self.held, self.models = [[] for _ in starts], [[] for _ in starts], [run.model() for _ in starts]

    def on_epoch(self, run):
        going = [k for k, held in enumerate(self.held) if not self._over(held)]
        for k in going:
            model = run.model(run.starts.carry(k))
            self.losses[k].append(float(run.starts.losses[k, -1]))
            self.held[k].append(float(model.evaluate(self.x, self.y)["loss"]))
            if self.patience is None or self.held[k][-1] <= min(self.held[k]):
                self.models[k] = model
        if not going:
            run.stop("no start became better any more")

    def _over(self, held: list[float]) -> bool:
        return self.patience is not None and len(held) - 1 - int(np.argmin(held or [0])) >= self.patience


def fit_starts(network: ng.Network, x: Any, y: Any, starts: int, callbacks: tuple = (), **settings: Any) -> list:
    """The models that `netgrad.fit` makes of ``starts`` (2 or more) initialisations, trained as one program."""
    each = EachStart()
    ng.fit(network, x, y, starts=starts, callbacks=[*callbacks, each], **settings)
    return each.models
