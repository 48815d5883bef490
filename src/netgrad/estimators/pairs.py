"""A classifier that learns from examples without labels, too: by pairs of examples that are alike, and that are not."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import NetgradError
from netgrad.estimators import inputs
from netgrad.estimators.columns import OfColumns
from netgrad.estimators.mlp import perceptron
from netgrad.estimators.plain import KeepsModel
from netgrad.estimators.registry import estimator
from netgrad.estimators.settings import number, sizes, whole
from netgrad.tasks.pairs import fit_pairs
from netgrad.tasks.similarity import guessed_pairs

UNLABELLED = -1  # in y, as in sklearn.semi_supervised


@estimator
@dataclass(eq=False, repr=False)
class PairClassifier(ClassifierMixin, OfColumns, KeepsModel, BaseEstimator):
    """A perceptron for few labels: y is -1 where there is none, as in `sklearn.semi_supervised`. Of data frames:
    `OfColumns`.

    Neighbours are taken to be of one class and random pairs to be of two, where the labels of both do not say; the
    network is trained by labels and pairs in turn (`netgrad.tasks.fit_pairs`). Where y holds -1 and but one other
    label, both are classes. Scale the inputs first, in a `Pipeline`: neighbours are those of the smallest distance.

    Parameters
    ----------
    hidden_layer_sizes, activation : units of each hidden layer, and their activation.
    neighbours : of each example, which are taken to be alike.
    margin : the squared distance of net outputs from which on unlike examples are left alone.
    weight : lambda, how much pairs count beside labels.
    learning_rate_init, batch_size : of Adam's steps.
    max_iter : epochs, each as long as the list of pairs.
    random_state : a number, a `numpy.random.RandomState` or None.

    Attributes
    ----------
    classes_ : the labels, sorted. model_ : the `netgrad.Model`. loss_curve_, n_iter_ : the loss of
    each epoch, and how many there were.
    n_features_in_, feature_names_in_ : of the table, where it is one.

    >>> import numpy as np
    >>> from netgrad.estimators import PairClassifier
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) + 6 * (np.arange(200) % 2)[:, None]
    >>> y = np.where(np.arange(200) < 4, np.arange(200) % 2, -1)  # four labels
    >>> pairs = PairClassifier(16, random_state=0).fit(X / 6, np.where(y < 0, -1, y + 5))
    >>> pairs.classes_.tolist(), pairs.score(X / 6, 5 + np.arange(200) % 2) > 0.95
    ([5, 6], True)
    """

    hidden_layer_sizes: Any = (64,)
    activation: Any = "relu"
    _: KW_ONLY
    neighbours: int = 5
    margin: float = 10.0
    weight: float = 1.0
    learning_rate_init: float = 0.001
    batch_size: int = 32
    max_iter: int = 20
    random_state: Any = None

    def fit(self, X: Any, y: Any, similar: Any = None, dissimilar: Any = None) -> Any:
        """Learn from X (N, features) and y (N,). similar, dissimilar: (P, 2) numbers of examples of which it is known
        whether they are alike, in the place of pairs that are guessed."""
        self._check()
        settings: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
        X, y = self._valid(X, y, reset=True, ensure_min_samples=2, **settings)
        X = inputs.dense(X)
        check_classification_targets(y)
        labelled = self._labelled(y)
        self.classes_, numbers = np.unique(y[labelled], return_inverse=True)
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        if similar is None and dissimilar is None:
            classes = np.full(len(y), UNLABELLED)
            classes[labelled] = numbers
            similar, dissimilar = guessed_pairs(X, min(int(self.neighbours), len(X) - 1), classes, seed)
        net = perceptron(sizes("hidden_layer_sizes", self.hidden_layer_sizes), self.activation, len(self.classes_))
        model = fit_pairs(
            net, X, numbers, labelled=labelled, similar=similar, dissimilar=dissimilar, margin=self.margin,
            weight=self.weight, loss="softmax_cross_entropy", learning_rate=float(self.learning_rate_init),
            batch_size=int(self.batch_size), epochs=int(self.max_iter), epochs_per_call=int(self.max_iter), seed=seed,
        )  # fmt: skip
        # As NumPy arrays they can be kept by whatever keeps estimators.
        params, state = (jax.tree.map(np.asarray, part) for part in (model.params, model.state))
        self._keep(replace(model, params=params, state=state))
        self.n_iter_ = len(self.model_.history)
        self.loss_curve_ = [float(loss) for loss in self.model_.history["loss"]]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes, (N, classes)."""
        check_is_fitted(self)
        settings: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
        X = inputs.dense(self._valid(X, reset=False, **settings))
        p = np.asarray(self.model_.predict_proba(X), float)
        return np.asarray(p / p.sum(1, keepdims=True))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example, (N,)."""
        p = self.predict_proba(X)
        return np.asarray(self.classes_[p.argmax(1)])

    def _labelled(self, y: np.ndarray) -> np.ndarray:
        """The numbers of the examples with labels."""
        known = np.array([label != UNLABELLED for label in y.tolist()])
        if not known.any():
            raise NetgradError("y is -1 everywhere: some examples need labels")
        if known.all() or len(np.unique(y[known])) < 2:
            return np.arange(len(y))
        return np.flatnonzero(known)

    def _check(self) -> None:
        for name in ("neighbours", "batch_size", "max_iter"):
            whole(name, getattr(self, name))
        for name in ("margin", "weight", "learning_rate_init"):
            number(name, getattr(self, name), above=0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
