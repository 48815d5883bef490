"""Automatic relevance determination: which inputs a network needs, by one prior for the weights from each input.

Weights and priors in turn: some Gauss-Newton steps to where J(w) is least, then alpha and beta by the evidence
(`netgrad.uncertainty.evidence`; Pattipati, "Automatic Relevance Determination"; MacKay 1994, Neal 1996). Of an input
that tells nothing alpha grows and its weights go to 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from netgrad.curvature.jacobian import blocks
from netgrad.curvature.structures import Full, check_memory, kinds_of
from netgrad.curvature.weights import Weights
from netgrad.losses import SquaredError
from netgrad.training.batch import Batch
from netgrad.uncertainty.evidence import maximised
from netgrad.uncertainty.groups import grouped
from netgrad.uncertainty.posterior import one_term

if TYPE_CHECKING:
    from netgrad.training.model import Model

STEPS, HALVINGS = 2, 12


@dataclass(frozen=True, eq=False)
class Relevance:
    """names: of the inputs, the most relevant first. effects: how far the outputs move, root mean square, when what an
    input says is dealt out anew among the examples, under the weights that belong to these priors. alpha: of the
    weights from each. log_evidence; model: with these weights.

    Ranked is by the effects: networks have many weights for one function, of which small ones in the first layer, with
    large ones behind them, have a large alpha, and those that cancel each other a small one.
    """

    names: tuple[str, ...]
    effects: tuple[float, ...]
    alpha: tuple[float, ...]
    log_evidence: float
    model: Model

    @property
    def shares(self) -> tuple[float, ...]:
        """The effects as shares of their sum."""
        total = sum(self.effects) or 1.0
        return tuple(effect / total for effect in self.effects)

    def figure(self, most: int = 30) -> Any:
        """The first inputs as bars (matplotlib)."""
        from matplotlib.figure import Figure

        names, shares = self.names[:most][::-1], self.shares[:most][::-1]
        figure = Figure(figsize=(6, 0.8 + 0.25 * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.barh(names, shares, color="0.4")
        axes.set(xlabel="share of the relevance", title="Which inputs matter")
        return figure

    def __str__(self) -> str:
        wide = max(len(name) for name in self.names)
        return "\n".join(f"{name:{wide}}  {share:6.1%}" for name, share in zip(self.names, self.shares, strict=True))


def relevance(
    model: Model,
    x: Any,
    y: Any,
    *,
    names: Sequence[str] | None = None,
    rounds: int = 40,
    method: str = "mackay",
    tolerance: float = 0.01,
) -> Relevance:
    """Rank the inputs of a trained model by how much they matter to it.

    names: of the features of x, (features,); equal ones are one input, as the categories of a column are. By default
    the columns of the model's table, or x0, x1, ... Features should have one scale (standardised). rounds: the most of
    priors and weights in turn, which end when no size changes by more than ``tolerance`` of the largest; method: see
    `netgrad.posterior`.

    Raises `NetgradError` for networks that do not begin with one dense layer, and what `netgrad.posterior` refuses; the
    curvature is held in full, so the network is to be small: some thousand weights.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = ng.fit(ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)]), x, np.sin(2 * x[:, 1]), epochs=30)
    >>> ng.relevance(model, x, np.sin(2 * x[:, 1])).names[0]
    'x1'
    """
    _, loss, _ = one_term(model)
    weights = Weights.of(model.network, model.params)
    if names is None and model.encoder is not None:
        names = [column.name for column in model.encoder.columns for _ in column.feature_names]
    groups = grouped("input", model.network, weights, names or ())
    noisy = isinstance(loss, SquaredError)
    batch = model.batch(x, y)
    problem = _Problem(model, batch, weights, noisy)
    check_memory("full", weights.count, problem.kinds)
    w, now = weights.vector(model.params), None
    found = None
    for _ in range(max(rounds, 1)):
        for _ in range(STEPS if found is not None else 0):
            assert now is not None
            w = problem.stepped(w, now[1], groups.spread(now[0]))
        G, _, errors = problem.at(w)
        found = maximised(G, w, groups, errors, noisy, method=method, rounds=1, start=now)
        # Of an input that tells nothing alpha grows for ever, and the size 1 / sqrt(alpha) stands still.
        moved = np.inf if now is None else np.abs(found.alpha**-0.5 - now[0] ** -0.5).max() / found.alpha.min() ** -0.5
        now = found.alpha, found.beta
        if moved < tolerance:
            break
    assert found is not None
    after = replace(model, params=weights.tree(w, model.params), posterior=None, optimizer_state=None, tested=None)
    inputs = [name.removeprefix("input ") for name in groups.names if name.startswith("input ")]
    features = list(names or inputs)
    effects = {name: _effect(after, batch, [i for i, own in enumerate(features) if own == name]) for name in inputs}
    order = sorted(inputs, key=lambda name: -effects[name])
    alpha = dict(zip(groups.names, found.alpha, strict=True))
    return Relevance(
        tuple(order),
        tuple(effects[name] for name in order),
        tuple(float(alpha[f"input {name}"]) for name in order),
        found.log_evidence,
        after,
    )


def _effect(model: Model, batch: Batch, features: list[int]) -> float:
    """How far the outputs move when these features are dealt out anew."""
    ((name, x),) = batch.x.items()
    dealt = np.array(x)
    dealt[:, features] = dealt[np.random.default_rng(0).permutation(len(dealt))][:, features]
    ((one, _, _),) = model.objective.terms
    before, after = (model.run_batch(batch._replace(x={name: own}))[0][one] for own in (x, dealt))
    return float(np.sqrt(np.mean((after - before) ** 2)))


class _Problem:
    """J(w) and what steps ask of it, in double precision outside the network."""

    def __init__(self, model: Model, batch: Batch, weights: Weights, noisy: bool):
        ((self.name, self.loss, _),) = model.objective.terms
        self.model, self.batch, self.weights, self.noisy = model, batch, weights, noisy
        self.y = np.asarray(batch.y[self.name])
        self.kinds = self.y.shape[-1] if noisy else 1

    def _with(self, w: np.ndarray) -> Model:
        return replace(self.model, params=self.weights.tree(w, self.model.params))

    def at(self, w: np.ndarray) -> tuple[Full, np.ndarray, np.ndarray]:
        """The matrix, the gradient of each kind (kinds, P), and the errors (kinds,)."""
        G = Full.empty(self.weights, self.kinds)
        slopes, errors, start = np.zeros((self.kinds, self.weights.count)), np.zeros(self.kinds), 0
        for out, J in blocks(self._with(w), self.batch, self.weights, (self.name,)):
            a, J = jnp.asarray(out[self.name]), np.asarray(J, float)
            t = jnp.asarray(self.y[start : start + len(a)])
            start += len(a)
            delta = np.asarray(self.loss.delta(a, t), float)
            root = np.asarray(self.loss.curvature_root(a, t), float)
            G.add(J if self.noisy else np.swapaxes(root, -1, -2) @ J, self.kinds)
            each = kinds_of((delta[..., None] * J), self.kinds)
            slopes += each.sum(1)
            errors += self._errors(a, t)
        G.examples = self.batch.size
        return G, slopes, errors

    def _errors(self, a: Any, t: Any) -> np.ndarray:
        if self.noisy:
            return ((np.asarray(a, float) - np.asarray(t, float)) ** 2).sum(0)
        return np.array([float(self.loss.value(jnp.asarray(a), jnp.asarray(t)).sum())])

    def value(self, w: np.ndarray, beta: np.ndarray, alpha: np.ndarray) -> float:
        """J(w)."""
        errors = self._errors(self._with(w).run_batch(self.batch)[0][self.name], self.y)
        return float((0.5 if self.noisy else 1.0) * beta @ errors + 0.5 * alpha @ (w * w))

    def stepped(self, w: np.ndarray, beta: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """One Gauss-Newton step, halved until J falls."""
        G, slopes, _ = self.at(w)
        factor = G.factor(beta, alpha)
        step = factor.draw(factor.spread(beta @ slopes + alpha * w))
        before, share = self.value(w, beta, alpha), 1.0
        for _ in range(HALVINGS):
            if self.value(w - share * step, beta, alpha) <= before:
                return w - share * step
            share /= 2
        return w
