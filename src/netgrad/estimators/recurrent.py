"""Recurrent networks: a class or a number for each sequence, or a tag for each time-step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from netgrad.architectures.transformer import of_sizes, transformer_encoder
from netgrad.data.sequences import pad_sequences
from netgrad.errors import NetgradError, ShapeError, unknown_name, warn
from netgrad.estimators.classifier import Classifier
from netgrad.estimators.inputs import Examples
from netgrad.estimators.registry import estimator
from netgrad.estimators.regressor import Regressor
from netgrad.estimators.sequences import as_sequences, axes, listed
from netgrad.estimators.settings import sizes, whole
from netgrad.layers import Bidirectional, Dense, Layer
from netgrad.layers.cells import CELLS
from netgrad.network import Network, Sequential


@dataclass(eq=False, repr=False, kw_only=True)
class Recurrent:
    """What the estimators for sequences share.

    X may be an array (N, T, features); a list of arrays or lists (T_i, features) or (T_i,), where lengths are unequal;
    or rows (N, T * n_features), each a sequence. Examples come first, and there is one target for each.

    Parameters
    ----------
    cell : "lstm" (default), "coupled_lstm", "gru", "rnn" or "forget_gate"; or "transformer", blocks of attention.
    units : of each recurrent layer or block, default (32,).
    bidirectional : whether each layer also reads from the end.
    dropout : the share of each recurrent layer's inputs that training drops.
    n_features : how many numbers of a row of X make one time-step; None for the whole row.
    """

    cell: str = "lstm"
    units: Any = (32,)
    bidirectional: bool = False
    dropout: float = 0.0
    n_features: int | None = 1

    _returns = "last"  # what the last recurrent layer hands on

    def _examples(self, X: Any, y: Any, reset: bool) -> tuple[Examples, Any]:
        if self.n_features is not None:
            whole("n_features", self.n_features)
        return as_sequences(self, X, y, reset, self.n_features)

    def _network(self, shape: tuple[int, ...], units: int) -> Network:
        if self.cell not in (*CELLS, "transformer"):
            raise unknown_name("cell", self.cell, (*CELLS, "transformer"))
        of_layers = sizes("units", self.units)
        if self.cell == "transformer":
            if self.bidirectional:
                raise NetgradError("bidirectional is for recurrent cells, a Transformer sees both ends: leave it out")
            mean = "mean" if self._returns == "last" else "sequence"
            how = of_sizes(tuple(of_layers), "units=")
            return transformer_encoder(None, outputs=units, returns=mean, dropout=self.dropout, **how)
        layers: list[Layer] = []
        for i, size in enumerate(of_layers):
            returns = self._returns if i == len(of_layers) - 1 else "sequence"
            layer = CELLS[self.cell](size, returns=returns, dropout=self.dropout)
            layers.append(Bidirectional(layer) if self.bidirectional else layer)
        return Sequential([*layers, Dense(units)])


@estimator
@dataclass(eq=False, repr=False, kw_only=True)
class RecurrentClassifier(Recurrent, Classifier):
    """A class for each sequence. All parameters: `Recurrent`, `Estimator`.

    >>> import numpy as np
    >>> from netgrad.estimators import RecurrentClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = [np.cumsum(rng.normal(0.3 * (i % 2), 1, rng.integers(20, 40))) for i in range(200)]
    >>> y = ["up" if i % 2 else "flat" for i in range(200)]
    >>> rnn = RecurrentClassifier(cell="gru", units=8, learning_rate_init=0.02, max_iter=40, random_state=0)
    >>> rnn.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.7
    True
    """


@estimator
@dataclass(eq=False, repr=False, kw_only=True)
class RecurrentRegressor(Recurrent, Regressor):
    """A number, or several, for each sequence: forecasts. All parameters: `Recurrent`, `Regressor`, `Estimator`.

    >>> import numpy as np
    >>> from netgrad.estimators import RecurrentRegressor
    >>> wave = np.sin(np.arange(300) / 5)
    >>> X, y = np.lib.stride_tricks.sliding_window_view(wave, 20)[:-1], wave[20:]
    >>> rnn = RecurrentRegressor(cell="rnn", units=8, learning_rate_init=0.01, random_state=0)
    >>> rnn.fit(X[:200], y[:200]).score(X[200:], y[200:]) > 0.95
    True
    """


@estimator
@dataclass(eq=False, repr=False, kw_only=True)
class SequenceTagger(Recurrent, Classifier):
    """A tag for each time-step. All parameters: `Recurrent`, `Estimator`.

    X as for all of them, with y the tags: (N, T), or a list of arrays (T_i,). Predictions come in the same form, and
    the score is the share of time-steps that are right. Without ``n_features``, as by default, each row of a table is
    a sequence of one time-step, with one tag.

    >>> import numpy as np
    >>> from netgrad.estimators import SequenceTagger
    >>> rng = np.random.default_rng(0)
    >>> X = [rng.normal(size=(rng.integers(5, 15), 1)) for _ in range(200)]
    >>> y = [np.where(np.cumsum(x) > 0, "above", "below") for x in X]
    >>> tagger = SequenceTagger(cell="gru", units=16, learning_rate_init=0.02, max_iter=60, random_state=0)
    >>> tagger.fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
    True
    """

    n_features: int | None = None

    _returns = "sequence"

    def _examples(self, X, y, reset):
        examples, y = super()._examples(X, y, reset)
        if y is not None:
            self._steps = examples
        if reset and not self._of_sequences and self.n_features is None:
            warn(
                f"each of the {len(examples)} rows of X is taken for a sequence of one time-step: a single sequence is "
                "X[None], y[None]; several are an array (N, T, features) or a list of arrays"
            )
        return examples, y

    def _learn_targets(self, y, first):
        steps = self.__dict__.pop("_steps")
        N, T = steps.x.shape[:2]
        if steps.lengths is not None:
            tags = [np.ravel(np.asarray(tags)) for tags in y]
            for i, (own, length) in enumerate(zip(tags, steps.lengths.tolist(), strict=True)):
                if len(own) != length:
                    raise ShapeError(
                        f"sequence {i} has {length} time-steps and {len(own)} tags: expected one tag for each "
                        "time-step, y a list of arrays (T_i,)"
                    )
            every = np.concatenate(tags)
        else:
            y = np.asarray(y) if hasattr(y, "columns") else y
            lengths = {np.size(tags) for tags in y}
            if lengths != {T}:
                has = f"{N} x {lengths.pop()}" if len(lengths) == 1 else f"rows of {min(lengths)} to {max(lengths)}"
                raise ShapeError(f"y has {has} tags: expected one tag for each time-step, {N} x {T}")
            every = np.asarray(y).ravel()
        check_classification_targets(every)
        if type_of_target(every) not in ("binary", "multiclass"):
            raise NetgradError(f"tags must be classes, found {type_of_target(every)} targets")
        if first and not (hasattr(self, "_several") and not self._fitted()):
            self._learn_classes(np.unique(every))
        found = self._numbers(every)
        if steps.lengths is None:
            return found.reshape(N, T)
        return pad_sequences(np.split(found, np.cumsum(steps.lengths)[:-1]))[0]

    def _units(self):
        return len(self.classes_)

    def _strata(self, target, held):
        return None

    def predict_proba(self, X):
        """Probabilities of the tags (N, T, classes), or a list of arrays (T_i, classes); of rows (N, classes)."""
        p = self._of_classes(self._predicted(X))
        if listed(X) is not None:
            return [row[: len(x)] for row, x in zip(p, X, strict=True)]
        return p[:, 0] if axes(X) == 2 and self.n_features is None else p

    def predict(self, X):
        """The most probable tags (N, T), or a list of arrays (T_i,); of rows (N,)."""
        p = self.predict_proba(X)
        return (
            [self.classes_[of_one.argmax(-1)] for of_one in p] if isinstance(p, list) else self.classes_[p.argmax(-1)]
        )

    def score(self, X, y, sample_weight=None):
        """The share of time-steps with the right tag; sample_weight (N,) weighs sequences."""
        right = [np.asarray(a) == np.asarray(b) for a, b in zip(self.predict(X), y, strict=True)]
        weights = np.ones(len(right)) if sample_weight is None else np.asarray(sample_weight)
        counts = np.repeat(weights, [np.size(r) for r in right])
        return float(np.average(np.concatenate([np.ravel(r) for r in right]), weights=counts))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = False
        return tags
