"""Networks for tables: the one recipe by which they are made and trained where nobody says how.

What pays for tables is little known and much the same for all of them: numbers scaled by their quartiles and cut into
pieces, a few small networks whose answers are averaged, dropout, a falling rate, and the best epoch by examples held
out. The numbers were chosen on one half of the tables of `python -m benchmarks.tables`; docs/tables.md has what they
reach on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.encodings import TableEncoder
from netgrad.data.leaks import warn_of_leaks
from netgrad.data.tables import chosen, split_target
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers import Dense, Dropout, FeatureScale, Layer, PiecewiseLinear
from netgrad.network import Ensemble, Network, Sequential
from netgrad.regularizers import L2
from netgrad.training.callbacks import Callback
from netgrad.training.fit import fit, untrained
from netgrad.training.model import Model

if TYPE_CHECKING:
    import pandas as pd

MOST_PIECES = 1024  # of all columns together
STEPS = {"regression": 4000, "classification": 2000}  # updates of a run, where that is not too few or too many epochs
EPOCHS = (12, 160)
BATCH_SIZES = ((500, 64), (1500, 128), (30_000, 256), (100_000, 512), (float("inf"), 1024))  # below so many rows
SCALE = "scale"  # the layer of the inputs' factors
SCALE_FASTER = 10.0  # how many times their learning rate is that of the weights
ROWS_A_PIECE = 70
FEWEST_HELD_OUT = 20  # rows from which on some are held out


@dataclass(frozen=True)
class Recipe:
    """How a network for a table is made and trained.

    hidden: units of each hidden layer of each member, rectifiers; before them stands a factor for each input
    (`netgrad.FeatureScale`) with ten times the learning rate. members: networks whose answers are averaged
    (`netgrad.Ensemble`). pieces: into which each column of numbers is cut at most (`netgrad.PiecewiseLinear`). dropout:
    of each hidden layer. learning_rate, schedule, epochs, batch_size, validation: as for `netgrad.fit`, with Adam.
    alpha: the strength of an L2 penalty.
    patience: epochs without a better validation score after which training ends; the best epoch's parameters stay.
    """

    hidden: tuple[int, ...] = (128, 128, 128)
    members: int = 4
    pieces: int = 16
    dropout: float = 0.1
    learning_rate: float | None = 2e-3
    schedule: str = "cosine"
    epochs: int = 128
    batch_size: int = 256
    validation: float | None = 0.2
    patience: int | None = 32
    alpha: float = 0.0

    def network(self, x: np.ndarray, outputs: int) -> Network:
        """The network for these encoded rows (N, d) and so many output units."""
        block: list[Layer] = []
        for units in self.hidden:
            block.append(Dense(units, activation="relu"))
            if self.dropout:
                block.append(Dropout(self.dropout))
        block.append(Dense(outputs))
        first: list[Layer] = [PiecewiseLinear.cutting(x, self.pieces)] if self.pieces else []
        first.append(FeatureScale(name=SCALE))
        return Sequential([*first, *([Ensemble(block, self.members)] if self.members > 1 else block)])

    def rates(self, network: Network) -> Any:
        """The learning rate of each layer of this network, of which that of the inputs' factors is higher."""
        rate = self.learning_rate
        if rate is None or not any(node.name == SCALE for node in network.nodes):
            return rate
        learned = (node.name for node in network.nodes if isinstance(node.layer, FeatureScale | Dense | Ensemble))
        return {name: rate * SCALE_FASTER if name == SCALE else rate for name in learned}


def recipe(x: np.ndarray, task: str = "regression") -> Recipe:
    """The recipe for a table of these encoded rows (N, d): by its rows, its columns of numbers, and the task.

    Classes are learned by heart sooner than quantities: their rate is lower, more is dropped, and a run is shorter.

    >>> import numpy as np
    >>> small, large = recipe(np.zeros((10, 3))), recipe(np.zeros((50_000, 3)))
    >>> small.validation is None, small.epochs > large.epochs, small.batch_size < large.batch_size
    (True, True, True)
    """
    if task not in STEPS:
        raise unknown_name("task", task, STEPS)
    rows = len(x)
    usual = Recipe()
    numbers = sum(len(np.unique(column[:1000])) > 2 for column in np.asarray(x).T)
    pieces = min(usual.pieces, max(2, rows // ROWS_A_PIECE), MOST_PIECES // max(1, numbers))
    batch_size = next(size for most, size in BATCH_SIZES if rows < most)
    epochs = int(np.clip(STEPS[task] * batch_size / rows, *EPOCHS))
    if task == "classification":
        usual = replace(usual, learning_rate=1e-3 if rows < 5000 else 5e-4, dropout=0.3)
    return replace(
        usual,
        pieces=pieces if pieces > 1 else 0,
        batch_size=batch_size,
        epochs=epochs,
        patience=max(8, epochs // 4),
        validation=None if rows < FEWEST_HELD_OUT else 0.2 if rows < 10_000 else 0.1,
    )


def fit_table(
    table: pd.DataFrame,
    target: str,
    *,
    task: Any = None,
    encoder: TableEncoder | None = None,
    log_target: bool | None = None,
    drop: Sequence[str] = (),
    only: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    numeric: Sequence[str] = (),
    missing: str | None = None,
    metrics: Any = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Any = None,
    progress: bool = False,
    seed: int = 0,
    **changes: Any,
) -> Model:
    """Train a network on a table by the recipe for its size, and return the `Model`.

    table: what `netgrad.data.read_table` reads, or any data frame; its rows are not held back for a test. target: the
    column to predict, rows without it are left out. task: "classification" or "regression"; told from the target.
    encoder: how columns become features, not yet fitted; by default ``TableEncoder("robust")``. log_target: learn the
    logarithm of a quantity; None: where it is positive and skewed. drop, only: columns that are left out, or alone
    used; categorical, numeric: columns that are so whatever they look like; missing: "impute" or "error". metrics,
    callbacks, checkpoint, progress, seed: as for `netgrad.fit`. changes: fields of `Recipe` that are to be otherwise.

    >>> import netgrad as ng, numpy as np, pandas as pd
    >>> size = np.random.default_rng(0).uniform(30, 90, 60)
    >>> table = pd.DataFrame({"size": size, "kind": ["flat", "house"] * 30, "price": 3 * size + 1})
    >>> model = ng.fit_table(table, "price", epochs=2)
    >>> model.predict(table[:3]).shape, model.encoder.feature_names
    ((3,), ['size', 'kind=flat', 'kind=house'])
    """
    columns, y = split_target(chosen(table, target, drop, only), target)
    columns, y = columns[y.notna()], y[y.notna()]
    asked: dict[str, Any] = {"categorical": tuple(categorical), "numeric": tuple(numeric), "missing": missing}
    asked = {name: value for name, value in asked.items() if value}
    if encoder is not None and asked:
        raise NetgradError(f"{next(iter(asked))} is the encoder's own, which is given: leave one of them out")
    encoder = (encoder or TableEncoder("robust", **asked)).fit(columns)
    target_encoder = TargetEncoder(task, log_target=log_target, within=True).fit(y)
    x, labels = encoder.transform(columns), target_encoder.transform(y)
    warn_of_leaks(encoder, x, labels, target_encoder.task == "regression")
    how = recipe(x, str(target_encoder.task))
    if unknown := set(changes) - set(vars(how)):
        raise NetgradError(f"a recipe has no {sorted(unknown)[0]!r}: change {', '.join(vars(how))}")
    how = replace(how, **changes)
    network = how.network(x, target_encoder.outputs)
    loss = "softmax_cross_entropy" if target_encoder.task == "classification" else "squared_error"
    penalty = L2(how.alpha) if how.alpha else None
    start = untrained(network, x, labels, loss=loss, penalty=penalty, seed=seed)
    return fit(
        replace(start, encoder=encoder, target_encoder=target_encoder),
        x,
        y,
        learning_rate=how.rates(network),
        schedule=how.schedule,
        epochs=how.epochs,
        batch_size=how.batch_size,
        validation=how.validation,
        patience=how.patience,
        metrics=metrics,
        callbacks=callbacks,
        checkpoint=checkpoint,
        progress=progress,
        seed=seed,
    )
