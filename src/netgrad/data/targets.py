"""The target of supervised learning: classes to labels, quantities to a scale, and both back again."""

from __future__ import annotations

import re
from copy import copy
from typing import Any, Literal

import numpy as np

from netgrad.data.checks import as_examples, as_labels
from netgrad.data.deciding import Decision, decide_column
from netgrad.data.kinds import Boolean, Date, Kind, Number, UnreadableError, kind_of, spellings
from netgrad.data.scaling import OF_TARGETS, is_number, scale_of, too_coarse
from netgrad.data.values import Rows, holds, missing, plain, refuse_missing, text_of
from netgrad.errors import DataError, FileError, NetgradError, ShapeError, unknown_name, warn

Task = Literal["classification", "regression"]

MOST_WHOLE_NUMBER_CLASSES = 20
MOST_SINGLE_CLASSES = 10  # in so many rows, where none of them repeats
SKEWED = 1.0  # the skewness from which on a positive quantity is learned by its logarithm
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}").fullmatch


def infer_task(target: Any) -> Task:
    """Whether the column `target` (N,) asks for classes or for a quantity.

    Text, categories and booleans are classes. Numbers are a quantity, except whole numbers with at most 20
    different values that occur twice each on average, or 0 and 1 alone: those are classes.

    >>> infer_task(["yes", "no", "no"]), infer_task([0, 1, 1, 0]), infer_task([0.5, 1.0, 1.5])
    ('classification', 'classification', 'regression')
    >>> infer_task(range(1900, 2000))
    'regression'
    """
    name, values, decision = _decided(target)
    return _task(name, values, decision.kind)


def skewed(y: np.ndarray) -> bool:
    """Whether quantities (N,) or (N, k) are positive, reach far out to one side, and do not on a logarithmic scale.

    >>> skewed(np.exp(np.linspace(0, 6, 50))), skewed(np.linspace(1, 6, 50)), skewed(np.array([-1.0, 3.0, 900.0]))
    (True, False, False)
    """
    y = np.asarray(y, np.float64)
    if (y <= 0).any() or len(np.unique(y)) <= MOST_WHOLE_NUMBER_CLASSES:
        return False
    plainly, log = _skewness(y), _skewness(np.log(y))
    return bool((plainly > SKEWED).all() and (np.abs(log) < plainly / 2).all())


def _skewness(y: np.ndarray) -> np.ndarray:
    away = y - y.mean(0)
    spread = y.std(0)
    return (away**3).mean(0) / np.where(spread > 0, spread, 1) ** 3


def _task(name: str, values: np.ndarray, kind: Kind | None) -> Task:
    if isinstance(kind, Date):
        raise DataError(f"the target {name!r} is a date: turn it into a number, such as days from a start")
    if not isinstance(kind, Number):
        return "classification"
    x = kind.convert(values)
    x = x[~np.isnan(x)]
    distinct = len(np.unique(x))
    few = distinct <= MOST_WHOLE_NUMBER_CLASSES and 2 * distinct <= len(x)
    few = few or (distinct == 2 and set(x.tolist()) == {0, 1})
    return "classification" if few and (x == np.floor(x)).all() else "regression"


class TargetEncoder:
    """Turns a target into what a loss compares with, and a network's outputs back into the target's terms.

    - task "classification": classes, sorted, to the labels 0 .. C-1, int32 (N,). `decode` takes labels (N,)
      or outputs (N, C), of which the largest wins.
    - task "regression": numbers (N,) or (N, k) to float32 (N, 1) or (N, k), scaled by `scaling`
      (names of `netgrad.data.scaling`). `decode` undoes it: min + (max - min) a for "range", where Kelleher 8.3 writes
      max x a, which holds for a minimum of 0 only.
    - task None: as `infer_task` says.
    - log_target: of a quantity the logarithm is what the network learns, and `decode` undoes it; None: where the
      quantity is positive and skewed, which is said (`skewed`).
    - within: `decode` keeps quantities between the smallest and the largest that training had, and `netgrad.fit`, where
      it holds examples out, measures the ``lift`` of a logarithm (`lifted`): what `decode` adds to those predicted, as
      the exponential of a mean of logarithms is below the mean of the quantities. Source: Duan, "Smearing estimate: a
      nonparametric retransformation method" (1983).

    Raises `DataError` for missing values, for a single class, and for a quantity that is not a number.

    >>> encoder = TargetEncoder().fit(["cat", "dog", "cat"])
    >>> encoder.task, encoder.classes, encoder.transform(["dog", "cat"])
    ('classification', ['cat', 'dog'], array([1, 0], dtype=int32))
    >>> encoder.decode(np.array([[0.1, 0.9]])).tolist()
    ['dog']
    >>> prices = TargetEncoder("regression", scaling="range").fit([10.0, 20.0, 30.0])
    >>> prices.transform([15.0]), prices.decode([[0.25]])
    (array([[0.25]], dtype=float32), array([15.]))
    >>> signs = TargetEncoder("regression", scaling="symmetric").fit([0, 1, 1])  # for an output of tanh
    >>> signs.transform([0, 1])[:, 0].tolist(), signs.decode([[-1.0], [1.0]]).tolist()
    ([-1.0, 1.0], [0.0, 1.0])
    >>> TargetEncoder().fit(["cat", "cat"])
    Traceback (most recent call last):
    netgrad.errors.DataError: the target 'y' holds only the class 'cat': expected at least two
    """

    def __init__(
        self,
        task: Task | None = None,
        *,
        scaling: str = "standardise",
        log_target: bool | None = False,
        within: bool = False,
    ):
        if task not in (None, "classification", "regression"):
            raise unknown_name("task", task, ("classification", "regression"))
        if scaling not in OF_TARGETS:
            raise unknown_name("scaling", scaling, OF_TARGETS)
        self.task: Task | None = task
        self.scaling = scaling
        self.log_target = log_target
        self.within = within
        self.name = "y"
        self.classes: list[Any] = []
        self.offset: list[float] = []
        self.factor: list[float] = []
        self.bounds: list[list[float]] = []
        self.lift: list[float] = []
        self.one_dimensional = True
        self.form: dict[str, Any] = {}

    @property
    def outputs(self) -> int:
        """How many outputs the network needs: classes, or quantities."""
        return len(self.classes) or len(self.offset)

    @property
    def unit(self) -> float:
        """What 1 on the scale of a single quantity is in its own units; 0 for a constant one.

        >>> TargetEncoder("regression", scaling="range").fit([10.0, 20.0, 30.0]).unit
        20.0
        """
        return 1 / self.factor[0] if self.factor and self.factor[0] else 0.0

    def fit(self, target: Any) -> TargetEncoder:
        """Learn the classes or the scale from the training target, and return self."""
        if np.ndim(target) == 2 and np.shape(target)[1] != 1:
            if self.task == "classification":
                raise DataError(f"the target has shape {np.shape(target)}: expected one column of classes, (N,)")
            y = as_examples(target, "the target", dtype=np.float64)
            for k, given in enumerate(np.asarray(target).T):
                if note := too_coarse(given, y[:, k], f"{self.name}[{k}]"):
                    warn(note)
            self._fit_scale(y, one_dimensional=False)
            return self
        self.name, values, decision = _decided(target, known=self.task == "classification")
        refuse_missing(self.name, values, "a target cannot be imputed, remove the rows", Rows(target))
        if self.task is None:
            self.task = _task(self.name, values, decision.kind)
            if self.task == "classification" and decision.note and decision.kind is not None:
                warn(decision.note)
        if self.task == "classification":
            if self.log_target:
                raise DataError(f"the target {self.name!r} is of classes, without a logarithm: leave log_target out")
            self.log_target = False
        if self.task == "regression":
            how = decision.kind if isinstance(decision.kind, Number) else Number()
            self.form = how.to_json()
            y = self._numbers(values)[:, 0]
            for note in (decision.note, too_coarse(values, y, self.name)):
                if note:
                    warn(note)
            self._fit_scale(y[:, None], one_dimensional=True)
        else:
            self._fit_classes(values)
        return self

    def transform(self, target: Any) -> np.ndarray:
        """The labels (N,) in int32, or the scaled quantities (N, k) in float32.

        One target at each time-step, (N, T), gives labels (N, T) or quantities (N, T, 1); in the padding stands any
        value that is known from training.
        """
        self._check_fitted()
        if self.one_dimensional and np.ndim(target) == 2 and np.shape(target)[1] > 1:
            steps = np.asarray(target)
            flat = self.transform(steps.reshape(-1))
            return flat.reshape(*steps.shape, *flat.shape[1:])
        if self.task == "regression":
            if self.one_dimensional:
                y = self._numbers(self._present(target))
            else:
                y = as_examples(target, "the target", shape=(len(self.offset),), dtype=np.float64)
            if y.shape[1] != len(self.offset):
                raise DataError(f"the target has {y.shape[1]} columns: expected {len(self.offset)} as in training")
            if self.log_target:
                self._refuse_not_positive(y)
                y = np.log(y)
            return as_examples((y - self.offset) * self.factor, "the target")
        values = self._present(target)
        labels = {value: label for label, value in enumerate(self.classes)}
        encoded = [self._label(value, labels) for value in values.tolist()]
        if -1 in encoded:
            known = ", ".join(map(repr, self.classes[:10]))
            told = holds(self.name, values, encoded.index(-1), Rows(target))
            raise DataError(f"{told}: the classes known from training are {known}")
        return np.array(encoded, np.int32)

    def values(self, target: Any) -> np.ndarray:
        """The target (N,) in its own terms, whatever it is read from: its classes, or float64 quantities.

        >>> TargetEncoder().fit(["1", "0", "1", "0"]).values(["0", 1.0]).tolist()
        [0, 1]
        """
        labels = self.transform(target)
        if self.task == "classification":
            return np.array(self.classes)[labels]
        return self._numbers(self._present(target))[:, 0] if self.one_dimensional else np.asarray(target, np.float64)

    @property
    def bends(self) -> bool:
        """Whether a quantity's own terms are more than another scale: a logarithm undone, or kept within bounds."""
        return bool(self.bounds or self.log_target)

    def decode(self, outputs: Any, limited: bool = True) -> np.ndarray:
        """What a network's outputs mean, in the target's own terms; limited: as predictions, lifted and within the
        bounds, where there are any.

        Classes of whole-number labels (N,) or of outputs (N, C); float64 quantities of outputs (N, k). All
        may have a time axis, too: (N, T), (N, T, C), (N, T, k).
        """
        self._check_fitted()
        values = np.asarray(outputs)
        if self.task == "regression" and values.ndim == 1 and self.one_dimensional:
            values = values[:, None]
        scores = values.ndim >= 2 and values.dtype.kind not in "biu"
        if (scores or self.task == "regression") and values.shape[-1:] != (self.outputs,):
            raise ShapeError(f"outputs have shape {values.shape}: expected (N, {self.outputs})")
        if self.task == "classification":
            labels = values.argmax(axis=-1) if scores else values
            return np.array(self.classes)[as_labels(labels, self.outputs, "outputs")]
        # A constant target has factor 0: whatever the network says, the answer is that constant.
        spread = [1 / factor if factor else 0.0 for factor in self.factor]
        decoded = values.astype(np.float64) * spread + self.offset
        if self.lift and limited:
            decoded = decoded + self.lift
        if self.bounds and limited:
            decoded = np.clip(decoded, np.array(self.bounds[0]), np.array(self.bounds[1]))
        decoded = np.exp(decoded) if self.log_target else decoded
        return decoded[..., 0] if self.one_dimensional else decoded

    def lifted(self, outputs: Any, truth: Any, weight: Any = None) -> TargetEncoder:
        """This encoder with the lift by which predictions of examples that the network did not learn from have the mean
        of the truth (Duan's mean of ratios goes by the small ones); itself where there is no logarithm.

        outputs, truth: (N, k), what the network says and what it should have said, as `transform` gives it. weight (N,)
        of the examples.

        >>> prices = TargetEncoder("regression", log_target=True).fit([1.0, 10.0, 100.0])
        >>> lifted = prices.lifted(np.zeros((3, 1)), prices.transform([1.0, 10.0, 100.0]))
        >>> prices.decode([[0.0]]).round(1), lifted.decode([[0.0]]).round(1)
        (array([10.]), array([37.]))
        """
        if not self.log_target:
            return self
        lifted = copy(self)
        lifted.lift = []
        both = (y.reshape(-1, self.outputs) for y in (self.decode(truth, limited=False), lifted.decode(outputs)))
        true, said = (np.average(y, axis=0, weights=weight) for y in both)
        lifted.lift = np.log(true / said).tolist()
        return lifted

    def to_config(self) -> dict[str, Any]:
        """Everything that was learnt, as plain JSON values."""
        return {**vars(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TargetEncoder:
        """The encoder that `to_config` described; raises `FileError` if the description is not one."""
        try:
            encoder = cls(config["task"], scaling=config["scaling"])
            encoder.form = dict(config.get("form", {}))
            kind_of("number", encoder.form)
            encoder.log_target, encoder.within = config.get("log_target", False), config.get("within", False)
            encoder.bounds, encoder.lift = config.get("bounds", []), config.get("lift", [])
            for name in ("name", "classes", "offset", "factor", "one_dimensional"):
                setattr(encoder, name, config[name])
            encoder._check_description()
        except (KeyError, TypeError, ValueError) as error:
            raise FileError(f"this is not the description of a TargetEncoder: {error}") from error
        return encoder

    def _fit_classes(self, values: np.ndarray) -> None:
        found = _of_one_type(values)
        self.classes = sorted(set(found))
        if len(self.classes) < 2:
            only = self.classes[0]
            raise DataError(f"the target {self.name!r} holds only the class {only!r}: expected at least two")
        many = len(self.classes) > MOST_WHOLE_NUMBER_CLASSES and 2 * len(self.classes) > len(found)
        if many or len(self.classes) == len(found) > MOST_SINGLE_CLASSES:
            raise DataError(
                f"the target {self.name!r} holds {len(self.classes)} different values in {len(found)} rows, the first "
                f"{found[0]!r}: expected classes that repeat (or task='regression' for numbers)"
            )

    def _label(self, value: Any, labels: dict[Any, int]) -> int:
        """The label of a value, however it is written; -1 for one that is none of the classes."""
        if isinstance(self.classes[0], str):
            text = text_of(value)
            return next((labels[t] for t in (text, *spellings(value, text)) if t in labels), -1)
        try:
            known = Boolean() if isinstance(self.classes[0], bool) else Number()
            return labels.get(known.number(value) if isinstance(value, str | bool) else value, -1)
        except (TypeError, ValueError):
            return labels.get(value, -1) if isinstance(value, bool) else -1

    def _fit_scale(self, y: np.ndarray, *, one_dimensional: bool) -> None:
        if self.log_target is None:
            self.log_target = bool(skewed(y))
            if self.log_target:
                target, its = (
                    (f"the target {self.name!r} is", "its") if one_dimensional else ("the targets are", "their")
                )
                warn(f"{target} positive and skewed: {its} logarithm is learned (log_target decides otherwise)")
        if self.log_target:
            self._refuse_not_positive(y)
            y = np.log(y)
        offset, factor = scale_of(y, self.scaling)
        self.task = "regression"
        self.offset, self.factor = offset.tolist(), factor.tolist()
        self.bounds = [y.min(0).tolist(), y.max(0).tolist()] if self.within else []
        self.one_dimensional = one_dimensional

    def _refuse_not_positive(self, y: np.ndarray) -> None:
        if (y <= 0).any():
            row, k = (int(i) for i in np.argwhere(y <= 0)[0])
            raise DataError(
                f"{holds(self.name, y[:, k], row)}, of which there is no logarithm: expected numbers above 0 "
                "(or no log_target)"
            )

    def _present(self, target: Any) -> np.ndarray:
        values = _values(_named(target, self.name)[1], self.name)
        refuse_missing(self.name, values, "remove the rows", Rows(target))
        return values

    def _numbers(self, values: np.ndarray) -> np.ndarray:
        how = kind_of("number", self.form)
        if values.dtype == object:
            values = np.array([float(v) if isinstance(v, bool) else v for v in values.tolist()], object)
        try:
            return how.convert(values)[:, None]
        except UnreadableError as error:
            raise DataError(f"{holds(self.name, values, error.row)}: expected {how.expected}") from None

    def _check_description(self) -> None:
        """Refuse what no target leads to: descriptions come from files, and files from strangers."""
        right = isinstance(self.name, str) and isinstance(self.one_dimensional, bool) and isinstance(self.classes, list)
        right = right and len({type(label) for label in self.classes}) <= 1
        right = right and all(isinstance(label, str | bool) or is_number(label) for label in self.classes)
        for numbers in (self.offset, self.factor):
            right = right and isinstance(numbers, list) and all(is_number(number) for number in numbers)
        right = right and len(self.offset) == len(self.factor)
        right = right and isinstance(self.log_target, bool | None) and isinstance(self.within, bool)
        right = right and isinstance(self.bounds, list) and len(self.bounds) in (0, 2)
        right = right and isinstance(self.lift, list)
        for numbers in (*self.bounds, *([self.lift] if self.lift else [])) if right else ():
            right = right and isinstance(numbers, list) and len(numbers) == len(self.offset)
            right = right and all(is_number(number) for number in numbers)
        of_task = {"classification": self.classes, "regression": self.offset}
        if not right or any((self.task == task) != bool(learnt) for task, learnt in of_task.items()):
            raise DataError(f"no target has the classes {str(self.classes)[:60]} and the scale {str(self.factor)[:60]}")

    def _check_fitted(self) -> None:
        if not self.outputs:
            raise NetgradError("this TargetEncoder has learnt nothing yet: call fit(target) first")


def _named(target: Any, name: str = "y") -> tuple[str, Any]:
    """The target's name, and its one column."""
    if np.ndim(target) == 2 and np.shape(target)[1] == 1:
        target = np.asarray(target)[:, 0]
    own = getattr(target, "name", None)
    name = str(own) if own is not None else name
    if not len(target):
        raise DataError(f"the target {name!r} is empty: at least one row is needed")
    return name, target


def _values(column: Any, name: str) -> np.ndarray:
    try:
        return plain(column)
    except DataError as error:
        raise DataError(f"the target {name!r} {error}") from error


def _decided(target: Any, known: bool = False) -> tuple[str, np.ndarray, Decision]:
    """The target's name and values, and the kind they are of; known: it is of classes, whatever it looks like."""
    name, column = _named(target)
    values = _values(column, name)
    if missing(values).all() or known or str(getattr(column, "dtype", "")) == "category":
        return name, values, Decision(None)
    decimal = getattr(column, "attrs", {}).get("decimal", ".")
    how: dict[str, Any] = {"keep": True, "max_categories": len(values), "decimal": decimal, "rows": Rows(column)}
    return name, values, decide_column(name, values, **how)


def _of_one_type(values: np.ndarray) -> list[Any]:
    """The values as JSON's own types, all of one type so that they can be sorted; whole numbers also from texts."""
    found = values.tolist()
    if len({type(value) for value in found}) > 1 or not isinstance(found[0], str | int | float):
        return [text_of(value) for value in found]
    if isinstance(found[0], str) and all(_WHOLE(text) for text in set(found)):
        return [int(text) for text in found]
    return found
