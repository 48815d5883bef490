"""What regressors share: numbers out, one or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import DataError
from netgrad.estimators.base import Estimator
from netgrad.losses import Poisson


@dataclass(eq=False, repr=False, kw_only=True)
class Regressor(RegressorMixin, Estimator):
    """Base of the regressors: `Estimator` for one number (N,) or several (N, outputs) of each example.

    Parameters
    ----------
    loss : "squared_error", "poisson" for counts (the expected count is predicted), or any other of netgrad's losses for
        numbers ("absolute_error", "power_error"), or an instance.

    Attributes
    ----------
    out_activation_ : "identity"; "exp" with the loss "poisson".
    """

    loss: Any = "squared_error"

    _measure = "val_r2"

    @property
    def out_activation_(self) -> str:
        """The function that the outputs go through on their way to predictions."""
        check_is_fitted(self)
        return "exp" if isinstance(self.model_.objective.terms[0][1], Poisson) else "identity"

    @available_if(lambda estimator: estimator._goes_on())
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """One epoch more on these examples."""
        return self._fit(X, y, sample_weight, incremental=True)

    def _learn_targets(self, y: Any, first: bool) -> np.ndarray:
        y = np.asarray(y)
        if first:
            self._single, self._outputs = y.ndim == 1, 1 if y.ndim == 1 else y.shape[1]
        elif y.ndim != (1 if self._single else 2) or (y.ndim == 2 and y.shape[1] != self._outputs):
            raise DataError(f"y has shape {y.shape}; before it had {self._outputs} outputs")
        return y

    def _units(self) -> int:
        return self._outputs

    def _loss(self, network, shape):
        return self.loss

    def predict(self, X: Any) -> np.ndarray:
        """The values (N,) or (N, outputs)."""
        values = self._predicted(X)
        return values[..., 0] if self._single else values

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
