"""Many small problems at once: one perceptron a group of examples, all trained in one compiled program."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from sklearn.utils.validation import check_is_fitted

from netgrad.compiling import Program
from netgrad.data.frames import as_pandas
from netgrad.errors import DataError, NetgradError, unknown_name
from netgrad.estimators import inputs, solvers
from netgrad.estimators.classifier import Classifier
from netgrad.estimators.mlp import Perceptron
from netgrad.estimators.registry import estimator
from netgrad.estimators.regressor import Regressor
from netgrad.training.batch import Batch
from netgrad.training.loop import Run, run_to_end
from netgrad.training.memory import InMemory
from netgrad.training.model import Model
from netgrad.training.multistart import Groups, predict_groups
from netgrad.training.supervised import Supervised
from netgrad.training.task import Carry
from netgrad.training.untrained import untrained


@dataclass(eq=False, repr=False, kw_only=True)
class Grouped:
    """What both grouped estimators share.

    Smaller groups are filled up to the largest with examples of weight 0, so groups should not differ in size by more
    than a few times. All see max_iter epochs, unless the mean of their losses stops falling before.

    Parameters
    ----------
    group : the column of X that says which group an example belongs to: its name in a table, its number in an array;
        it is no input of the networks. None: all examples are one group.

    Attributes
    ----------
    groups_ : the groups, sorted.
    models_ : the `netgrad.Model` of each group, by group.
    model_, coefs_, intercepts_ : of all groups, stacked along a first axis.
    """

    group: Any = None

    _incremental = False

    def _examples(self, X: Any, y: Any, reset: bool) -> tuple[inputs.Examples, Any]:
        X, labels = take_out(X, self.group)
        examples, y = super()._examples(X, y, reset)  # type: ignore[misc]
        self._labels = np.zeros(len(examples), int) if labels is None else labels
        return examples, y

    def _train(self: Any, start: Any, data: Any, validation: Any, rng: Any, first: bool, incremental: bool) -> None:
        if self.pretrain is not None:
            raise NetgradError("groups are trained without pretrain: leave it out, or fit each group by itself")
        if self.early_stopping or self.n_starts > 1 or self.metrics is not None:
            raise NetgradError("groups are trained without early_stopping and metrics, and from one start each")
        examples, target, weights = data
        labels = self.__dict__.pop("_labels")
        groups = np.unique(labels)
        if first:
            self.groups_ = groups
        elif not np.array_equal(groups, self.groups_):
            raise DataError("warm_start goes on with the same groups: X has others")
        rows, valid = places(labels, groups)
        size = self._batch_size(rows.shape[1])
        settings, draws = {}, []
        if first:
            real = size * float(valid.mean())  # examples of weight 0 do not share the penalty
            settings = {"loss": self._loss(start, examples.shape), "penalty": self._penalty(real, weights)}
            draws = [self.__dict__.pop("_first"), *(self._params(start, examples.shape, rng) for _ in groups[1:])]
        model = untrained(start, examples.x, target, params=draws[0], **settings) if first else start
        if first and draws[0] is None:
            keys = jax.random.split(jax.random.key(rng.randint(np.iinfo(np.int32).max)), len(groups))
            draws = [start.init(key, examples.shape)[0] for key in keys]
        batch = jax.tree.map(lambda v: v[rows], model.batch(examples.x, target, weights))
        name = model.network.output_names[0]
        batch = batch._replace(weights={name: batch.weights.get(name, 1) * valid.astype(batch.x["x"].dtype)})
        if first:
            params = jax.tree.map(lambda *p: np.stack(p).astype(batch.x["x"].dtype), *draws)
            state = jax.tree.map(lambda s: np.broadcast_to(s, (len(groups), *np.shape(s))), model.state)
        else:
            params, state = model.params, model.state
        self._side_by_side(model, Carry(params, state, None), batch, size, rng, first)

    def _side_by_side(self: Any, model: Model, start: Carry, data: Batch, size: int, rng: Any, first: bool) -> None:
        """The training loop over all groups at once."""
        optimizer = solvers.optimizer(self)
        groups = Groups(start._replace(opt_state=_begun(optimizer)(start.params)), data)
        n = int(np.count_nonzero(next(iter(data.weights.values()))))
        pace = solvers.Pace(self, None, n)
        if not first:
            pace.go_on(self, optimizer_too=False)
        task = Supervised.of(model, optimizer)
        run = Run(task, groups.carry(0), int(self.max_iter), callbacks=[pace, *self.callbacks], starts=groups)
        key = jax.random.key(rng.randint(np.iinfo(np.int32).max))
        of_first = jax.tree.map(lambda v: v[0], data)
        shuffle = bool(self.shuffle)
        run_to_end(run, InMemory(task, of_first, size, shuffle, key), None)
        done = replace(model, params=groups.carries.params, state=groups.carries.state, history=run.history)
        self._remember(done, pace, first)

    def _predicted(self: Any, X: Any) -> np.ndarray:
        check_is_fitted(self)
        examples, _ = self._examples(X, None, False)
        rows, valid = places(self.__dict__.pop("_labels"), self.groups_)
        with jax.enable_x64(self._double):
            outputs = predict_groups(self.model_, {self.model_.network.inputs[0]: examples.x[rows]})
        found = next(iter(outputs.values()))
        predicted = np.empty((len(examples), *found.shape[2:]), found.dtype)
        predicted[rows[valid]] = found[valid]
        return self._handed_out(predicted, examples.x)

    @property
    def models_(self: Any) -> dict[Any, Model]:
        """The model of each group."""
        check_is_fitted(self)

        def part(tree: Any, k: int) -> Any:
            return jax.tree.map(lambda leaf: leaf[k], tree)

        every = self.model_
        return {
            group: replace(every, params=part(every.params, k), state=part(every.state, k))
            for k, group in enumerate(self.groups_.tolist())
        }


@lru_cache(maxsize=64)
def _begun(optimizer: Any) -> Any:
    """The optimiser's state of every group before the first step: one program, whatever is fitted by it."""
    return Program(jax.vmap(optimizer.init), optimisation=0)


def take_out(X: Any, group: Any) -> tuple[Any, np.ndarray | None]:
    """X without its column of groups, and that column."""
    if group is None:
        return X, None
    if hasattr(X, "columns"):
        X = as_pandas(X)
        if group not in list(X.columns):
            raise unknown_name("column (group)", group, [str(name) for name in X.columns])
        return X.drop(columns=[group]), np.asarray(X[group])
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    if not isinstance(group, int | np.integer) or X.ndim != 2 or not -X.shape[1] <= group < X.shape[1]:
        raise NetgradError(f"group={group!r} is no column of X, an array of shape {X.shape}: give its number")
    return np.delete(X, group, axis=1), X[:, group]


def places(labels: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of each group (G, n), filled up with row 0, and which of them are real.

    n is that of the largest group, up to 200 rounded up to a multiple of 32: other sizes then share one program.

    >>> rows, real = places(np.array(["b", "a", "b"]), np.array(["a", "b"]))
    >>> rows.shape, rows[real].tolist()
    ((2, 32), [1, 0, 2])
    """
    member = np.minimum(np.searchsorted(groups, labels), len(groups) - 1)
    unknown = groups[member] != labels
    if unknown.any():
        raise DataError(f"X has the group {labels[unknown].tolist()[0]!r}, which was not there in fit")
    counts = np.bincount(member, minlength=len(groups))
    n = counts.max()
    valid = np.arange(n if n > 200 else -(-n // 32) * 32) < counts[:, None]
    rows = np.zeros(valid.shape, int)
    rows[valid] = np.argsort(member, kind="stable")
    return rows, valid


@estimator
@dataclass(eq=False, repr=False)
class GroupedClassifier(Grouped, Perceptron, Classifier):
    """An `MLPClassifier` for each group. All parameters: `Grouped`, `Perceptron`, `Estimator`."""


@estimator
@dataclass(eq=False, repr=False)
class GroupedRegressor(Grouped, Perceptron, Regressor):
    """An `MLPRegressor` for each group. All parameters: `Grouped`, `Perceptron`, `Regressor`, `Estimator`.

    >>> import numpy as np, pandas as pd
    >>> from netgrad.estimators import GroupedRegressor
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"shop": np.repeat(["a", "b", "c"], 60), "price": rng.normal(size=180)})
    >>> y = table["price"] * table["shop"].map({"a": 1, "b": -1, "c": 0.5})
    >>> many = GroupedRegressor((8,), "tanh", group="shop", learning_rate_init=0.02, random_state=0).fit(table, y)
    >>> many.score(table, y) > 0.95, list(many.models_)
    (True, ['a', 'b', 'c'])
    """
