"""Networks for tables: the one recipe by which they are made and trained where nobody says how.

What pays for tables is little known and much the same for all of them: numbers scaled by their quartiles and cut into
pieces, a few small networks whose answers are averaged, dropout, a falling rate, and the best epoch by examples held
out. The numbers were chosen on one half of the tables of `python -m benchmarks.tables`; docs/benchmarks.md has what
they reach on the other half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.encodings import TableEncoder
from netgrad.data.frames import as_pandas
from netgrad.data.leaks import warn_of_leaks
from netgrad.data.parting import parted, with_target
from netgrad.data.tables import chosen
from netgrad.data.targets import TargetEncoder
from netgrad.errors import NetgradError, unknown_name
from netgrad.layers import Dense, Dropout, FeatureScale, Layer, PiecewiseLinear
from netgrad.losses import SoftmaxCrossEntropy, SquaredError
from netgrad.network import Ensemble, Network, Sequential
from netgrad.regularizers import L2
from netgrad.training.callbacks import Callback
from netgrad.training.fit import fit
from netgrad.training.model import Model
from netgrad.training.tested import check_share, scored
from netgrad.training.untrained import untrained

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
OF_FIT = ("class_weight", "resample", "clip_norm", "dtype", "devices", "fix", "keep_optimizer")  # that go on to `fit`


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
    usual_size = next(size for most, size in BATCH_SIZES if rows < most)
    epochs = int(np.clip(STEPS[task] * usual_size / rows, *EPOCHS))
    held = round(rows * (0 if rows < FEWEST_HELD_OUT else 0.2 if rows < 10_000 else 0.1))
    # Batches of one size, by a few rows more held out: a smaller last one is a step of its own to compile.
    steps = -(-(rows - held) // usual_size)
    batch_size = (rows - held) // steps
    held = rows - steps * batch_size if held else 0
    if task == "classification":
        usual = replace(usual, learning_rate=1e-3 if rows < 5000 else 5e-4, dropout=0.3)
    return replace(
        usual,
        pieces=pieces if pieces > 1 else 0,
        batch_size=batch_size,
        epochs=epochs,
        patience=max(8, epochs // 4),
        validation=held / rows if held else None,
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
    missing_values: Sequence[str] | None = None,
    scaling: str | None = None,
    test: Any = None,
    label_smoothing: float = 0.0,
    metrics: Any = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Any = None,
    progress: bool = False,
    seed: int = 0,
    **changes: Any,
) -> Model:
    """Train a network on a table by the recipe for its size, and return the `Model`.

    table: what `netgrad.data.read_table` reads, or any data frame. target: the column to predict, rows without it are
    left out. task: "classification" or "regression"; told from the target. encoder: how columns become features, not
    yet fitted; by default ``TableEncoder("robust")``. log_target: learn the logarithm of a quantity; None: where it is
    positive and skewed. drop, only: columns that are left out, or alone used; categorical, numeric: columns that are so
    whatever they look like; missing: "impute" or "error"; missing_values: the words that mean missing; scaling: of
    numbers. test: a share of the rows, or another table, that training does not see: ``model.tested`` has them and the
    scores on them, the same as those of ``netgrad fit --test``. label_smoothing: the share of a class's target that is
    spread over all. metrics, callbacks, checkpoint, progress, seed: as for `netgrad.fit`. changes: fields of `Recipe`
    that are to be otherwise, or further arguments of `netgrad.fit`, those in `OF_FIT`.

    >>> import netgrad as ng, numpy as np, pandas as pd
    >>> size = np.random.default_rng(0).uniform(30, 90, 60)
    >>> table = pd.DataFrame({"size": size, "kind": ["flat", "house"] * 30, "price": 3 * size + 1})
    >>> model = ng.fit_table(table, "price", epochs=2)
    >>> model.predict(table[:3]).shape, model.encoder.feature_names
    ((3,), ['size', 'kind=flat', 'kind=house'])
    """
    columns, y = with_target(chosen(table, target, drop, only), target)
    asked: dict[str, Any] = {"categorical": tuple(categorical), "numeric": tuple(numeric), "missing": missing}
    asked |= {"missing_values": missing_values, "scaling": scaling}
    asked = {name: value for name, value in asked.items() if value}
    if encoder is not None and asked:
        raise NetgradError(f"{next(iter(asked))} is the encoder's own, which is given: leave one of them out")
    encoder = encoder or TableEncoder(**{"scaling": "robust"} | asked)
    of_target = {} if scaling in (None, "robust") else {"scaling": scaling}
    target_encoder = TargetEncoder(task, log_target=log_target, within=True, **of_target)
    unseen: tuple[Any, Any] | None = None
    if test is None:
        encoder, target_encoder = encoder.fit(columns), target_encoder.fit(y)
    else:
        other = with_target(as_pandas(test), target) if hasattr(test, "columns") else check_share(test)
        parts = parted(columns, y, encoder, target_encoder, other, seed)
        columns, y, encoder, target_encoder = parts.x, parts.y, parts.encoder, parts.target_encoder
        unseen = parts.x_test, parts.y_test
    x, labels = encoder.transform(columns), target_encoder.transform(y)
    warn_of_leaks(encoder, x, labels, target_encoder.task == "regression")
    how = recipe(x, str(target_encoder.task))
    given = {name: changes.pop(name) for name in OF_FIT if name in changes}
    if unknown := set(changes) - set(vars(how)):
        others = f"{', '.join(vars(how))}; or of its training {', '.join(OF_FIT)}"
        raise NetgradError(f"a recipe has no {sorted(unknown)[0]!r}: change {others}")
    how = replace(how, **changes)
    network = how.network(x, target_encoder.outputs)
    classes = target_encoder.task == "classification"
    if label_smoothing and not classes:
        raise NetgradError("label_smoothing is for classes, and the target is a quantity: leave it out")
    loss = SoftmaxCrossEntropy(label_smoothing=label_smoothing) if classes else SquaredError()
    penalty = L2(how.alpha) if how.alpha else None
    start = untrained(network, x, labels, loss=loss, penalty=penalty, seed=seed)
    model = fit(
        replace(start, encoder=encoder, target_encoder=target_encoder),
        columns if given.get("fix") else x,  # remedies are told in the names of the columns
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
        **given,
    )
    return model if unseen is None else scored(model, *unseen, metrics=metrics)
