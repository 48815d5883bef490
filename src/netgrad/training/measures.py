"""``metrics=``: what a user wants measured after every epoch besides the loss.

By scikit-learn's names, or by a function (truth, predicted) -> number.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.data.checks import valid_steps
from netgrad.errors import NetgradError, unknown_name, warn
from netgrad.training.batch import Batch
from netgrad.training.callbacks import Callback

if TYPE_CHECKING:
    from netgrad.losses import Loss
    from netgrad.training.loop import Run
    from netgrad.training.model import Model

# Short names, and the scikit-learn name that they stand for.
SHORT = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mape": "mean_absolute_percentage_error",
}
TAKEN = ("epoch", "loss", "grad_norm")  # columns of the history that are something else


@dataclass(frozen=True)
class Answers:
    """What a model says of some examples, beside the truth.

    truth, predicted (N,) or (N, units): in the target's own terms. numbers, said: of classes their numbers, else the
    same. p (N, classes): probabilities of classes, else None.
    """

    truth: np.ndarray
    predicted: np.ndarray
    numbers: np.ndarray
    said: np.ndarray
    p: np.ndarray | None = None

    def perfect(self) -> Answers:
        """The answers that are all right."""
        p = self.p
        if p is not None:
            p = np.eye(p.shape[1])[self.numbers] if self.numbers.ndim == 1 else self.numbers.astype(float)
        return Answers(self.truth, self.truth, self.numbers, self.numbers, p)


Measure = Callable[[Answers], float]


def named_measures(metrics: Any) -> dict[str, Measure]:
    """What ``metrics`` asks for, by the name of its column in the history.

    metrics: a name, a function (truth, predicted) -> number, or several of these; or a dict from a column's name to one
    of them. Names are those of scikit-learn's scorers and metrics ("f1_macro", "roc_auc", "mean_absolute_error"), and
    `SHORT` ones. Classes are their numbers to a name, the second of two is the positive one; to a function they are the
    labels.

    >>> list(named_measures(["mae", "r2"]))
    ['mae', 'r2']
    """
    if isinstance(metrics, Mapping):
        asked = dict(metrics)
    else:
        several = metrics if isinstance(metrics, list | tuple | set) else [metrics]
        asked = {_column(metric): metric for metric in several}
    for column in asked:
        if not isinstance(column, str) or column in TAKEN:
            raise NetgradError(f"a metric cannot be called {column!r}, a column of the history: give it another name")
    return {column: _measure(metric) for column, metric in asked.items()}


def _column(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "__name__", "")
    if not callable(metric):
        raise NetgradError(
            f"{metric!r} is no metric: give a name of scikit-learn's, or a function (truth, predicted) -> number"
        )
    if not name.isidentifier():  # a lambda, a partial, a scorer
        raise NetgradError(f"the metric {metric!r} has no name: give metrics as a dict, {{'name': metric}}")
    return str(name)


def _measure(metric: Any) -> Measure:
    if isinstance(metric, str):
        return _by_name(metric)
    if not callable(metric):
        _column(metric)  # which refuses it
    try:
        first = next(iter(inspect.signature(metric).parameters), "")
    except (TypeError, ValueError):  # a function without a signature
        first = ""
    if first == "estimator":  # what sklearn.metrics.make_scorer makes
        return partial(_scored, metric)
    return lambda answers: metric(answers.truth, answers.predicted)


def _by_name(name: str) -> Measure:
    import sklearn.metrics

    scorers = sklearn.metrics.get_scorer_names()
    known = SHORT.get(name, name)
    for own in (known, known.removesuffix("_score")):
        if own in scorers:
            return partial(_scored, sklearn.metrics.get_scorer(own))
        if f"neg_{own}" in scorers:
            scorer = sklearn.metrics.get_scorer(f"neg_{own}")
            return lambda answers: -_scored(scorer, answers)
    function = getattr(sklearn.metrics, known, None)
    if inspect.isfunction(function) and list(inspect.signature(function).parameters)[1:2] in (["y_pred"], ["y2"]):
        return lambda answers: function(answers.numbers, answers.said)
    raise unknown_name("metric", name, [*SHORT, *scorers])


def _scored(scorer: Any, answers: Answers) -> float:
    """By a scorer of scikit-learn's, which is handed the answers as an estimator that gives them."""
    quantity, classes = _givers()
    giver = (quantity if answers.p is None else classes)(answers)
    return float(scorer(giver, np.arange(len(answers.said))[:, None], answers.numbers))


@lru_cache(maxsize=1)
def _givers() -> tuple[type, type]:
    """Estimators that give answers known already; X (N, 1) are the numbers of the examples."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Quantity(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, answers: Answers):
            self.answers = answers

        def predict(self, X: Any) -> Any:
            return self.answers.said[X[:, 0]]

    class Classes(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def __init__(self, answers: Answers):
            self.answers = answers
            assert answers.p is not None
            units = answers.p.shape[1]
            self.classes_ = np.arange(units) if answers.numbers.ndim == 1 else [np.arange(2)] * units

        def predict(self, X: Any) -> Any:
            return self.answers.said[X[:, 0]]

        def predict_proba(self, X: Any) -> Any:
            assert self.answers.p is not None
            return self.answers.p[X[:, 0]]

    return Quantity, Classes


def answers_of(model: Model, batch: Batch) -> dict[str, Answers]:
    """The model's answers for the examples of a batch, by output; those of weight 0 and padding are left out."""
    outputs, ends = model.run_batch(batch, link=True)
    found = {}
    for name, loss, _ in model.objective.terms:
        value, target = np.asarray(outputs[name]), np.asarray(batch.y[name])
        counted = np.ones(value.shape[:-1], bool)
        if value.ndim > 2 and name in ends:
            counted &= valid_steps(np.asarray(ends[name]), value.shape[1]).reshape(
                *value.shape[:2], *[1] * (value.ndim - 3)
            )
        if (weight := batch.weights.get(name)) is not None:
            weight = np.asarray(weight)
            counted &= weight.reshape(*weight.shape, *[1] * (counted.ndim - weight.ndim)) > 0
        found[name] = _answers(model, loss, value[counted], target[counted])
    return found


def _answers(model: Model, loss: Loss, value: np.ndarray, target: np.ndarray) -> Answers:
    encoder = model.target_encoder
    if loss.task == "regression":
        if encoder is not None:
            value, target = encoder.decode(value), encoder.decode(target, limited=False)
        value, target = (part[..., 0] if part.ndim > 1 and part.shape[-1] == 1 else part for part in (value, target))
        return Answers(target, value, target, value)
    if loss.task == "classification":
        numbers, said, p = target if target.ndim == 1 else target.argmax(-1), value.argmax(-1), value
    else:
        numbers, said, p = (target >= 0.5).astype(int), (value >= 0.5).astype(int), value
        if value.shape[-1] == 1:
            numbers, said, p = numbers[:, 0], said[:, 0], np.concatenate([1 - value, value], axis=1)
    # Whoever computes on them expects rows that sum to 1 in double precision.
    p = p.astype(float)
    p = p / p.sum(1, keepdims=True) if numbers.ndim == 1 else p
    if encoder is None:
        return Answers(numbers, said, numbers, said, p)
    return Answers(np.asarray(encoder.decode(numbers)), np.asarray(encoder.decode(said)), numbers, said, p)


@contextmanager
def quietly() -> Iterator[None]:
    """What scikit-learn warns of in every epoch anew (a class that nothing was taken for) is left to the numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def measured(model: Model, batch: Batch, metrics: Any) -> dict[str, float]:
    """These metrics of a model's answers for a batch; the output's name and a dot come first where there are several.

    Raises `NetgradError` for a metric that does not suit the targets.
    """
    found = {}
    for name, answers in answers_of(model, batch).items():
        for column, measure in _of_output(metrics, name, model).items():
            with quietly():
                found[_prefix(model, name) + column] = _number(column, measure(answers))
    return found


def _of_output(metrics: Any, name: str, model: Model) -> dict[str, Measure]:
    """The measures of one output: all the same, or by output where a dict names these."""
    outputs = [output for output, _, _ in model.objective.terms]
    if isinstance(metrics, Mapping) and len(outputs) > 1:
        if strange := [given for given in metrics if given not in outputs]:
            raise unknown_name("output with metrics", str(strange[0]), outputs)
        return named_measures(metrics[name]) if name in metrics else {}
    return named_measures(metrics)


def _prefix(model: Model, name: str) -> str:
    return "" if len(model.objective.terms) == 1 else f"{name}."


def _number(column: str, value: Any) -> float:
    if np.shape(value) != ():
        raise NetgradError(
            f"the metric {column!r} gives an array of shape {np.shape(value)}: expected one number, its mean, say"
        )
    return float(value)


class Metrics(Callback):
    """Measures ``metrics`` after every epoch: columns of the history by their names, with "val_" before them of the
    examples held out. `netgrad.fit` makes one for ``metrics=``.

    One that cannot be measured on these targets ends the run before it begins; one that fails later on is not a
    number in that epoch, and that is said once.
    """

    def __init__(self, metrics: Any, parts: Mapping[str, Batch]):
        self.metrics, self.parts = metrics, dict(parts)
        self._failed: set[str] = set()

    def on_start(self, run: Run) -> None:
        model = run.model()
        for batch in self.parts.values():
            for name, answers in answers_of(model, batch).items():
                for column, measure in _of_output(self.metrics, name, model).items():
                    try:
                        with quietly():
                            _number(column, measure(answers.perfect()))
                    except NetgradError:
                        raise
                    except Exception as error:
                        reason = " ".join(str(error).split())[:300]
                        raise NetgradError(f"the metric {column!r} does not go with these targets: {reason}") from None

    def on_epoch(self, run: Run) -> None:
        model = run.model()
        for part, batch in self.parts.items():
            for name, answers in answers_of(model, batch).items():
                for column, measure in _of_output(self.metrics, name, model).items():
                    full = part + _prefix(model, name) + column
                    run.history.rows[-1][full] = self._value(full, measure, answers)

    def _value(self, column: str, measure: Measure, answers: Answers) -> float:
        try:
            with quietly():
                return float(measure(answers))
        except Exception as error:  # a user's own function, or answers that have no such measure yet
            if column not in self._failed:
                self._failed.add(column)
                reason = " ".join(str(error).split())[:300]
                warn(f"the metric {column!r} failed ({type(error).__name__}: {reason}): it is not a number there")
            return float("nan")
