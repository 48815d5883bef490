"""What the columns of a table are worth to a model: how much worse it gets when one of them is shuffled."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from netgrad.report.section import Section, number
from netgrad.training.model import Model

ROWS = 1000  # of which this is measured
ROUNDS = 3  # shuffles of each column
MOST = 40  # columns: more take longer than all the rest of a report
SHOWN = 15


def importance(model: Model, x: Any, y: Any, seed: int = 0) -> dict[str, float]:
    """By how much the loss on these rows grows when a column's values are shuffled among them, largest first.

    x: a data frame with the model's columns; y (N,): targets in their own terms. Columns that tell the same share what
    they are worth: each alone may look worthless. Source: Breiman, "Random forests" (2001), section 10.

    >>> import netgrad as ng, pandas as pd
    >>> size = np.sqrt(np.arange(40.0))
    >>> table = pd.DataFrame({"size": size, "noise": np.arange(40.0) % 3})
    >>> model = ng.fit(ng.Sequential([ng.Dense(1)]), table, 3 * size, epochs=200, learning_rate=0.05)
    >>> list(importance(model, table, 3 * size))
    ['size', 'noise']
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(x))[:ROWS]
    x, y = x.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]
    used = [column.name for column in model.encoder.columns] if model.encoder is not None else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the rows all has been said
        usual = model.evaluate(x, y)["loss"]
        found = {}
        for name in used:
            losses = []
            for _ in range(ROUNDS):
                shuffled = x[name].iloc[rng.permutation(len(x))].reset_index(drop=True)
                losses.append(model.evaluate(x.assign(**{name: shuffled}), y)["loss"])
            found[name] = float(np.mean(losses)) - usual
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def columns_judged(model: Model, x: Any, y: Any) -> Iterator[Section]:
    """The columns of a table by what they are worth; nothing for anything else, or for very many."""
    used = len(model.encoder.columns) if model.encoder is not None else 0
    if not hasattr(x, "iloc") or not 1 < used <= MOST or len(x) < 2:
        return
    found = importance(model, x, y)
    rows = [[name, number(worth)] for name, worth in list(found.items())[:SHOWN]]
    text = (
        "By how much the loss on the test rows grows when a column is shuffled among them. Columns that tell the same "
    )
    text += "share what they are worth; about 0 or less is worth nothing here."
    text += f" The first {SHOWN} of {used}." if used > SHOWN else ""
    yield Section("What the columns are worth", text, header=["column", "loss grows by"], rows=rows)
