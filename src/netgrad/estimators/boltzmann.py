"""A restricted Boltzmann machine as a transformer: scikit-learn's `BernoulliRBM`, by netgrad."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from netgrad.errors import unknown_name, warn
from netgrad.estimators import inputs
from netgrad.estimators.columns import numbers_alone
from netgrad.estimators.plain import plain, rebuilt
from netgrad.estimators.registry import estimator
from netgrad.estimators.settings import number, whole
from netgrad.tasks.boltzmann import RBM, VISIBLE, BoltzmannMachine
from netgrad.training.train import train

GAUSSIAN_RATE = 0.1  # of the learning rate: Hinton (2010), section 13.2


@estimator
class BernoulliRBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features by a restricted Boltzmann machine. Names, meanings and defaults are those of scikit-learn's class.

    Parameters
    ----------
    n_components : hidden units, each 0 or 1.
    learning_rate, batch_size, n_iter : of the steps, and how often all examples are used.
    verbose : show the progress of training.
    random_state : a number, a `numpy.random.RandomState` or None.
    visible : "binary", for X in [0, 1]; "gaussian", for standardised X, with a tenth of the learning rate; "auto", the
        default, by X, with a warning where X goes beyond [0, 1].
    persistent : chains, ``batch_size`` of them, that go on from step to step, as in scikit-learn; else contrastive
        divergence, from the data. k : Gibbs steps a step.

    Attributes
    ----------
    components_ : (n_components, features); intercept_hidden_, intercept_visible_ : the biases.
    machine_ : the `netgrad.tasks.BoltzmannMachine`, for partition functions, samples, files and traces.
    n_features_in_, feature_names_in_ : of the table, where it is one.

    >>> import numpy as np
    >>> from netgrad.estimators import BernoulliRBM
    >>> X = np.repeat([[0, 1, 1, 0], [1, 0, 0, 1]], 50, axis=0)
    >>> rbm = BernoulliRBM(2, n_iter=40, random_state=0).fit(X)
    >>> rbm.transform(X).shape, bool(rbm.score_samples(X).mean() > rbm.score_samples(1 - np.eye(4)).mean())
    ((100, 2), True)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: Any = 0,
        random_state: Any = None,
        visible: str = "auto",
        persistent: bool = True,
        k: int = 1,
    ):
        self.n_components = n_components
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.verbose = verbose
        self.random_state = random_state
        self.visible = visible
        self.persistent = persistent
        self.k = k

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the distribution of X (N, features): array, sparse matrix or table; y is not looked at."""
        self._check()
        X = self._begun(X)
        self._learn(X, int(self.n_iter), persistent=bool(self.persistent))
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Any:
        """Go on with these examples, which are used once; by contrastive divergence, as chains are those of a fit."""
        self._check()
        first = not hasattr(self, "machine_")
        X = self._begun(X) if first else self._checked(X)
        self._learn(X, 1, persistent=False, params=None if first else self.machine_.params)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """p(h = 1 | v), (N, n_components)."""
        X = self._given(X)
        return self.machine_.encode(X).astype(X.dtype)

    def score_samples(self, X: Any) -> np.ndarray:
        """The pseudo-likelihood of each example (N,), the sum over its units of ln p(unit | the others): what
        scikit-learn estimates by one unit drawn for each. Of Gaussian units ln p(v) up to a constant."""
        X = self._given(X)
        if self.machine_.visible == "gaussian":
            return -self.machine_.free_energy(X)
        return self.machine_.pseudo_log_likelihood(X, seed=None)

    def gibbs(self, v: Any) -> np.ndarray:
        """The visible units after one step of Gibbs sampling from these: (N, features), drawn anew in every call."""
        return self.machine_.gibbs(self._given(v), 1, self._seed())

    @property
    def components_(self) -> np.ndarray:
        """The weights, (n_components, features)."""
        return self._machine("components_").W.T

    @property
    def intercept_hidden_(self) -> np.ndarray:
        """The biases of the hidden units."""
        return self._machine("intercept_hidden_").c

    @property
    def intercept_visible_(self) -> np.ndarray:
        """The biases of the visible units."""
        return self._machine("intercept_visible_").b

    @property
    def _n_features_out(self) -> int:
        """For the names of the features that come out."""
        return len(self.machine_.c)

    def _machine(self, name: str) -> BoltzmannMachine:
        if not hasattr(self, "machine_"):  # as of any attribute that fit makes
            raise AttributeError(f"{name} is there after fit")
        return self.machine_

    def _begun(self, X: Any) -> np.ndarray:
        """The first examples, which say what later ones must look like."""
        X = self._checked(X, reset=True)
        self._units, self._drawn = self._kind(X), 0
        self._first = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return X

    def _given(self, X: Any) -> np.ndarray:
        """New examples; what goes a little beyond [0, 1], as where a scaler saw others, is no other state."""
        check_is_fitted(self)
        X = self._checked(X)
        low, high = float(X.min()), float(X.max())
        if self.machine_.visible == "binary" and (low < 0 or high > 1):
            warn(f"X holds numbers from {low:g} to {high:g}, binary units take those in [0, 1]: the others are cut")
            X = np.clip(X, 0, 1)
        return X

    def _learn(self, X: np.ndarray, epochs: int, *, persistent: bool, params: Any = None) -> None:
        size = min(int(self.batch_size), len(X))
        rate = float(self.learning_rate) * (GAUSSIAN_RATE if self._units == "gaussian" else 1)
        task = RBM(int(self.n_components), self._units, int(self.k), persistent, size, rate)
        self.machine_ = train(
            task, X, epochs=epochs, epochs_per_call=1 if self.verbose else epochs, batch_size=size,
            progress=bool(self.verbose), seed=self._seed(), params=params,
        )  # fmt: skip

    def _seed(self) -> int:
        self._drawn += 1  # numbers, and no generator: what a fitted estimator keeps is plain
        return int(np.random.default_rng((self._first, self._drawn)).integers(np.iinfo(np.int32).max))

    def _kind(self, X: np.ndarray) -> str:
        if self.visible != "auto":
            return self.visible
        low, high = float(X.min()), float(X.max())
        if low >= 0 and high <= 1:
            return "binary"
        warn(
            f"X holds numbers from {low:g} to {high:g}: its units are Gaussian, for standardised data; scale X to "
            "[0, 1] for binary ones, or say visible='gaussian'"
        )
        return "gaussian"

    def _checked(self, X: Any, reset: bool = False) -> np.ndarray:
        numbers_alone(self, X)
        inputs.refuse_times(X, "X")
        settings: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
        return np.asarray(inputs.dense(validate_data(self, X, reset=reset, **settings)))

    def _check(self) -> None:
        for name in ("n_components", "batch_size", "n_iter", "k"):
            whole(name, getattr(self, name))
        number("learning_rate", self.learning_rate, above=0)
        if self.visible not in ("auto", *VISIBLE):
            raise unknown_name("visible", self.visible, ("auto", *VISIBLE))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "machine_" in state:
            model = state["machine_"].model()
            state["machine_"] = plain(replace(model, params=jax.tree.map(np.asarray, model.params)))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "machine_" in state:
            state = state | {"machine_": BoltzmannMachine.of(rebuilt(state["machine_"]))}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
