"""The history of a run: one row an epoch, one column a quantity."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netgrad import notebook
from netgrad.errors import unknown_name

_SHOWN = 5  # epochs in a notebook


@dataclass
class History:
    """What a run measured, epoch by epoch: ``loss``, ``grad_norm``, ``val_loss`` and whatever metrics there are.

    >>> history = History()
    >>> history.append({"epoch": 1, "loss": 0.7})
    >>> history.append({"epoch": 2, "loss": 0.4})
    >>> history["loss"]
    array([0.7, 0.4])
    """

    rows: list[dict[str, float]] = field(default_factory=list)
    stopped: str = ""
    settings: dict[str, Any] = field(default_factory=dict)  # what the run was asked for, as plain JSON
    events: list[dict[str, Any]] = field(default_factory=list)  # what was noticed on the way: epoch, finding, message
    samples: list[tuple[int, np.ndarray]] = field(default_factory=list)  # what `netgrad.Samples` drew, by epoch

    def append(self, row: dict[str, float]) -> None:
        """Add the row of one epoch."""
        self.rows.append(row)

    @property
    def columns(self) -> list[str]:
        """The names of all columns, in the order of their first appearance."""
        return list(dict.fromkeys(key for row in self.rows for key in row))

    @property
    def history(self) -> dict[str, list[float]]:
        """All columns as lists, by name, as Keras's history has them."""
        return {column: self[column].tolist() for column in self.columns}

    def __getitem__(self, column: str) -> np.ndarray:
        if column not in self.columns:
            raise unknown_name("history column", column, self.columns)
        return np.array([row.get(column, np.nan) for row in self.rows])

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self.rows)

    def to_frame(self) -> Any:
        """The history as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def _repr_html_(self) -> str:
        """The losses as curves and the last epochs as a table, in a notebook."""
        lines = {name: self[name].tolist() for name in ("loss", "val_loss") if name in self}
        cells = [
            [f"{value:.4g}" if (value := row.get(name)) is not None else "" for name in self.columns]
            for row in self.rows[-_SHOWN:]
        ]
        stopped = f"<p>stopped: {html.escape(self.stopped)}</p>" if self.stopped else ""
        return notebook.curves(lines) + notebook.table(self.columns, cells, left=0) + stopped

    def __repr__(self) -> str:
        if not self.rows:
            return "History: no epoch yet"
        last = ", ".join(f"{key} {value:.4g}" for key, value in self.rows[-1].items() if key != "epoch")
        stop = f"; stopped: {self.stopped}" if self.stopped else ""
        return f"History of {len(self.rows)} epochs, the last with {last}{stop}"
