"""Examples that training never sees, and what the model is worth on them: ``fit(test=)``."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.checks import as_array, same_examples
from netgrad.data.datasets import split
from netgrad.data.encodings import TableEncoder
from netgrad.data.frames import as_pandas
from netgrad.data.tables import chosen
from netgrad.errors import DataError, NetgradError, warn
from netgrad.training.frames import OF_COLUMNS, encoders_for, unusual
from netgrad.training.stream import Stream

if TYPE_CHECKING:
    from netgrad.training.model import Model

EXAMPLES = ("x", "y", "lengths", "sample_weight")  # the arguments of `fit` with one entry for each example


@dataclass(frozen=True)
class Tested:
    """The examples that a model was tested on, in their own terms, and its scores on them.

    x, y, lengths, sample_weight: as for `Model.evaluate`. scores: what that says of them.
    """

    x: Any
    y: Any
    scores: dict[str, float]
    lengths: Any = None
    sample_weight: Any = None

    def __repr__(self) -> str:
        told = ", ".join(f"{name} {value:.4g}" for name, value in self.scores.items())
        return f"{_count(self.x):,} test examples: {told}"


def fit_and_test(fit: Callable[..., Model], asked: dict[str, Any], test: Any) -> Model:
    """What ``fit`` makes of the other examples, tested. asked: its arguments, by name. test: see `netgrad.fit`."""
    if isinstance(test, tuple):
        if not 2 <= len(test) <= 4:
            raise NetgradError(f"test is a share or a pair (x, y), found a tuple of {len(test)}")
        x, y, lengths, weights = (*test, None, None)[:4]
        return scored(fit(**asked), x, y, lengths, weights, asked["metrics"])
    share = check_share(test)
    if Stream.of(asked["x"]) is not None:
        raise NetgradError("test as a share is of examples in memory: with a stream give test=(x, y)")
    whole = asked["x"]
    for name in EXAMPLES[1:]:
        if asked[name] is not None:
            same_examples(x=_first(whole), **{name: _first(asked[name])})
    kept, held = _rows(whole, asked["y"], share, asked["seed"])
    x, y, lengths, weights = (take(asked[name], held) for name in EXAMPLES)
    asked = asked | {name: take(asked[name], kept) for name in EXAMPLES}
    encoder = None
    if hasattr(whole, "columns") and not hasattr(asked["network"], "encoder"):
        asked, encoder = _encoded(asked, whole)
    model = fit(**asked)
    model = model if encoder is None else replace(model, encoder=encoder)
    return scored(model, x, y, lengths, weights, asked["metrics"])


def scored(model: Model, x: Any, y: Any, lengths: Any = None, sample_weight: Any = None, metrics: Any = None) -> Model:
    """The model with its scores on these examples, also in its card; with a warning, and without them, where they
    cannot be measured: it is trained all the same."""
    try:
        scores = model.evaluate(x, y, sample_weight, lengths, metrics)
    except NetgradError as error:
        warn(f"the model is trained, and could not be tested: {error}")
        return model
    card = model.card | {"scores": {f"test_{name}": round(value, 6) for name, value in scores.items()}}
    return replace(model, card=card, tested=Tested(x, y, scores, lengths, sample_weight))


def check_share(test: Any) -> float:
    """A share of the examples for testing; refuses what is none."""
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 < test < 1:
        shown = repr(test) if isinstance(test, int | float | str) else f"a {type(test).__name__}"
        raise NetgradError(f"test is a share of the examples between 0 and 1, or examples to test on, found {shown}")
    return float(test)


def take(value: Any, rows: np.ndarray) -> Any:
    """These rows of an array, a data frame or a series, or of each in a dict; None as it is.

    >>> take({"a": [1, 2, 3]}, np.array([0, 2])), take(None, np.array([0]))
    ({'a': array([1, 3])}, None)
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: take(part, rows) for name, part in value.items()}
    if hasattr(value, "columns"):
        value = as_pandas(value)
    return value.iloc[rows] if hasattr(value, "iloc") else as_array(value, "x")[rows]


def _rows(x: Any, y: Any, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the examples to train on and of those to test on; classes in proportion, as far as they go."""
    n, labels = _count(x), None
    if y is not None and not isinstance(y, Mapping) and np.ndim(y) == 1 and len(y) == n:
        values = np.asarray(y)
        labels = np.unique(values.astype(str), return_inverse=True)[1] if values.dtype.kind in "OUSiub" else None
    kept, held = (np.sort(part) for part in split(np.arange(n), test=share, seed=seed, labels=labels))
    if labels is not None and values.dtype.kind in "OUS":  # a class that stands in one row is learned, and not tested
        met = np.isin(labels[held], labels[kept])
        kept, held = np.sort(np.concatenate([kept, held[~met]])), held[met]
        if not len(held):
            raise DataError("every label stands in a single row: there is nothing to test on")
    return kept, held


def _encoded(asked: dict[str, Any], whole: Any) -> tuple[dict[str, Any], TableEncoder]:
    """The arguments with the training rows of a data frame encoded; what its columns hold is decided by all rows."""
    known, _ = encoders_for(whole, None, unusual(**{name: asked[name] for name in OF_COLUMNS}))
    assert known is not None
    used = chosen(asked["x"], "", asked["drop"], asked["only"])
    encoder = copy.copy(known).fit(used, known)
    validation = asked["validation"]
    if isinstance(validation, tuple) and hasattr(validation[0], "columns"):
        validation = (encoder.transform(validation[0]), *validation[1:])
    return asked | OF_COLUMNS | {"x": encoder.transform(used), "validation": validation}, encoder


def _first(value: Any) -> Any:
    """An array, or the first of a dict of them, as far as its examples can be counted."""
    value = next(iter(value.values())) if isinstance(value, Mapping) else value
    return as_pandas(value).index if hasattr(value, "columns") else as_array(value, "x")


def _count(x: Any) -> int:
    """How many examples these are."""
    return len(_first(x))
