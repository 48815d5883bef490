"""One recipe from several initialisations at once: what is true of most of them does not hang on one lucky draw."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import netgrad as ng


@dataclass
class EachStart(ng.Callback):
    """Keeps what every start ended as."""

    models: list[ng.Model] = field(default_factory=list)

    def on_end(self, run):
        self.models = [run.model(run.starts.carry(k)) for k in range(run.starts.count)]


def fit_starts(network: ng.Network, x: Any, y: Any, starts: int, callbacks: tuple = (), **settings: Any) -> list:
    """The models that `netgrad.fit` makes of ``starts`` (2 or more) initialisations, trained as one program."""
    each = EachStart()
    ng.fit(network, x, y, starts=starts, callbacks=[*callbacks, each], **settings)
    return each.models
