"""The Laplace posterior: a normal distribution of the weights around those that training found.

Near them J(w) = sum over examples of the loss (of a regression times beta, 1 over the variance of the noise) and
1/2 w' diag(alpha) w is a parabola, of which H = sum G diag(beta) G' + diag(alpha) is the second derivative, so that
p(w | data) is N(w, H^-1) (Pattipati, "Predictive Posterior for Regression", "for Classification"; MacKay 1992). For
classes diag(beta) is the curvature of the cross-entropy, diag(p) - p p'.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from netgrad.compiling import as_seed
from netgrad.curvature.factors import DiagonalFactor, Factor, FullFactor, KroneckerFactor
from netgrad.curvature.gauss_newton import gauss_newton
from netgrad.curvature.structures import STRUCTURES
from netgrad.curvature.weights import Weights, held_fixed
from netgrad.errors import NetgradError, ShapeError, unknown_name, warn
from netgrad.losses import BinaryCrossEntropy, SoftmaxCrossEntropy, SquaredError
from netgrad.uncertainty.evidence import maximised
from netgrad.uncertainty.groups import Groups, grouped

if TYPE_CHECKING:
    from netgrad.training.model import Model

FACTORS: dict[str, type[Factor]] = {
    "full": FullFactor,
    "last": FullFactor,
    "diagonal": DiagonalFactor,
    "kronecker": KroneckerFactor,
}


@dataclass(frozen=True, eq=False)
class Posterior:
    """N(mean, C C') over the weights of a model.

    structure: of the curvature. alpha: the prior's precision, by group of weights; beta: 1 over the variance of the
    noise, by output unit of a regression, else empty. gamma: by group, how many weights the data determine. examples:
    that it was made of. log_evidence: of model, alpha and beta. mean: (P,); factor: C.
    """

    structure: str
    alpha: dict[str, float]
    beta: tuple[float, ...]
    gamma: dict[str, float]
    examples: int
    log_evidence: float
    mean: np.ndarray
    factor: Factor

    def weights(self, model: Model) -> Weights:
        """Which weights of the model it is of; `NetgradError` where the model has been changed since."""
        weights = Weights.of(model.network, model.params, self.structure == "last")
        now = weights.vector(model.params)
        if now.shape != self.mean.shape or not np.allclose(now, self.mean, rtol=1e-6, atol=0):
            raise NetgradError("the model was trained or changed after its posterior was made: call ng.posterior again")
        return weights

    @property
    def deviations(self) -> np.ndarray:
        """The standard deviation of each weight, (P,)."""
        return np.sqrt(self.factor.variances())

    def __repr__(self) -> str:
        return (
            f"Posterior of {len(self.mean):,} weights ({self.structure}), of which {self.examples:,} examples "
            f"determine {sum(self.gamma.values()):.1f}; log evidence {self.log_evidence:.1f}"
        )


def posterior(
    model: Model,
    x: Any,
    y: Any,
    *,
    structure: str | None = None,
    alpha: float | Mapping[str, float] | None = None,
    beta: float | Sequence[float] | None = None,
    groups: str = "layer",
    method: str = "mackay",
    gamma_prior: tuple[float, float] = (1.0, 0.0),
    lengths: Any = None,
) -> Model:
    """The model with the Laplace posterior of its weights, made of the examples that it was trained on.

    Args:
        structure: "full" (every pair of weights), "kronecker" (dense layers, each apart), "diagonal" or "last" (the
            last layer in full, all before it held to be known); by default as `netgrad.curvature.gauss_newton`.
        alpha: the precision of the normal prior, one number or one for each group. By default the data choose it, see
            `netgrad.uncertainty.evidence`. Training with ``L2(strength)`` and the mean reduction over N examples is
            the prior alpha = N beta strength.
        beta: of a regression 1 over the variance of the noise on the scale that the network was trained on, one number
            or one for each output unit. By default the data choose it.
        groups: which weights share an alpha: "layer", "all", or "input" (all weights from one input of the first
            layer, the others by layer).
        method, gamma_prior: "mackay" or "em", and (a, b), see there.
        lengths: of sequences, where x are some.

    `Model.predict` and `Model.predict_proba` then give a ``spread``, `netgrad.uncertainty.predictive` covariances, and
    `netgrad.uncertainty.samples` networks. It is kept in the model file. The network is as in prediction: nothing is
    dropped and batch statistics are the running ones, which a warning says.

    Raises `NetgradError` for losses other than squared error and the cross-entropies on logits, for networks with
    several outputs or outputs along more axes, and what `netgrad.curvature.gauss_newton` refuses.

    >>> import netgrad as ng, numpy as np
    >>> x = np.linspace(-1, 1, 40)[:, None]
    >>> net = ng.Sequential([ng.Dense(5, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, x, np.sin(3 * x[:, 0]), optimizer="levenberg_marquardt", batch_size=None, epochs=30)
    >>> model = ng.posterior(model, x, np.sin(3 * x[:, 0]), beta=100.0)
    >>> value, spread = model.predict([[0.0], [5.0]], spread=True)
    >>> bool(spread[0] < spread[1])  # surer among the examples than far from them
    True
    """
    name, loss, _ = one_term(model)
    if told := held_fixed(model.network, model.state):
        warn(f"the posterior is of the weights alone, the network as in prediction: {told}")
    G = gauss_newton(model, x, y, structure, lengths)
    weights = G.weights
    batch = model.batch(x, y, lengths=lengths)
    out = np.asarray(model.run_batch(batch)[0][name], float)
    noisy = isinstance(loss, SquaredError)
    if noisy:
        errors = ((out - np.asarray(batch.y[name], float)) ** 2).sum(0)
    else:
        errors = np.array([float(np.sum(loss.value(out, batch.y[name])))])
        if beta is not None:
            raise NetgradError("beta is the noise of a regression, classes have none: leave it out")
    shared = grouped(groups, model.network, weights)
    w = weights.vector(model.params)
    found = maximised(
        G,
        w,
        shared,
        errors,
        noisy,
        alpha=None if alpha is None else _by_group(alpha, shared),
        beta=None if beta is None else _by_output(beta, G.kinds),
        method=method,
        prior=gamma_prior,
    )
    made = Posterior(
        G.name,
        {name: float(value) for name, value in zip(shared.names, found.alpha, strict=True)},
        tuple(float(value) for value in found.beta) if noisy else (),
        {name: float(value) for name, value in zip(shared.names, found.gamma, strict=True)},
        batch.size,
        found.log_evidence,
        w,
        found.factor,
    )
    return replace(model, posterior=made)


def samples(model: Model, count: int = 10, seed: int = 0) -> list[Model]:
    """Networks drawn from the model's posterior: what it might have been, too.

    >>> import netgrad as ng, numpy as np
    >>> x, y = np.eye(3), [0.1, 0.2, 0.3]
    >>> model = ng.posterior(ng.fit(ng.Sequential([ng.Dense(1)]), x, y), x, y, alpha=1.0, beta=10.0)
    >>> [drawn.predict(x).shape for drawn in ng.uncertainty.samples(model, 2)]
    [(3,), (3,)]
    """
    kept = of(model)
    if not isinstance(count, int) or count < 1:
        raise NetgradError(f"count must be a whole number of at least 1, found {count!r}")
    weights = kept.weights(model)
    z = np.random.default_rng(as_seed(seed)).standard_normal((count, len(kept.mean)))
    drawn = kept.mean + kept.factor.draw(z)
    return [
        replace(model, params=weights.tree(w, model.params), posterior=None, optimizer_state=None, tested=None)
        for w in drawn
    ]


def of(model: Model) -> Posterior:
    """The posterior that the model has, or `NetgradError`."""
    if model.posterior is None:
        raise NetgradError(
            "this model has no posterior, without which it has no spread: call ng.posterior(model, x, y)"
        )
    return model.posterior


def check_fits(made: Posterior, model: Model) -> None:
    """Refuse a posterior that a file holds beside a model that it is not of."""
    weights = made.weights(model)
    P = weights.count
    C = made.factor.arrays()
    sizes = {
        "full": lambda: C["C"].shape == (P, P),
        "last": lambda: C["C"].shape == (P, P),
        "diagonal": lambda: C["s"].shape == (P,),
        "kronecker": lambda: [
            (a.shape, b.shape, s.shape) for a, b, s in getattr(made.factor, "blocks", ())
        ] == [((d, d), (m, m), (d, m)) for d, m in STRUCTURES["kronecker"].empty(weights, 1).sides()],
    }  # fmt: skip
    if not sizes[made.structure]() or not all(np.isfinite(part).all() for part in C.values()):
        raise ShapeError("the posterior in the file is not of its weights")


def one_term(model: Model) -> Any:
    """Output, loss and weight of the one output that a posterior is of, or `NetgradError`."""
    terms = model.objective.terms
    if len(terms) != 1:
        raise NetgradError(f"a posterior is of a network with one output that is trained, found {len(terms)}")
    if not isinstance(terms[0][1], SquaredError | SoftmaxCrossEntropy | BinaryCrossEntropy):
        raise NetgradError(
            f"a posterior is of models trained by squared_error, softmax_cross_entropy or binary_cross_entropy, found "
            f"{terms[0][1].registered_name!r}"
        )
    shape = model.network.shapes(model.shapes)[dict(model.network.outputs)[terms[0][0]]]
    if len(shape) != 1:
        raise NetgradError(f"a posterior is of networks with outputs (N, units), found {('N', *shape)}")
    return terms[0]


def _by_group(alpha: Any, groups: Groups) -> np.ndarray:
    if isinstance(alpha, Mapping):
        for name in alpha:
            if name not in groups.names:
                raise unknown_name("group", name, groups.names)
        if missing := [name for name in groups.names if name not in alpha]:
            raise NetgradError(f"alpha lacks {missing[0]!r}: give one for each of {', '.join(groups.names)}")
        values = np.array([alpha[name] for name in groups.names], float)
    else:
        values = np.full(len(groups.names), alpha, float)
    return _not_negative("alpha", values)


def _by_output(beta: Any, kinds: int) -> np.ndarray:
    values = np.asarray(beta, float)
    if values.ndim == 0:
        values = np.full(kinds, float(values))
    if values.shape != (kinds,):
        raise NetgradError(f"beta has {values.size} numbers: give one, or one for each of {kinds} output units")
    if not (values > 0).all():
        raise NetgradError(f"beta must be positive, found {values.min():g}")
    return _not_negative("beta", values)


def _not_negative(name: str, values: np.ndarray) -> np.ndarray:
    if not all(0 <= value < math.inf for value in values):
        raise NetgradError(f"{name} must be numbers of at least 0, found {values.min():g}")
    return values
