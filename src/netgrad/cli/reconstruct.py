"""`netgrad fit --reconstruct` and what `predict` makes of such a model: how unlike the rest each row of a table is."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer

from netgrad.cli.results import Trained, finish, how_shown
from netgrad.errors import DataError, NetgradError, NetgradWarning, warn

# The options of `netgrad fit` that mean something here; any other one that is given is refused.
TAKEN = (
    *("data", "reconstruct", "window", "test", "validation", "drop", "only", "scaling"),
    *("missing", "missing_values", "categorical", "numeric", "separator", "encoding", "header"),
    *("hidden", "activation", "optimizer", "learning_rate", "schedule", "epochs", "batch_size"),
    *("penalty", "alpha", "clip_norm", "patience", "checkpoint", "log", "seed"),
    *("out", "no_report", "measure", "quiet", "device", "devices", "dtype"),
)

FEWEST = 10  # rows: with fewer nothing is the usual
RESPONSIBLE = 3  # columns that are named beside a score, at most
WORTH_NAMING = 0.1  # the share of a row's error that a column must explain
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)  # of the rows kept for testing, whose errors are noted
UNUSUAL = 0.99  # the share of them whose error is the score's unit
STEPS, EPOCHS = 2000, (40, 200)  # updates of a run, where that is not too few or too many epochs
CORRECTIONS = 10  # times that a column is given back, to be what the others say


def fit(ctx: typer.Context) -> None:
    """Train an autoencoder on the rows of a table, and write it with the errors that are usual."""
    import netgrad as ng
    from netgrad.cli import card, options, sequences, sources
    from netgrad.data.encodings import TableEncoder
    from netgrad.data.tables import SUFFIXES

    others = {str(p.name) for p in ctx.command.params} - set(TAKEN)
    sequences.refuse(ctx, others, "has no effect with --reconstruct, which predicts nothing")
    given = ctx.params
    share, test_file = options.share_or_file(given["test"])
    words = given["missing_values"]
    request = sources.Request(
        given["data"],
        missing_values=None if words is None else options.names(words),
        form=options.form(given["separator"], given["encoding"], given["header"]),
    )
    name = Path(given["data"]).name
    folder = given["out"] or Path("out") / name.split(".")[0]
    options.check_writable(folder)
    if request.suffix not in SUFFIXES:
        raise NetgradError(f"--reconstruct takes a table, a file named {', '.join(SUFFIXES)}: found {given['data']}")
    table = request.read(given["data"])
    only = None if given["only"] is None else options.names(given["only"])
    window = given["window"] or 1
    x = windows(selected(table, options.names(given["drop"]), only), window)
    rows, x_test = (
        (x, windows(request.read(test_file), window)) if test_file else parted(x, share, given["seed"], window)
    )
    made = partial(
        TableEncoder,
        given["scaling"] or "standardise",
        missing=given["missing"],
        categorical=options.names(given["categorical"]),
        numeric=options.names(given["numeric"]),
        missing_values=request.missing_values,
    )
    encoder = made().fit(rows, made().fit(x))  # what is wrong with the file is told by its own rows
    features = len(encoder.feature_names)
    hidden = usual(features) if given["hidden"] is None else options.units("--hidden", given["hidden"])
    if not hidden:
        raise NetgradError("--hidden names the layers of the encoder, the last of which is the code: give one at least")
    *wide, code = (ng.Dense(units, activation=given["activation"]) for units in hidden)
    network = ng.Autoencoder([*wide, code.replace(activation=ng.Identity())], inputs=features)
    how = options.changed(options.PLAIN, given)
    if given["epochs"] is None:
        how = replace(how, epochs=int(np.clip(STEPS * (how.batch_size or len(rows)) / len(rows), *EPOCHS)))
    strength = how.alpha if given["alpha"] is None else given["alpha"]
    penalty = options.penalties(given["penalty"], strength)
    if hidden[-1] > features:
        warn(
            f"--hidden ends in a code of {hidden[-1]} numbers, more than the {features} that a row has, and can be a "
            "copy, so that nothing is unusual: make its last number smaller"
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the code has", NetgradWarning)  # said above, in this command's words
        start = ng.untrained(
            network, encoder.transform(rows), penalty=penalty, loss="squared_error", seed=given["seed"]
        )
    model = ng.fit(
        replace(start, encoder=encoder),
        rows,
        **options.training(how, given),
    )
    usual_errors = np.quantile(errors(model, x_test), SHARES)
    what = "rows" if window == 1 else f"windows of {window} rows"
    found = {**options.settled(how, True), "scaling": encoder.scaling, "hidden": list(hidden), "alpha": strength}
    settings = card.plain({n: given[n] for n in TAKEN if n not in (*card.LOCAL, "data")} | found)
    model.card = {
        "what": f"reconstruction of the {what} of {name} by a network of {len(network.nodes)} layers",
        "data": {"name": name, "rows": len(x), "train": len(rows), "test": len(x_test)},
        "task": "reconstruction",
        "scores": {},
        "reconstruction": {"shares": list(SHARES), "errors": [float(f"{error:.6g}") for error in usual_errors]}
        | ({} if window == 1 else {"window": window}),
        "settings": settings,
        "versions": card.versions(),
        "seed": given["seed"],
        "command": card.command_line(ctx),
    }
    trained = Trained(
        model,
        lambda: model.evaluate(x_test),
        {"x": x_test, "y": encoder.transform(x_test)},
        lambda: (model.batch(rows), model.batch(x_test)),
    )
    finish(trained, folder, **how_shown(given))


def usual(features: int) -> tuple[int, ...]:
    """The units of the encoder's layers for so many features: a wide one, and a code of a third of the features."""
    return (min(128, max(16, 2 * features)), max(1, round(features / 3)))


def selected(table: Any, drop: tuple[str, ...], only: tuple[str, ...] | None) -> Any:
    """The table's columns that are to be given back."""
    from netgrad.data.tables import chosen

    nothing = object()  # no column is predicted, so none is kept aside
    return chosen(table, nothing, drop, only)  # type: ignore[arg-type]


def windows(table: Any, window: int) -> Any:
    """A signal, one time-step a row, as rows that hold ``window`` steps: those of each row, and of the rows before it.

    The columns of the row itself keep their names. The first rows, which have too few before them, end no window.

    >>> import pandas as pd
    >>> windows(pd.DataFrame({"level": [1, 2, 4, 8]}), 3)
       level  level 1 before  level 2 before
    2      4               2               1
    3      8               4               2
    """
    import pandas as pd

    if window == 1:
        return table
    if len(table) < window:
        raise DataError(
            f"a window has {window} rows, and there are {len(table)}: give more rows, or train with a smaller --window"
        )
    ends = table.index[window - 1 :]
    parts = [table.iloc[window - 1 - k : len(table) - k].set_axis(ends) for k in range(window)]
    named = [part.add_suffix(f" {k} before") if k else part for k, part in enumerate(parts)]
    return pd.concat(named, axis=1)


def windowed(model: Any, x: Any, names: Any) -> tuple[Any, Any]:
    """New rows, and what they are called, as a model takes them that reconstructs windows."""
    window = model.card.get("reconstruction", {}).get("window", 1)
    return windows(x, window), None if names is None else names[window - 1 :]


def parted(x: Any, share: float, seed: int, window: int = 1) -> tuple[Any, Any]:
    """Rows to train on, and rows kept for testing: errors on rows that were trained on are smaller than is usual.

    Of windows, which share rows with their neighbours, the last ones, and none that reaches into them is trained on.
    """
    held = max(1, round(share * len(x)))
    left = len(x) - held - (window - 1) if window > 1 else len(x)
    if left < FEWEST:
        what = "rows" if window == 1 else f"windows of {window} rows"
        raise DataError(f"{max(left, 0)} {what} are too few to learn what is usual: at least {FEWEST} are needed")
    if window > 1:
        return x.iloc[:left], x.iloc[-held:]
    order = np.random.default_rng(seed).permutation(len(x))
    return x.iloc[np.sort(order[held:])], x.iloc[np.sort(order[:held])]


def errors(model: Any, x: Any) -> np.ndarray:
    """The squared error of each row, summed over its features in the scale of training: (N,)."""
    encoded = model.encode_inputs(x)
    error: np.ndarray = ((_given_back(model, encoded) - encoded) ** 2).sum(1)
    return error


def scores(model: Any, x: Any) -> Any:
    """Of each row a data frame: ``score``, its error in units of what 99 in 100 rows kept for testing stay below, so
    that above 1 it is unusual; ``unusual``, the share of those rows whose error is smaller; ``columns``, of unusual
    rows those whose correction makes the error smaller, and by how much. Of windows ``row``, the number of the last."""
    import pandas as pd

    usual_errors = model.card.get("reconstruction")
    if not usual_errors:
        raise NetgradError("this model does not know which errors are usual: make it by `netgrad fit --reconstruct`")
    at, known = usual_errors["shares"], usual_errors["errors"]
    encoded = np.asarray(model.encode_inputs(x))
    total = errors(model, encoded)
    score = total / max(float(np.interp(UNUSUAL, at, known)), float(np.finfo(np.float32).tiny))
    columns = np.full(len(total), "", object)
    if (odd := score > 1).any():
        columns[odd] = responsible(model, encoded[odd])
    said = {"score": [float(f"{one:.5g}") for one in score], "unusual": np.interp(total, known, at).round(3)}
    window = usual_errors.get("window", 1)
    row = {} if window == 1 else {"row": np.arange(len(total)) + window}
    return pd.DataFrame(row | said | {"columns": columns})


def responsible(model: Any, encoded: np.ndarray) -> list[str]:
    """The columns of each row that explain its error, in words: "price 96 %, rooms 20 %".

    A column is made what the others say, by putting in its place what the network gives back for it, several times;
    the error that is gone then is its. What stands beside a wrong value is given back wrongly, too, so the errors of
    columns by themselves say little.
    """
    error = errors(model, encoded)
    gone, first = {}, 0
    for column in model.encoder.columns:
        own = slice(first, first := first + len(column.feature_names))
        corrected = encoded.copy()
        for _ in range(CORRECTIONS):
            corrected[:, own] = _given_back(model, corrected)[:, own]
        gone[column.name] = 1 - errors(model, corrected) / np.maximum(error, np.finfo(float).tiny)

    def words(i: int) -> str:
        largest = sorted(((share[i], name) for name, share in gone.items()), reverse=True)[:RESPONSIBLE]
        return ", ".join(f"{name} {100 * share:.0f} %" for share, name in largest if share >= WORTH_NAMING)

    return [words(i) for i in range(len(encoded))]


def _given_back(model: Any, encoded: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_proba(encoded), float)
