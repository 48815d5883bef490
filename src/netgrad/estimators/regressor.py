"""What regressors share: numbers out, one or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from netgrad.errors import DataError, NetgradError
from netgrad.estimators.base import Estimator
from netgrad.losses import Poisson
from netgrad.uncertainty import posterior, predictive


@dataclass(eq=False, repr=False, kw_only=True)
class Regressor(RegressorMixin, Estimator):
    """Base of the regressors: `Estimator` for one number (N,) or several (N, outputs) of each example.

    Parameters
    ----------
    loss : "squared_error", "poisson" for counts (the expected count is predicted), or any other of netgrad's losses for
        numbers ("absolute_error", "power_error"), or an instance.
    posterior : with squared error, also make the Laplace posterior of the weights (`netgrad.posterior`), of which
        ``predict(X, return_std=True)`` has the standard deviations. No ``sample_weight`` then.
    log_target : learn the logarithm of y, quantities above 0; predictions and scores are in its own terms all the same,
        ``loss_`` and what early stopping looks at in the logarithm's.

    Attributes
    ----------
    out_activation_ : "identity"; "exp" with the loss "poisson".
    """

    loss: Any = "squared_error"
    posterior: bool = False
    log_target: bool = False

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
        if not self.log_target:
            return y
        if self.posterior or self.loss == "poisson" or isinstance(self.loss, Poisson):
            other = "posterior=True" if self.posterior else "the loss 'poisson', which has a logarithm of its own"
            raise NetgradError(f"log_target=True goes without {other}: leave one of them out")
        if (y <= 0).any():
            raise DataError(f"y holds {y.min():g}: expected numbers above 0 for log_target=True")
        return np.log(y)

    def _units(self) -> int:
        return self._outputs

    def _loss(self, network, shape):
        return self.loss

    def _afterwards(self, examples, target, weights):
        if not self.posterior:
            return
        if weights is not None:
            raise NetgradError("the posterior counts all examples alike: leave sample_weight out, or posterior=False")
        self.model_ = posterior(self.model_, examples.x, target, lengths=examples.lengths)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The values (N,) or (N, outputs); with ``return_std`` a pair of them and the standard deviations of new
        targets around them, as scikit-learn's `BayesianRidge` and Gaussian processes have it.

        >>> import numpy as np
        >>> from netgrad.estimators import MLPRegressor
        >>> X = np.linspace(-1, 1, 60)[:, None]
        >>> y = np.sin(3 * X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=60)
        >>> mlp = MLPRegressor("squared_error", (10,), "tanh", solver="lbfgs", random_state=0, posterior=True)
        >>> value, deviation = mlp.fit(X, y).predict([[0.0], [4.0]], return_std=True)
        >>> bool(deviation[0] < deviation[1])
        True
        """
        if return_std:
            return self._spread(X)
        values = self._predicted(X)
        values = np.exp(values) if self.log_target else values
        return values[..., 0] if self._single else values

    def _spread(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        check_is_fitted(self)
        if self.model_.posterior is None:
            raise NetgradError("return_std needs the posterior of the weights: give posterior=True and fit again")
        examples, _ = self._examples(X, None, False)
        with jax.enable_x64(self._double):
            found = predictive(self.model_, examples.x, examples.lengths)
        both = (self._handed_out(part, examples.x) for part in (found.outputs, found.deviation))
        value, deviation = (part[..., 0] if self._single else part for part in both)
        return value, deviation

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
