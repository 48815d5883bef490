"""What classifiers share: classes, probabilities, decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import DataError, NetgradError
from netgrad.estimators import inputs
from netgrad.estimators.base import Estimator
from netgrad.estimators.settings import check_settings


@dataclass(eq=False, repr=False, kw_only=True)
class Classifier(ClassifierMixin, Estimator):
    """Base of the classifiers: `Estimator` for labels of any kind, two or more classes, or several labels at once.

    Attributes
    ----------
    classes_ : the labels, sorted; for multi-label targets (N, labels) the numbers of the labels. Where there is but
        one, that is what is predicted.
    out_activation_ : "softmax"; "logistic" for two classes (one unit) and for multi-label targets (one unit a label).
    """

    _measure = "val_accuracy"

    @available_if(lambda estimator: estimator._goes_on())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """One epoch more on these examples. classes: all there will be; needed in the first call."""
        check_settings(self)
        if not hasattr(self, "classes_"):
            if classes is None:
                raise NetgradError("classes must be passed on the first call to partial_fit.")
            if type_of_target(y) == "multilabel-indicator":
                self._learn_labels(np.asarray(inputs.dense(y)))
            else:
                self._learn_classes(np.unique(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise NetgradError(f"classes={classes} are not those of the first partial_fit, {self.classes_.tolist()}")
        return self._fit(X, y, sample_weight, incremental=True)

    # --- targets

    def _learn_targets(self, y: Any, first: bool) -> np.ndarray:
        y = inputs.dense(y)
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise NetgradError(
                "y holds several targets of more than two classes each: wrap the estimator in "
                "sklearn.multioutput.MultiOutputClassifier"
            )
        several = kind == "multilabel-indicator"
        if first and not (hasattr(self, "_several") and not self._fitted()):
            if several:
                self._learn_labels(np.asarray(y))
            else:
                self._learn_classes(np.unique(y))
        if self.warm_start and not first and not several and not self._several:
            self._same_classes(np.unique(y))
        if several != self._several or (several and y.shape[1] != len(self.classes_)):
            raise DataError(f"y is {kind}, the classes known from before are {self.classes_.tolist()}")
        if several:
            return np.asarray(y, np.float32)
        return self._numbers(np.asarray(y))

    def _learn_classes(self, classes: np.ndarray) -> None:
        self.classes_, self._several = classes, False

    def _same_classes(self, classes: np.ndarray) -> None:
        """Refuse a warm start with other classes, or with fewer: they would be forgotten without a word."""
        if not np.array_equal(classes, self.classes_):
            old, new = (np.array2string(c, max_line_width=10**6, threshold=20) for c in (self.classes_, classes))
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {old}, `y` has {new}"
            )

    def _learn_labels(self, y: np.ndarray) -> None:
        self.classes_, self._several = np.arange(y.shape[1]), True

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        """Labels as their numbers among the classes."""
        found = np.searchsorted(self.classes_, y)
        found = np.minimum(found, len(self.classes_) - 1)
        wrong = self.classes_[found] != y
        if wrong.any():
            new = y[wrong].tolist()[0]
            raise DataError(f"y holds the class {new!r}; the classes known from before are {self.classes_.tolist()}")
        return found.astype(np.int32)

    def _units(self) -> int:
        return 1 if len(self.classes_) <= 2 and not self._several else len(self.classes_)

    def _loss(self, network, shape):
        units = network.shapes(shape)[network.outputs[0][1]][-1]
        if self._several or units == 1:
            return "binary_cross_entropy"
        return "softmax_cross_entropy"

    def _strata(self, target, held):
        """The classes; those of two as scikit-learn has them, more of them only where each has enough members."""
        if self._several:
            return None
        if len(self.classes_) <= 2:
            return target.astype(bool)[:, None]
        counts = np.bincount(target)
        counts = counts[counts > 0]
        enough = counts.min() >= 2 and len(counts) <= min(held, len(target) - held)
        return target if enough else None

    @property
    def out_activation_(self) -> str:
        """The function that the outputs go through on their way to probabilities."""
        check_is_fitted(self)
        return "softmax" if self.model_.objective.terms[0][1].task == "classification" else "logistic"

    # --- prediction

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (N, classes), in the order of ``classes_``; for multi-label targets of each label by itself."""
        return self._of_classes(self._predicted(X))

    def _of_classes(self, p: np.ndarray) -> np.ndarray:
        """The network's outputs as probabilities of the classes, which sum to 1 in the precision that they come in."""
        if self._several:
            return p
        if len(self.classes_) == 1:
            return np.ones_like(p[..., :1])
        if p.shape[-1] == 1:
            return np.concatenate([1 - p, p], axis=-1)
        p = p[..., : len(self.classes_)]  # a network of the user's own may have units for classes that are not there
        return p / p.sum(-1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example (N,); for multi-label targets 0 or 1 for each label (N, labels)."""
        p = self.predict_proba(X)
        return (p >= 0.5).astype(int) if self._several else self.classes_[p.argmax(-1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
