"""What a model with a posterior predicts: values and how far off they may be, or probabilities that know of it.

The outputs are linear in the weights near those of the model, f(x, w) = f(x) + G' (w - mean), so that they are normal
with the covariance G' H^-1 G; of a regression the noise is added (Pattipati, "Predictive Posterior for Regression").
For a class of two p = sigma(y / sqrt(1 + pi s^2 / 8)), of the *net input* y and its variance s^2: the text prints g,
the probability, where y is meant ("Predictive Posterior for Classification"). Several classes: softmax of the net
inputs, each divided so (the extended probit; Gibbs 1997), or the mean over samples of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from scipy.special import expit, softmax

from netgrad.compiling import as_seed
from netgrad.curvature.jacobian import blocks
from netgrad.errors import NetgradError
from netgrad.losses import SquaredError
from netgrad.mixture_density import MixtureDensity
from netgrad.uncertainty.posterior import of

if TYPE_CHECKING:
    from netgrad.training.model import Model


@dataclass(frozen=True, eq=False)
class Predictive:
    """outputs: (N, units), net inputs of classes; covariance: (N, units, units), of what is not known of the weights.

    noise: (units,), the variance of a regression's noise, on the scale the network was trained on; None of classes.
    several: whether classes exclude each other (softmax).
    """

    outputs: np.ndarray
    covariance: np.ndarray
    noise: np.ndarray | None
    several: bool

    @property
    def total(self) -> np.ndarray:
        """(N, units, units): the covariance of new targets, noise included."""
        return self.covariance if self.noise is None else self.covariance + np.diag(self.noise)

    @property
    def deviation(self) -> np.ndarray:
        """(N, units): the standard deviation of new targets, of classes that of the net inputs."""
        return np.sqrt(np.einsum("nkk->nk", self.total))

    @property
    def probabilities(self) -> np.ndarray:
        """(N, units): by the probit's correction, in closed form."""
        self._of_classes()
        moderated = self.outputs / np.sqrt(1 + np.pi / 8 * np.einsum("nkk->nk", self.covariance))
        return softmax(moderated, axis=-1) if self.several else expit(moderated)

    @property
    def probability_spread(self) -> np.ndarray:
        """(N, units): the standard deviation of each probability, to first order in that of the net inputs."""
        self._of_classes()
        if not self.several:
            p = expit(self.outputs)
            return p * (1 - p) * np.sqrt(np.einsum("nkk->nk", self.covariance))
        p = softmax(self.outputs, axis=-1)
        slope = np.einsum("nk,kj->nkj", p, np.eye(p.shape[1])) - p[:, :, None] * p[:, None, :]
        return np.sqrt(np.maximum(np.einsum("nki,nij,nkj->nk", slope, self.covariance, slope), 0))

    def sampled(self, samples: int = 1000, seed: int = 0) -> np.ndarray:
        """(N, units): the mean of the probabilities over samples of the net inputs."""
        self._of_classes()
        rng, total = np.random.default_rng(as_seed(seed)), np.zeros(self.outputs.shape)
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
        for _ in range(samples):
            drawn = self.outputs + np.einsum("nij,nj->ni", root, rng.standard_normal(self.outputs.shape))
            total += softmax(drawn, axis=-1) if self.several else expit(drawn)
        return total / samples

    def _of_classes(self) -> None:
        if self.noise is not None:
            raise NetgradError("a regression has no probabilities: outputs, covariance and deviation say what it knows")


def predictive(model: Model, x: Any, lengths: Any = None) -> Predictive:
    """Outputs and their covariance, for a model with a posterior (`netgrad.posterior`).

    >>> import netgrad as ng, numpy as np
    >>> x, y = np.eye(2), [0, 1]
    >>> model = ng.posterior(ng.fit(ng.Sequential([ng.Dense(1)]), x, y, epochs=50), x, y, alpha=1.0)
    >>> known, far = ng.uncertainty.predictive(model, [[0.0, 1.0], [0.0, 50.0]]).deviation[:, 0]
    >>> bool(far > 10 * known)
    True
    """
    kept = of(model)
    weights = kept.weights(model)
    ((name, loss, _),) = model.objective.terms
    outputs, covariances = [], []
    for out, J in blocks(model, model._inputs(x, lengths), weights, (name,)):
        spread = kept.factor.spread(np.asarray(J, float))
        outputs.append(np.asarray(out[name], float))
        covariances.append(spread @ np.swapaxes(spread, -1, -2))
    noise = 1 / np.array(kept.beta) if isinstance(loss, SquaredError) else None
    return Predictive(np.concatenate(outputs), np.concatenate(covariances), noise, loss.task == "classification")


def spread_of(model: Model, x: Any, lengths: Any = None) -> tuple[Any, Any]:
    """Predictions and their standard deviation: values in the target's own terms, or probabilities.

    Of a model with a posterior; or of a mixture density output, which says its spread itself.

    Where the target was learned on another scale than a multiple of its own (its logarithm), the deviation is half of
    what lies between one below and one above.
    """
    encoder, loss = model.target_encoder, model.objective.terms[0][1]
    if len(model.objective.terms) == 1 and isinstance(loss, MixtureDensity):
        raw = jnp.asarray(model.outputs(x, lengths)[model.objective.terms[0][0]])
        centre, s = np.asarray(loss.link(raw)), np.asarray(loss.spread(raw))
    else:
        found = predictive(model, x, lengths)
        if found.noise is None:
            return found.probabilities, found.probability_spread
        centre, s = found.outputs, found.deviation

    def own(values: np.ndarray) -> np.ndarray:
        decoded = values if encoder is None else encoder.decode(values, limited=False)
        return decoded[..., 0] if decoded.ndim > 1 and decoded.shape[-1] == 1 else decoded

    return model._decide(loss, centre), np.abs(own(centre + s) - own(centre - s)) / 2
