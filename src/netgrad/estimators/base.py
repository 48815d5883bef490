"""What all estimators share: scikit-learn's parameters, and the way from them to `netgrad.fit` and back."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import DataError, DivergenceError, NetgradError
from netgrad.estimators import inputs, solvers
from netgrad.estimators.plain import KeepsModel
from netgrad.estimators.settings import check_settings
from netgrad.network import Network
from netgrad.optimizers import OPTIMIZERS
from netgrad.regularizers import L2
from netgrad.training.fit import fit
from netgrad.training.model import Model

FILLED_UP = 4096  # the most examples that prediction fills up to a power of two


@dataclass(eq=False, repr=False, kw_only=True)
class Estimator(KeepsModel, BaseEstimator):
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
    max_fun : the most evaluations of loss and gradient by "lbfgs" and its like, whose steps make several.
    n_starts : so many initialisations are trained side by side in one program, and the best is kept.
    clip_norm : the largest norm a step's gradient may have.
    dtype : "float32", "float64", or "auto": single precision, which is faster; but double, as in scikit-learn, for
        tables of up to 10,000 numbers that are not of single precision themselves. On "auto" predictions, ``coefs_``
        and ``intercepts_`` come in the precision of X, whatever was computed in.
    metrics : what is measured besides in every epoch, into ``model_.history``, see `netgrad.fit`; classes are their
        numbers among ``classes_``.
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
    metrics: Any = None
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

    def _strata(self, target: np.ndarray, held: int) -> np.ndarray | None:
        """What ``held`` examples are to be drawn in equal shares of, if anything."""
        return None

    _incremental = True  # whether there may be a `partial_fit`
    _measure = ""  # the history's column that early stopping goes by

    def _goes_on(self) -> bool:
        """Whether there is a `partial_fit`: not for solvers that want to see all examples in every step."""
        if isinstance(self.solver, str) and self.solver in OPTIMIZERS and not solvers.uses_batches(self.solver):
            raise AttributeError(f"solver={self.solver!r} sees all examples in every step: call fit")
        return self._incremental

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
            raise NetgradError("partial_fit does not support early_stopping=True: set it to False, or call fit")
        if first:
            self._double = inputs.double(examples.x, self.dtype)
            self._given = examples.x.dtype.name if self.dtype == "auto" else self.dtype
        start: Network | Model = self._start(examples, rng) if first else self.model_
        train, validation = (examples, target, weights), None
        if self.early_stopping and solvers.uses_batches(self.solver):
            train, validation = self._hold_out(train, rng)
        with jax.enable_x64(self._double):
            self._train(start, train, validation, rng, first, incremental)
            self._afterwards(examples, target, weights)
        return self

    def _afterwards(self, examples: inputs.Examples, target: Any, weights: np.ndarray | None) -> None:
        """What is made of the model once it is trained."""

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
        pace = solvers.Pace(self, self._measure if validation else None, n)
        if not first:
            pace.go_on(self, optimizer_too=incremental)
        starts = int(self.n_starts) if first else 1
        together = pace.only_history and not self.callbacks and self.metrics is None and starts == 1
        training = partial(
            fit,
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
            metrics=self.metrics,
            epochs_per_call=solvers.EPOCHS_PER_CALL if together else 1,
            callbacks=[pace, *self.callbacks],
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            **settings,
        )
        self._remember(self._carried_through(training, pace), pace, first)
        if pace.exhausted is None and not incremental and not pace.converged and self.n_iter_ == self.max_iter:
            pace.exhausted = f"{self.max_iter} epochs (max_iter) were not enough to converge: raise max_iter, or tol"
        if pace.exhausted is not None:
            warnings.warn(pace.exhausted, ConvergenceWarning, stacklevel=4)

    def _carried_through(self, training: Callable[[], Model], pace: solvers.Pace) -> Model:
        """The trained model; that of the best epoch where training diverges after it, as far as early stopping kept
        one."""
        try:
            return training()
        except DivergenceError as error:
            best = pace.best_model()
            if best is None:
                raise DivergenceError(
                    "Solver produced non-finite parameter weights. The input data may contain large values and need "
                    f"to be preprocessed. ({error})"
                ) from None
            pace.scores.append(math.nan)
            pace.exhausted = f"{error}; the model is that of the best epoch before"
            return best

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
        n = len(examples)
        share = float(self.validation_fraction)
        strata = self._strata(target, math.ceil(share * n))
        try:
            kept, held = train_test_split(np.arange(n), random_state=rng, test_size=share, stratify=strata)
        except ValueError as error:
            reason = " ".join(str(error).split())
            if strata is None:
                raise DataError(f"early_stopping cannot hold out {share:g} of X: {reason}") from None
            raise DataError(
                "early_stopping holds out examples of both classes, and there are too few: set early_stopping=False, "
                f"raise validation_fraction or add examples ({reason})"
            ) from None
        if len(held) < 2:
            raise DataError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset. "
                f"({share:g} of {n} examples holds out {len(held)}: at least 2 are needed)"
            )
        if weights is not None and not (weights[held].any() and weights[kept].any()):
            raise DataError(
                "sample_weight is 0 for all examples that early_stopping holds out, or for all that it trains on: "
                "change validation_fraction or random_state, or leave examples of weight 0 out"
            )
        out = examples.take(held)
        validation = (out.x, target[held], out.lengths, None if weights is None else weights[held])
        return (examples.take(kept), target[kept], None if weights is None else weights[kept]), validation

    def _remember(self, model: Model, pace: solvers.Pace, first: bool) -> None:
        """What scikit-learn's users look for after a fit."""
        # As NumPy arrays they can be pickled, and are of the precision of whoever goes on to compute with them.
        self.model_ = replace(model, params=_arrays(model.params), state=_arrays(model.state))
        self._kept = [np.asarray(leaf) for leaf in jax.tree.leaves(pace.kept)]
        self.n_iter_, self.t_ = len(pace.losses), pace.seen
        self.loss_ = pace.losses[-1] if pace.losses else math.nan  # where a warm start diverged at once
        self.loss_curve_: list[float] = pace.losses if first else [*self.loss_curve_, *pace.losses]
        stopping = bool(pace.scores)
        self.best_loss_ = None if stopping else min(self.loss_curve_)
        before = [] if first else getattr(self, "validation_scores_", None) or []
        self.validation_scores_ = [*before, *pace.scores] if stopping else None
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
            return self._handed_out(self.model_.predict_proba(some.x, some.lengths)[:n], examples.x)

    def _handed_out(self, values: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
        """Numbers in the precision of X, as scikit-learn's users expect them, whatever they were computed in."""
        given = [] if x is None or self.dtype != "auto" else [x.dtype]
        return values.astype(np.result_type(values.dtype, self._given, *given), copy=False)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags


def _arrays(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)
