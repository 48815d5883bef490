"""scikit-learn's solvers in netgrad's terms: the optimiser, how its rate goes on, and when training stops."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad import optimizers
from netgrad.optimizers import OPTIMIZERS
from netgrad.optimizers.line_search import STEPS, SearchState
from netgrad.training.callbacks import Callback
from netgrad.training.model import Model


def _sgd(learning_rate: Any, momentum: Any, nesterov: bool) -> optax.GradientTransformation:
    """Steps, not gradients, gather momentum: a rate that falls does not slow what is under way, as in scikit-learn."""
    return optax.chain(optax.scale_by_learning_rate(learning_rate), optax.trace(momentum, nesterov))


# Those whose numbers can be changed without compiling anew: a search over learning rates compiles one program.
_ADJUSTABLE = {
    "sgd": lambda nesterov: optax.inject_hyperparams(_sgd, static_args="nesterov")(
        learning_rate=1e-3, momentum=0.9, nesterov=nesterov
    ),
    "adam": lambda _: optax.inject_hyperparams(optax.adam)(learning_rate=1e-3, b1=0.9, b2=0.999, eps=1e-8),
    "adamw": lambda _: optax.inject_hyperparams(optax.adamw)(learning_rate=1e-3, b1=0.9, b2=0.999, eps=1e-8),
}


def uses_batches(solver: str) -> bool:
    """Whether this solver steps along mini-batches; the others see all examples in every step."""
    return OPTIMIZERS[solver][1] is not None


def optimizer(estimator: Any) -> Any:
    """The optimiser of an estimator's ``solver``; equal settings give the same object."""
    clip = estimator.clip_norm
    if estimator.solver in _ADJUSTABLE:
        return optimizers.get(_adjustable(estimator.solver, bool(estimator.nesterovs_momentum)), None, clip)
    if not uses_batches(estimator.solver):
        return optimizers.get(estimator.solver)
    return optimizers.get(estimator.solver, float(estimator.learning_rate_init), clip)


@lru_cache(maxsize=16)
def _adjustable(solver: str, nesterov: bool) -> Any:
    return _ADJUSTABLE[solver](nesterov)


def numbers(estimator: Any) -> dict[str, float]:
    """What an adjustable optimiser is set to at the start."""
    rate = {"learning_rate": estimator.learning_rate_init}
    if estimator.solver == "sgd":
        return rate | {"momentum": estimator.momentum}
    return rate | {"b1": estimator.beta_1, "b2": estimator.beta_2, "eps": estimator.epsilon}


def adjust(opt_state: Any, **values: float) -> Any:
    """The state of an adjustable optimiser with these numbers changed; any other state as it is."""

    def changed(part: Any) -> Any:
        if not _has_numbers(part):
            return part
        new = {name: jnp.full_like(part.hyperparams[name], value) for name, value in values.items()}
        return part._replace(hyperparams=part.hyperparams | new)

    return jax.tree.map(changed, opt_state, is_leaf=_has_numbers)


def _has_numbers(part: Any) -> bool:
    return hasattr(part, "hyperparams")


def evaluations(opt_state: Any, steps: int) -> int:
    """How often an optimiser has computed loss and gradient: at every point of its line searches, or once a step."""

    def searched(part: Any) -> bool:
        return isinstance(part, SearchState)

    found = [part for part in jax.tree.leaves(opt_state, is_leaf=searched) if searched(part)]
    return max(steps, *(int(part.points) for part in found)) if found else steps


def score_of(row: dict[str, float], measure: str) -> float:
    """The score of an epoch. Where the held-out targets are all the same, R^2 is 1 for no error and else 0, as
    scikit-learn has it."""
    if not math.isfinite(row[measure]) and math.isfinite(rmse := row.get("val_rmse", math.nan)):
        return float(rmse == 0)
    return row[measure]


# What counts as a fall of the loss for solvers that see all examples in every step, relative to it and at least to 1:
# SciPy's own limit, and in single precision the least that can be seen.
STANDSTILL = {True: 2.2e-9, False: 1.2e-7}
EPOCHS_PER_CALL = 10  # of a small network's training, most is the way into the compiled program and out again


class Pace(Callback):
    """How long an estimator trains and at what rate, by the rules of scikit-learn's perceptrons.

    Training ends when the loss (the score on the held-out examples, with ``early_stopping``) was not better than its
    best by ``tol`` for more than ``n_iter_no_change`` epochs in a row; with ``learning_rate="adaptive"`` the rate is
    then divided by 5 instead, as long as it is above 1e-6. "invscaling" divides the rate by
    (examples seen + 1) ** ``power_t``. Solvers that see all examples in every step end where the gradient's norm
    falls to ``tol``, as there, or where the loss itself has stopped falling: by `STANDSTILL` of it for more than
    ``n_iter_no_change`` steps in a row.

    It keeps what estimators show: ``losses``, ``scores``, ``best_loss``, ``best_score``; the optimiser's state for the
    next `partial_fit`, ``kept``; and why training ended before it had converged, ``exhausted``.
    """

    def __init__(self, estimator: Any, measure: str | None, examples: int):
        self.of, self.measure, self.examples, self.seen = estimator, measure, examples, 0
        self.kept: Any = None
        self.losses: list[float] = []
        self.scores: list[float] = []
        self.best_loss, self.best_score = math.inf, -math.inf
        self.rate = float(estimator.learning_rate_init)
        self.converged = False
        self.exhausted: str | None = None
        rates_change = estimator.solver == "sgd" and estimator.learning_rate != "constant"
        whole = not uses_batches(estimator.solver)
        self._bounded = whole and estimator.max_fun < STEPS * estimator.max_iter
        self.only_history = measure is None and not rates_change and not self._bounded
        self._idle = 0
        self._best: Any = None
        self._run: Any = None

    def go_on(self, fitted: Any, optimizer_too: bool) -> None:
        """Begin where ``fitted`` stopped: examples seen, best score; the optimiser's state, where that is wanted."""
        self.seen = fitted.t_
        if self.measure is not None and fitted.best_validation_score_ is not None:
            self.best_score = fitted.best_validation_score_
        self.kept = fitted._kept if optimizer_too else None

    def best_model(self) -> Model | None:
        """The model of the best epoch by the held-out examples, or None where there is none."""
        return None if self._run is None or self._best is None else self._run.model(self._best)

    def on_start(self, run):
        self._run = run
        if self.kept is None or not self._resume(run):
            self._adjust(run, **numbers(self.of))
        if self.best_score > -math.inf:
            self._best = run.carry

    def on_epoch(self, run):
        row = run.history.rows[-1]
        self.seen += self.examples
        self.losses.append(row["loss"])
        if self.of.verbose:
            print(f"Iteration {run.epoch}, loss = {row['loss']:.8f}")
        if self.measure is not None:
            self._score(run, score_of(row, self.measure))
        else:
            self._idle = self._idle + 1 if row["loss"] > self.best_loss - self._least_fall() else 0
        self.best_loss = min(self.best_loss, row["loss"])
        if self.of.solver == "sgd" and self.of.learning_rate == "invscaling":
            self._adjust(run, learning_rate=self.rate / (self.seen + 1) ** self.of.power_t)
        if not uses_batches(self.of.solver) and row["grad_norm"] <= self.of.tol:
            self._stop(run, f"the gradient's norm fell to {row['grad_norm']:.2g}")
        elif self._idle > self.of.n_iter_no_change:
            self._slow_down_or_stop(run)
        elif self._bounded and evaluations(run.carry.opt_state, run.epoch) >= self.of.max_fun:
            self.exhausted = f"{self.of.max_fun} evaluations (max_fun) were not enough to converge: raise max_fun"
            run.stop(self.exhausted)

    def _least_fall(self) -> float:
        """By how much an epoch's loss must be below the best one to count as better."""
        if uses_batches(self.of.solver) or not math.isfinite(self.best_loss):
            return self.of.tol
        return STANDSTILL[self.of._double] * max(1.0, abs(self.best_loss))

    def on_end(self, run):
        self.kept = run.carry.opt_state
        if self._best is not None:
            run.carry = self._best

    def _resume(self, run: Any) -> bool:
        """Whether the optimiser's state that was kept is one of this optimiser: settings may have changed since."""
        leaves, structure = jax.tree.flatten(run.carry.opt_state)
        if [np.shape(leaf) for leaf in leaves] != [np.shape(leaf) for leaf in self.kept]:
            return False
        run.carry = run.carry._replace(opt_state=jax.tree.unflatten(structure, map(jnp.asarray, self.kept)))
        return True

    def _score(self, run: Any, score: float) -> None:
        self.scores.append(score)
        if self.of.verbose:
            print(f"Validation score: {score:f}")
        self._idle = self._idle + 1 if score < self.best_score + self.of.tol else 0
        if score > self.best_score or self._best is None:
            self.best_score, self._best = score, run.carry

    def _slow_down_or_stop(self, run: Any) -> None:
        what = "Training loss" if self.measure is None else "Validation score"
        least = f"tol={self.of.tol:g}" if uses_batches(self.of.solver) else f"{self._least_fall():.2g}"
        reason = f"{what} did not improve more than {least} for {self.of.n_iter_no_change} epochs in a row."
        if self.of.solver == "sgd" and self.of.learning_rate == "adaptive" and self.rate > 1e-6:
            self.rate, self._idle = self.rate / 5, 0
            self._adjust(run, learning_rate=self.rate)
            if self.of.verbose:
                print(f"{reason} Setting learning rate to {self.rate:f}")
        else:
            self._stop(run, reason)

    def _stop(self, run: Any, reason: str) -> None:
        self.converged = True
        if self.of.verbose:
            print(f"{reason} Stopping.")
        run.stop(reason)

    def _adjust(self, run: Any, **values: float) -> None:
        run.carry = run.carry._replace(opt_state=adjust(run.carry.opt_state, **values))
        if run.starts is not None:
            carries = run.starts.carries
            run.starts.carries = carries._replace(opt_state=adjust(carries.opt_state, **values))
