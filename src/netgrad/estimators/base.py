"""What all estimators share: scikit-learn's parameters, and the way from them to `netgrad.fit` and back."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import DataError, NetgradError
from netgrad.estimators import inputs, solvers
from netgrad.estimators.settings import check_settings
from netgrad.network import Network
from netgrad.regularizers import L2
from netgrad.training.loop import fit
from netgrad.training.model import Model

FILLED_UP = 4096  # the most examples that prediction fills up to a power of two


@dataclass(eq=False, repr=False, kw_only=True)
class Estimator(BaseEstimator):
    """Base of the estimators. Names, meanings and defaults are those of scikit-learn's `MLPClassifier`.

    Parameters
    ----------
    solver : any of `netgrad.optimizers.OPTIMIZERS`, default "adam". "sgd" takes ``momentum`` and
        ``nesterovs_momentum``; "lbfgs" and the others that find their own step see all examples in every step.
    alpha : strength of the L2 penalty on the weights, divided by the number of examples in a batch.
    batch_size : examples a step; "auto" for min(200, N), all of them where the solver wants that.
    learning_rate : "constant", "invscaling" or "adaptive", of "sgd" alone.
    learning_rate_init, power_t : its beginning, and the power by which "invscaling" divides.
    max_iter : the most epochs.
    shuffle : draw the examples in a new order in every epoch.
    random_state : a number, a `numpy.random.RandomState` or None.
    tol, n_iter_no_change : training ends when ``tol`` was not gained in so many epochs; with solvers that see all
        examples in every step, when the gradient's norm falls to ``tol`` or the loss stands still for so many.
    verbose : print the loss of each epoch.
    warm_start : `fit` goes on from where the last one ended.
    early_stopping, validation_fraction : hold out a share of the examples and stop by the score on them.
    beta_1, beta_2, epsilon : of "adam" and "adamw".
    max_fun : taken for the sake of scikit-learn's users; ``max_iter`` bounds "lbfgs", whose steps are few.
    n_starts : so many initialisations are trained side by side in one program, and the best is kept.
    clip_norm : the largest norm a step's gradient may have.
    dtype : "float32", "float64", or "auto": single precision, which is faster; but double, as in scikit-learn, for
        tables of up to 10,000 numbers that are not of single precision themselves.
    callbacks : further `netgrad.Callback`s.

    Attributes
    ----------
    model_ : the `netgrad.Model`: to look into (`trace`), to save, to go on with.
    n_iter_, t_ : epochs of the last fit, and examples seen.
    loss_, best_loss_, loss_curve_ : the loss, its best, and of each epoch, penalty included.
    validation_scores_, best_validation_score_ : with ``early_stopping``: accuracy or R^2 of each epoch, and the best.
    n_features_in_, feature_names_in_ : of the table, where it is one.
    """

    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: Any = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: Any = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    n_starts: int = 1
    clip_norm: float | None = None
    dtype: str = "auto"
    callbacks: Any = ()

    # --- what a kind of estimator defines

    def _examples(self, X: Any, y: Any, reset: bool) -> tuple[inputs.Examples, Any]:
        """Checked inputs and targets; ``reset``: they are the first, and say what later ones must look like."""
        return inputs.table(self, X, y, reset)

    def _network(self, shape: tuple[int, ...], units: int) -> Network:
        """The network for examples of this shape and so many output units."""
        raise NotImplementedError

    def _params(self, network: Network, shape: tuple[int, ...], rng: np.random.RandomState) -> dict | None:
        """The parameters to start from, or None for those that the network itself draws."""
        return None

    def _learn_targets(self, y: Any, first: bool) -> Any:
        """Remember what the targets are (``first``), or check that these are the same; as the loss wants them."""
        raise NotImplementedError

    def _units(self) -> int:
        """How many output units the targets ask for."""
        raise NotImplementedError

    def _loss(self, network: Network, shape: tuple[int, ...]) -> Any:
        """The loss that belongs to targets and network."""
        raise NotImplementedError

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        """What held-out examples are to be drawn in equal shares of, if anything."""
        return None

    _incremental = True  # whether there is a `partial_fit`
    _measure = ""  # the history's column that early stopping goes by

    def _rows_apart(self) -> bool:
        """Whether what the network makes of one example in training is independent of the others."""
        return True

    # --- fitting

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on these examples. X (N, features): array, sparse matrix or table; sample_weight (N,)."""
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Any:
        check_settings(self)
        first = not self._fitted() or not (self.warm_start or incremental)
        examples, y = self._examples(X, y, first)
        target = self._learn_targets(y, first)
        weights = inputs.weights(sample_weight, len(examples))
        rng = check_random_state(self.random_state)
        if self.early_stopping and incremental:
            raise NetgradError("partial_fit holds no examples out: set early_stopping=False, or call fit")
        if first:
            self._double = inputs.double(examples.x, self.dtype)
        start: Network | Model = self._start(examples, rng) if first else self.model_
        train, validation = (examples, target, weights), None
        if self.early_stopping and solvers.uses_batches(self.solver):
            train, validation = self._hold_out(train, rng)
        with jax.enable_x64(self._double):
            self._train(start, train, validation, rng, first, incremental)
        return self

    def _fitted(self) -> bool:
        """Whether there is something to go on from."""
        return hasattr(self, "n_iter_")

    def _start(self, examples: inputs.Examples, rng: np.random.RandomState) -> Network:
        """The network, and its first parameters where the estimator draws them itself."""
        network = self._network(examples.shape, self._units())
        self._first = self._params(network, examples.shape, rng) if self.n_starts == 1 else None
        return network

    def _train(self, start: Any, train: Any, validation: Any, rng: Any, first: bool, incremental: bool) -> None:
        examples, target, weights = train
        n = len(examples)
        size = self._batch_size(n)
        settings: dict[str, Any] = {}
        if first:
            settings["loss"] = self._loss(start, examples.shape)
            settings["params"] = self.__dict__.pop("_first")
            settings["penalty"] = self._penalty(size, weights)
        if self._rows_apart() and size == n:
            # Examples of weight 0 change nothing; the folds of a cross-validation then share one program.
            size = -(-n // 32) * 32
            examples, target = inputs.filled_up(examples, size), target[np.minimum(np.arange(size), n - 1)]
            weights = np.pad(np.ones(n) if weights is None else weights, (0, size - n))
        kept = self._kept if incremental and not first else None
        pace = solvers.Pace(self, self._measure if validation else None, n, 0 if first else self.t_, kept)
        starts = int(self.n_starts) if first else 1
        together = pace.only_history and not self.callbacks and starts == 1
        model = fit(
            start,
            examples.x,
            target,
            optimizer=solvers.optimizer(self),
            epochs=1 if incremental else int(self.max_iter),
            batch_size=size,
            validation=validation,
            sample_weight=weights,
            lengths=examples.lengths,
            shuffle=bool(self.shuffle),
            starts=starts,
            epochs_per_call=solvers.EPOCHS_PER_CALL if together else 1,
            callbacks=[pace, *self.callbacks],
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            **settings,
        )
        self._remember(model, pace, first)
        if not pace.converged and not incremental and self.n_iter_ == self.max_iter and not self.early_stopping:
            warnings.warn(
                f"{self.max_iter} epochs (max_iter) were not enough to converge: raise max_iter, or tol",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _penalty(self, size: float, weights: np.ndarray | None) -> L2 | None:
        """The penalty on the weights, shared among the examples of a batch."""
        mean = 1.0 if weights is None else float(np.mean(weights))
        return L2(float(self.alpha) / (size * mean)) if self.alpha else None

    def _batch_size(self, n: int) -> int:
        if self.batch_size == "auto":
            return min(200, n) if solvers.uses_batches(self.solver) else n
        if self.batch_size > n:
            warnings.warn(
                f"batch_size={self.batch_size} is more than the {n} examples: all are one batch", stacklevel=5
            )
        return min(int(self.batch_size), n)

    def _hold_out(self, data: Any, rng: np.random.RandomState) -> tuple[Any, Any]:
        """Training and validation examples, drawn as scikit-learn does."""
        examples, target, weights = data
        index = np.arange(len(examples))
        kept, held = train_test_split(
            index, random_state=rng, test_size=self.validation_fraction, stratify=self._strata(target)
        )
        if len(held) < 2:
            raise DataError(
                f"validation_fraction={self.validation_fraction} of {len(index)} examples holds out {len(held)}: "
                "at least 2 are needed"
            )
        out = examples.take(held)
        validation = (out.x, target[held]) if out.lengths is None else (out.x, target[held], out.lengths)
        return (examples.take(kept), target[kept], None if weights is None else weights[kept]), validation

    def _remember(self, model: Model, pace: solvers.Pace, first: bool) -> None:
        """What scikit-learn's users look for after a fit."""
        # As NumPy arrays they can be pickled, and are of the precision of whoever goes on to compute with them.
        self.model_ = replace(model, params=_arrays(model.params), state=_arrays(model.state))
        self._kept = _arrays(pace.kept)
        self.n_iter_, self.t_, self.loss_ = len(pace.losses), pace.seen, pace.losses[-1]
        self.loss_curve_: list[float] = pace.losses if first else [*self.loss_curve_, *pace.losses]
        stopping = bool(pace.scores)
        self.best_loss_ = None if stopping else min(self.loss_curve_)
        self.validation_scores_ = pace.scores if stopping else None
        self.best_validation_score_ = pace.best_score if stopping else None
        self.n_outputs_ = self._units()

    # --- prediction

    def _predicted(self, X: Any) -> np.ndarray:
        """What the network's outputs mean: probabilities or values (N, ..., units)."""
        check_is_fitted(self)
        examples, _ = self._examples(X, None, False)
        with jax.enable_x64(self._double):
            n = len(examples)
            some = inputs.filled_up(examples, 1 << (n - 1).bit_length()) if n <= FILLED_UP else examples
            return self.model_.predict_proba(some.x, some.lengths)[:n]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags


def _arrays(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)
