"""Extreme learning machines: a random hidden layer, and output weights in closed form.

h_i(x) = g(w_i'x + b_i) with w_i and b_i drawn once; the output weights v minimise 1/2 sum (z - v'h)^2 + lambda/2 v'v
(Pattipati, "Extreme Learning Machines"; Huang et al. 2006), or with the penalties of the lasso or the elastic net. The
linear part is scikit-learn's.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import ElasticNet, Lasso, Ridge, RidgeCV
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from netgrad.data.encodings import TableEncoder
from netgrad.errors import NetgradError, unknown_name
from netgrad.estimators.columns import OfColumns
from netgrad.estimators.registry import estimator
from netgrad.estimators.settings import number, whole

ACTIVATIONS: dict[str, Any] = {"tanh": np.tanh, "logistic": expit, "relu": lambda z: np.maximum(z, 0)}
PENALTIES = ("ridge", "lasso", "elastic_net")
STRENGTHS = np.logspace(-6, 4, 21)


@dataclass(eq=False, repr=False)
class ExtremeLearningMachine(OfColumns, BaseEstimator):
    """What both extreme learning machines share. Of data frames: `OfColumns`.

    Parameters
    ----------
    hidden_units : K, of the random layer, "reasonably large": default 200.
    activation : "tanh", "logistic" or "relu".
    penalty : on the output weights: "ridge", "lasso" or "elastic_net".
    alpha : its strength, lambda, 0.1 by default; as scikit-learn has it, which for "lasso" and "elastic_net" is of the
        mean error. "loo", for "ridge", takes the one of 21 from 1e-6 to 1e4 with the least squared error of examples
        left out one at a time, in closed form: the residual over 1 - h, h the example's entry on the diagonal of the
        hat matrix.
    l1_ratio : of "elastic_net".
    scale : the deviation of the net inputs w'x of standardised inputs; biases are drawn from -scale to scale.
    random_state : a number, a `numpy.random.RandomState` or None.

    Attributes
    ----------
    weights_, biases_ : of the hidden layer, (features, K) and (K,).
    coef_, intercept_ : the output weights, (K,) or (outputs, K), and biases, as scikit-learn's linear models have them.
    alpha_ : the strength that was taken.
    n_features_in_, feature_names_in_ : of the table, where it is one.
    """

    hidden_units: int = 200
    _: KW_ONLY
    activation: str = "tanh"
    penalty: str = "ridge"
    alpha: Any = 0.1
    l1_ratio: float = 0.5
    scale: float = 1.0
    random_state: Any = None

    def hidden(self, X: Any) -> np.ndarray:
        """What the random layer makes of examples, (N, K)."""
        check_is_fitted(self)
        return self._hidden(self._valid(X, reset=False, dtype=np.float64))

    def model(self) -> Any:
        """The machine as a `netgrad.Model`, its hidden layer frozen: to trace, to save, to train on.

        >>> import numpy as np
        >>> from netgrad.estimators import ELMRegressor
        >>> X = np.linspace(-1, 1, 40)[:, None]
        >>> elm = ELMRegressor(20, alpha="loo", random_state=0).fit(X, np.sin(3 * X[:, 0]))
        >>> bool(np.allclose(elm.model().predict(X), elm.predict(X), atol=1e-3))
        True
        """
        import netgrad as ng

        check_is_fitted(self)
        V = np.atleast_2d(self.coef_).T
        net = ng.Sequential([ng.Dense(len(self.biases_), activation=self.activation), ng.Dense(V.shape[1])])
        b = np.broadcast_to(self.intercept_, (V.shape[1],))
        params = {"dense_1": {"W": self.weights_, "b": self.biases_}, "dense_2": {"W": V, "b": b}}
        example = np.zeros((1, len(self.weights_)))
        made = ng.untrained(net, example, np.zeros((1, V.shape[1])), loss="squared_error").frozen("dense_1")
        like = made.params
        return replace(
            made,
            encoder=self._columns,
            params={
                layer: {name: np.asarray(value, like[layer][name].dtype) for name, value in own.items()}
                for layer, own in params.items()
            },
        )

    def _outputs(self, X: Any) -> np.ndarray:
        return np.asarray(self.hidden(X) @ self.coef_.T + self.intercept_)

    def _hidden(self, X: np.ndarray) -> np.ndarray:
        made: np.ndarray = ACTIVATIONS[self.activation](X @ self.weights_ + self.biases_)
        return made

    def _fit(self, X: np.ndarray, target: np.ndarray, sample_weight: Any) -> None:
        self._check()
        rng = check_random_state(self.random_state)
        features, K = X.shape[1], int(self.hidden_units)
        self.weights_ = self.scale / np.sqrt(features) * rng.standard_normal((features, K))
        self.biases_ = rng.uniform(-self.scale, self.scale, K)
        linear = self._linear().fit(self._hidden(X), target, sample_weight=sample_weight)
        self.coef_, self.intercept_ = np.asarray(linear.coef_), np.asarray(linear.intercept_)
        self.alpha_ = float(linear.alpha_ if self.alpha == "loo" else self.alpha)

    def _linear(self) -> Any:
        if self.alpha == "loo":
            return RidgeCV(alphas=STRENGTHS)
        if self.penalty == "ridge":
            return Ridge(alpha=self.alpha)
        if self.penalty == "lasso":
            return Lasso(alpha=self.alpha, max_iter=10_000)
        return ElasticNet(alpha=self.alpha, l1_ratio=self.l1_ratio, max_iter=10_000)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        if state.get("_columns") is not None:
            state["_columns"] = state["_columns"].to_config()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("_columns") is not None:
            state = state | {"_columns": TableEncoder.from_config(state["_columns"])}
        super().__setstate__(state)

    def _check(self) -> None:
        whole("hidden_units", self.hidden_units)
        if self.activation not in ACTIVATIONS:
            raise unknown_name("activation", self.activation, ACTIVATIONS)
        if self.penalty not in PENALTIES:
            raise unknown_name("penalty", self.penalty, PENALTIES)
        number("scale", self.scale, above=0)
        number("l1_ratio", self.l1_ratio, lowest=0, highest=1)
        if isinstance(self.alpha, str) and self.alpha == "loo":
            if self.penalty != "ridge":
                raise NetgradError(f"alpha='loo' is in closed form for 'ridge' alone: give {self.penalty} a number")
        else:
            number("alpha", self.alpha, lowest=0)


@estimator
@dataclass(eq=False, repr=False)
class ELMRegressor(RegressorMixin, ExtremeLearningMachine):
    """An extreme learning machine for numbers, one or several. Parameters: `ExtremeLearningMachine`.

    >>> import numpy as np
    >>> from netgrad.estimators import ELMRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> ELMRegressor(50, alpha="loo", random_state=0).fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.99
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ELMRegressor:
        """Draw the hidden layer and solve for the output weights. X (N, features), y (N,) or (N, outputs)."""
        X, y = self._valid(X, y, reset=True, dtype=np.float64, multi_output=True, y_numeric=True)
        self._fit(X, y, sample_weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The values (N,) or (N, outputs)."""
        return self._outputs(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


@estimator
@dataclass(eq=False, repr=False)
class ELMClassifier(ClassifierMixin, ExtremeLearningMachine):
    """An extreme learning machine for classes: targets of -1 and +1 for each, the largest output says which it is.

    Parameters: `ExtremeLearningMachine`. classes_ : the labels, sorted.

    >>> from sklearn.datasets import load_iris
    >>> from netgrad.estimators import ELMClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> ELMClassifier(50, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ELMClassifier:
        """Draw the hidden layer and solve for the output weights. X (N, features), y (N,)."""
        X, y = self._valid(X, y, reset=True, dtype=np.float64)
        check_classification_targets(y)
        binarizer = LabelBinarizer(neg_label=-1, pos_label=1)
        target = binarizer.fit_transform(y).astype(float)
        self.classes_ = binarizer.classes_
        self._fit(X, target[:, 0] if target.shape[1] == 1 else target, sample_weight)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """The output of each class (N, classes); of two (N,), above 0 for the second."""
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each example (N,)."""
        values = self.decision_function(X)
        if values.ndim > 1:
            return np.asarray(self.classes_[values.argmax(1)])
        second = (values > 0) & (len(self.classes_) > 1)  # of one class alone it is always that
        return np.asarray(self.classes_[second.astype(int)])
