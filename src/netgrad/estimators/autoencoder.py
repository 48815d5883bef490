"""An autoencoder as a transformer: codes out, and tables back."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_array, check_is_fitted

from netgrad.errors import DataError, warn
from netgrad.estimators import inputs
from netgrad.estimators.base import Estimator
from netgrad.estimators.columns import OfColumns
from netgrad.estimators.registry import estimator
from netgrad.estimators.settings import sizes, whole
from netgrad.layers import Dense
from netgrad.network import Autoencoder as Reconstructing
from netgrad.network import Network


@estimator
@dataclass(eq=False, repr=False)
class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, OfColumns, Estimator):
    """Codes of ``n_components`` numbers, from which dense layers give the inputs back. Further parameters: `Estimator`,
    and of data frames `OfColumns`; of an encoded one the features that come back are ``model_.encoder.feature_names``.

    With no hidden layers it finds the space of the principal components, as `sklearn.decomposition.PCA` does without
    iterations; hidden layers let it bend. Scale the inputs first, in a `Pipeline`.

    Parameters
    ----------
    n_components : numbers of a code.
    hidden_layer_sizes : units of each layer between inputs and code; those behind the code are their mirror image.
    activation : of the hidden layers, "relu" by default, or any of netgrad's; code and outputs are linear.
    tied : the decoder's weights are the encoder's, transposed.

    Attributes
    ----------
    n_features_in_, feature_names_in_ : of the table; model_ : the `netgrad.Model`, with parts "encoder" and "decoder".

    >>> import numpy as np
    >>> from netgrad.estimators import Autoencoder
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) @ np.ones((2, 5))
    >>> coder = Autoencoder(1, learning_rate_init=0.01, random_state=0).fit(X)
    >>> coder.transform(X).shape, coder.inverse_transform(coder.transform(X)).shape
    ((200, 1), (200, 5))
    >>> coder.score(X) > 0.99
    True
    """

    n_components: int = 2
    hidden_layer_sizes: Any = ()
    activation: Any = "relu"
    _: KW_ONLY
    tied: bool = False

    _incremental = False
    _measure = "val_r2"

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Learn to give these examples (N, features) back; y is not looked at."""
        whole("n_components", self.n_components)
        return self._fit(X, None, sample_weight, incremental=False)

    def transform(self, X: Any) -> np.ndarray:
        """The codes (N, n_components)."""
        return self._through("encoder", self._checked(X))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """What codes (N, n_components) stand for: (N, features)."""
        check_is_fitted(self)
        codes = check_array(X, dtype=[np.float64, np.float32])
        if codes.shape[1] != self._n_features_out:
            raise DataError(f"codes have {self._n_features_out} numbers, found {codes.shape[1]}")
        return self._through("decoder", codes)

    def score(self, X: Any, y: Any = None) -> float:
        """R^2 of what is given back, the mean over features by their variance."""
        X = self._checked(X)
        given: float = r2_score(
            X, self._through("decoder", self._through("encoder", X)), multioutput="variance_weighted"
        )
        return given

    @property
    def _n_features_out(self) -> int:
        """For the names of the features that come out."""
        return int(self.n_components)

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._examples(X, None, False)[0].x

    def _through(self, part: str, x: np.ndarray) -> np.ndarray:
        with jax.enable_x64(self._double):
            return self._handed_out(self.model_.part(part).predict_proba(x), x)

    def _examples(self, X: Any, y: Any, reset: bool) -> tuple[inputs.Examples, Any]:
        settings: dict[str, Any] = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
        examples = inputs.Examples(inputs.dense(self._valid(X, reset=reset, **settings)))
        self._width = examples.shape[0]
        return examples, examples.x

    def _network(self, shape: tuple[int, ...], units: int) -> Network:
        if self.n_components > shape[0]:
            warn(
                f"n_components={self.n_components} is more than the {shape[0]} features of X, so that codes can be "
                "copies of them: make it smaller"
            )
        wide = [
            Dense(size, activation=self.activation) for size in sizes("hidden_layer_sizes", self.hidden_layer_sizes)
        ]
        network = Reconstructing([*wide, Dense(int(self.n_components))], inputs=shape[0], tied=self.tied)
        # Examples of weight 0 fill batches up, so targets are given; a plain network of the same parts takes them.
        return Network.from_nodes(network.inputs, network.nodes, network.outputs, network.views)

    def _learn_targets(self, y: Any, first: bool) -> Any:
        return y

    def _units(self) -> int:
        return self._width

    def _loss(self, network: Network, shape: tuple[int, ...]) -> Any:
        return "squared_error"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags
