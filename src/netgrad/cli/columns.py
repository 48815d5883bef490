"""`netgrad fit --relevance`: which columns of a table matter."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netgrad.errors import NetgradError
from netgrad.writing import write_file

if TYPE_CHECKING:
    from netgrad.cli.sources import Source

UNITS, EXAMPLES, FEATURES = 8, 2000, 300  # of the small network that is asked


def check(source: Source, x: np.ndarray) -> None:
    """Refuse, before anything is trained, what has no columns or too many."""
    if source.encoder is None:
        raise NetgradError(f"--relevance is of a table's columns, {source.name} has none: leave it out")
    if x.shape[1] > FEATURES:
        raise NetgradError(
            f"--relevance works for up to {FEATURES} features, this table has {x.shape[1]}: leave columns out by --drop"
        )


def show(source: Source, x: np.ndarray, y: np.ndarray, seed: int, folder: Path | None) -> None:
    """Print the columns, the one that matters most first, with its share; draw them into relevance.svg in the folder,
    if there is to be one."""
    import netgrad as ng

    assert source.encoder is not None
    some = np.random.default_rng(seed).permutation(len(x))[:EXAMPLES]
    x, y = x[some], y[some]
    loss = "squared_error" if source.task == "regression" else "softmax_cross_entropy"
    net = ng.Sequential([ng.Dense(UNITS, activation="tanh"), ng.Dense(source.target_encoder.outputs)])
    model = ng.fit(net, x, y, loss=loss, epochs=50, epochs_per_call=50, penalty=ng.L2(1e-3), seed=seed)
    names = [column.name for column in source.encoder.columns for _ in column.feature_names]
    found = ng.relevance(model, x, y, names=names)
    print("\nrelevance of the columns")
    print(found)
    if folder is not None:
        drawn = io.BytesIO()
        found.figure().savefig(drawn, format="svg")
        write_file(folder / "relevance.svg", drawn.getvalue())
