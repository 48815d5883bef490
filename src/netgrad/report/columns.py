"""What the columns of a table are worth to a model: how much worse it gets when one of them is shuffled."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from netgrad.report import column_figures, figures
from netgrad.report.section import Section, number
from netgrad.training.model import Model

ROWS = 1000  # of which this is measured
ROUNDS = 3  # shuffles of each column
MOST = 40  # columns: more take longer than all the rest of a report
SHOWN = 15
DEPENDENCES, DEPENDENCE_ROWS, VALUES = 3, 200, 15  # columns whose effect is shown, on so many rows, at so many values


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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the rows all has been said
        batch = model.batch(x, y)
    ((fed, encoded),) = batch.x.items()
    usual = model.score_batch(batch)["loss"]
    found = {}
    for name, own in _features(model).items():
        losses = []
        for _ in range(ROUNDS):  # the features are shuffled: those of a row do not depend on the others
            other = _with(encoded, own, encoded[rng.permutation(len(x))][:, own])
            losses.append(model.score_batch(batch._replace(x={fed: other}))["loss"])
        found[name] = float(np.mean(losses)) - usual
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _features(model: Model) -> dict[str, slice]:
    """Where the features of each of the model's columns stand in a row."""
    found, first = {}, 0
    for column in model.encoder.columns if model.encoder is not None else ():
        found[column.name] = slice(first, first := first + len(column.feature_names))
    return found


def _with(encoded: np.ndarray, own: slice, features: np.ndarray) -> np.ndarray:
    """These rows (N, d) with other features in some places."""
    other = encoded.copy()
    other[:, own] = features
    return other


@dataclass(frozen=True)
class Dependence:
    """What a model answers on average where a column has these values, whatever the rest of the rows says.

    places (V,): where the values stand on an axis; labels (V,): what they are called, of categories and dates, else
    empty; named: whether they have no order. answers (V, K): the mean prediction, or the mean probability of each
    class.
    """

    name: str
    places: np.ndarray
    labels: tuple[str, ...]
    answers: np.ndarray
    named: bool = False


def dependence(model: Model, x: Any, name: str, seed: int = 0) -> Dependence:
    """Partial dependence: the mean answer for these rows when all of them have the same value in a column, by value.

    x: a data frame with the model's columns. The values are those of the column: of numbers some between the fifth and
    the last but five of a hundred, of categories the most frequent. Where columns go together, some of these rows are
    such as do not occur. Source: Friedman, "Greedy function approximation" (2001), section 8.2.

    >>> import netgrad as ng, pandas as pd
    >>> table = pd.DataFrame({"size": np.linspace(0, 1, 40), "noise": np.arange(40.0) % 3})
    >>> net = ng.Sequential([ng.Dense(1)])
    >>> model = ng.fit(net, table, 3 * table["size"].to_numpy(), epochs=300, learning_rate=0.05)
    >>> found = dependence(model, table, "size")
    >>> bool(np.allclose(found.answers[:, 0], 3 * found.places, atol=0.1))
    True
    """
    assert model.encoder is not None
    column = next(column for column in model.encoder.columns if column.name == name)
    rng = np.random.default_rng(seed)
    some = x.iloc[rng.permutation(len(x))[:DEPENDENCE_ROWS]].reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numbers = model.encoder.numbers(some, name)
        named = column.kind in ("category", "boolean")
        rows = _typical(numbers, named)
        encoded, own = model.encode_inputs(some), _features(model)[name]
        # Value by value: whatever their number, the program is that for so many rows.
        answers = np.stack([_answers(model, _with(encoded, own, encoded[row, own])).mean(0) for row in rows])
    day = 10  # letters of a date: the time of day has no room
    labels = tuple(str(v)[: None if named else day] for v in some[name].iloc[rows])
    labels = labels if named or column.kind == "date" else ()
    places = np.arange(len(rows), dtype=float) if named else numbers[rows]
    return Dependence(name, places, labels, answers, named)


def _typical(numbers: np.ndarray, named: bool) -> np.ndarray:
    """The rows of some values of a column: the most frequent categories, or numbers from low to high."""
    known = np.flatnonzero(np.isfinite(numbers) & ((numbers >= 0) | (not named)))
    distinct, first, count = np.unique(numbers[known], return_index=True, return_counts=True)
    if named:
        return known[first[np.sort(np.argsort(-count, kind="stable")[:VALUES])]]
    if len(distinct) > VALUES:
        ordered = known[np.argsort(numbers[known], kind="stable")]
        places = np.linspace(0.05, 0.95, VALUES) * (len(ordered) - 1)
        _, once = np.unique(numbers[ordered[places.round().astype(int)]], return_index=True)
        return ordered[places.round().astype(int)][once]
    return known[first]


def _answers(model: Model, x: Any) -> np.ndarray:
    """(N, K): predictions of a quantity, K = 1; else the probability of each class, of two that of the second."""
    if model.objective.terms[0][1].task == "regression":
        predicted = np.asarray(model.predict(x), float)
        return predicted.reshape(len(predicted), -1)
    p = np.asarray(model.predict_proba(x))
    return p[:, -1:] if p.shape[1] <= 2 else p


def columns_judged(model: Model, x: Any, y: Any) -> Iterator[Section]:
    """The columns of a table by what they are worth, and what the answer makes of the first few; nothing for anything
    else, or for very many."""
    used = len(model.encoder.columns) if model.encoder is not None else 0
    if not hasattr(x, "iloc") or not 1 < used <= MOST or len(x) < 2:
        return
    found = importance(model, x, y)
    shown = dict(list(found.items())[:SHOWN])
    text = (
        "By how much the loss on the test rows grows when a column is shuffled among them. Columns that tell the same "
    )
    text += "share what they are worth; about 0 or less is worth nothing here."
    text += f" The first {SHOWN} of {used}." if used > SHOWN else ""
    alt = "Bars: " + ", ".join(f"{name} {number(worth)}" for name, worth in shown.items())
    figure = figures.svg(column_figures.worths(shown), alt, "worth")
    yield Section("What the columns are worth", text, figure)
    yield from _dependences(model, x, [name for name, worth in shown.items() if worth > 0][:DEPENDENCES])


def _dependences(model: Model, x: Any, names: list[str]) -> Iterator[Section]:
    """How the answer depends on these columns."""
    several = len(model.objective.terms) > 1
    found = [] if several else [dependence(model, x, name) for name in names]
    found = [one for one in found if len(one.places) > 1]
    if not found:
        return
    quantity = model.objective.terms[0][1].task == "regression"
    encoder = model.target_encoder
    classes = [str(name) for name in encoder.classes] if encoder is not None and not quantity else []
    width = found[0].answers.shape[1]
    classes = classes or [str(k) for k in range(max(2, width))]
    lines = [str(model.card.get("target", "prediction"))] if quantity else classes[-1:] if width == 1 else classes
    what = "prediction" if quantity else f"probability of {lines[0]}" if width == 1 else "probability of each class"
    text = f"The mean {what} on some of the test rows when all of them have the same value in a column, for the "
    text += "columns that are worth most. Where columns go together, some of these rows are such as do not occur."
    alt = "; ".join(f"{one.name}: {number(one.answers[0, 0])} to {number(one.answers[-1, 0])}" for one in found)
    figure = column_figures.dependences(found, lines)
    yield Section("How the answer depends on them", text, figures.svg(figure, f"Curves. {alt}", "dependence"))
