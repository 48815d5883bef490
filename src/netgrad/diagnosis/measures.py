"""What else can be measured of a network on examples: ranks, noise, sharpness, and whether it learns a few by heart.

None of these is a finding: what is large or small depends on the network. Sources: Roy & Vetterli, "The effective rank"
(2007); McCandlish et al., "An empirical model of large-batch training" (2018) for the noise scale; Cohen et al.,
"Gradient descent on neural networks typically occurs at the edge of stability" (2021) for sharpness beside 2 / rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.network import Network
from netgrad.notebook import table
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, gradients
from netgrad.trees import completed, dot, trained

if TYPE_CHECKING:
    from netgrad.diagnosis.evidence import Evidence

BATCHES = 8  # into which the examples are divided, to tell a gradient from its noise
ROUNDS = 24  # of the power method, for the largest curvatures
DIRECTIONS = 4  # of largest curvature that are looked for, at most
DOWNWARDS = 0.01  # of the largest curvature: what is below minus this is a way down
HEADER = ("layer", "units", "effective rank", "signal to noise", "moved")  # over the cells of a layer's measures


@dataclass(frozen=True)
class LayerMeasures:
    """Of one layer with weights. units; rank: the effective rank of its activations, how many directions they fill;
    signal: the norm of its gradient over that of the noise in one example's; moved: by how much training changed its
    weights, by their size. NaN where it is not known."""

    units: int
    rank: float
    signal: float
    moved: float


@dataclass(frozen=True)
class Measures:
    """What `measure` found.

    layers: by name. noise_scale: the number of examples a step at which the gradient and its noise are of one size:
    batches far smaller follow noise, far larger ones waste work; infinite where the gradient is lost in it.
    curvatures: the largest of the mean loss by size, each along a direction of its own, negative where the loss falls
    to both sides; sharpness: the first of them by size; limit: 2 / learning rate of gradient descent, above which steps
    diverge, NaN for other optimisers. by_heart: the loss after 300 updates on at most 32 of the examples alone, with
    the best of seven rates, over that of a constant answer: next to 0 where layers, loss and targets are wired rightly.
    """

    layers: Mapping[str, LayerMeasures]
    noise_scale: float
    sharpness: float
    limit: float
    by_heart: float
    curvatures: tuple[float, ...] = ()

    @property
    def rows(self) -> list[list[str]]:
        """A row for each layer, under `HEADER`; empty cells for what is not known."""
        numbers = {name: (one.rank, one.signal, one.moved) for name, one in self.layers.items()}
        return [
            [name, str(self.layers[name].units), *("" if np.isnan(v) else f"{v:.3g}" for v in values)]
            for name, values in numbers.items()
        ]

    @property
    def lines(self) -> tuple[str, ...]:
        """What holds of the whole network, in sentences; what is not known is left out."""
        noise = (
            f"the gradient and its noise are of one size in batches of {self.noise_scale:.3g} examples: that is the "
        )
        noise += "size to begin with"
        beside = "" if np.isnan(self.limit) else f", where 2 / learning rate is {self.limit:.3g}"
        sharp = f"the largest curvature of the loss is {self.sharpness:.3g}{beside}"
        if len(self.curvatures) > 1:
            sharp += f", in other directions {', '.join(f'{c:.3g}' for c in self.curvatures[1:])}"
        if down := sum(c < -DOWNWARDS * max(map(abs, self.curvatures)) for c in self.curvatures):
            sharp += f"; in {down} of these {len(self.curvatures)} the loss falls to both sides, as on a saddle"
        learns = "so it can learn" if self.by_heart < 0.1 else "so something is wired wrongly, or it is far too small"
        heart = f"a few examples are learned by heart to {self.by_heart:.2g} of the loss of a constant answer: {learns}"
        if self.noise_scale == float("inf"):
            noise = "the gradient is not told from its noise on so few examples"
        told = ((self.noise_scale, noise), (self.sharpness, sharp), (self.by_heart, heart))
        return tuple(line for value, line in told if not np.isnan(value))

    def __repr__(self) -> str:
        of_layers = [
            f"{name}: {one.units} units"
            + "".join(f", {what} {cell}" for what, cell in zip(HEADER[2:], cells[2:], strict=True) if cell)
            for (name, one), cells in zip(self.layers.items(), self.rows, strict=True)
        ]
        return "\n".join([*of_layers, *self.lines])

    def _repr_html_(self) -> str:
        return table(HEADER, self.rows) + "".join(f"<p>{line}</p>" for line in self.lines)


def measured(e: Evidence) -> Measures:
    """Ranks, noise, sharpness and a test of the wiring, on at most 256 examples; the gradient's noise is not known with
    fewer than 16."""
    model, parts = e.model, BATCHES if e.probe.size >= 2 * BATCHES else 1
    usable = e.probe.size // parts * parts
    few: Batch = jax.tree.map(lambda value: value[:usable], e.probe)
    objective = replace(model.objective, penalties=(), reduction="mean")
    mean, square, curvatures = jax.tree.map(
        np.asarray, _compiled(model.network, objective, parts)(model.params, model.state, few)
    )
    apart = parts / usable - 1 / usable if parts > 1 else float("nan")
    noise = {name: max(float(square[name] - mean[name]), 0.0) / apart for name in mean}
    signal = {name: max(float(mean[name]) - noise[name] / usable, 0.0) for name in mean}
    layers = {}
    for node in e.weighted:
        a = e.activations.get(node.name)
        rows = np.zeros((0, 0)) if a is None else a.reshape(-1, a.shape[-1])
        ratio = float(np.sqrt(signal[node.params] / noise[node.params])) if noise.get(node.params) else float("nan")
        layers[node.name] = LayerMeasures(
            rows.shape[-1], effective_rank(rows), ratio, e.moved.get(node.name, float("nan"))
        )
    total = sum(signal.values())
    scale = sum(noise.values()) / total if total else float("inf")
    chance = e.chance if model.objective.reduction == "mean" else e.chance / e.scored.size
    found = sorted(map(float, curvatures), key=abs, reverse=True)
    return Measures(layers, scale, found[0], _limit(e), e.by_heart / max(chance, 1e-30), tuple(found))


def effective_rank(rows: np.ndarray) -> float:
    """How many directions these rows (P, units) fill about their mean: the exponential of the entropy of their singular
    values' shares; NaN where they are all alike.

    >>> effective_rank(np.random.default_rng(0).normal(size=(1000, 1)) @ np.ones((1, 5))).__round__(3)
    1.0
    """
    if not rows.size or not np.isfinite(rows).all():
        return float("nan")
    sizes = np.linalg.svd(rows - rows.mean(0), compute_uv=False)
    if not sizes.sum() > 0:
        return float("nan")
    shares = sizes / sizes.sum()
    return float(np.exp(-(shares * np.log(np.maximum(shares, 1e-30))).sum()))


def _limit(e: Evidence) -> float:
    rate = e.settings.get("learning_rate")
    if e.settings.get("optimizer") != "sgd" or not isinstance(rate, int | float) or not rate:
        return float("nan")
    # Where examples are summed up instead of averaged, a step is as many times as large.
    summed = 1 if e.model.objective.reduction == "mean" else e.settings.get("batch_size") or e.batch.size
    return 2 / (rate * summed)


@lru_cache(maxsize=32)
def _compiled(network: Network, objective: Objective, count: int) -> Any:
    """(params, state, batch) -> of each layer the squared norm of the whole gradient, the mean of those of so many
    parts, and the largest eigenvalues of the Hessian by size, by subspace iteration."""

    def run(params: dict, state: dict, batch: Batch) -> tuple[Any, Any, Any]:
        own = trained(params, network.untrained)
        flat, back = jax.flatten_util.ravel_pytree(own)

        def slope(at: dict, part: Batch) -> Any:
            return trained(
                gradients(network, objective, at, state, part, None, training=False).params, network.untrained
            )

        def norms(tree: dict) -> dict:
            return {name: dot(of, of) for name, of in tree.items()}

        parts = jax.tree.map(lambda value: value.reshape(count, -1, *value.shape[1:]), batch)
        each = jax.lax.map(lambda part: norms(slope(params, part)), parts)

        def at(moved: jax.Array) -> jax.Array:
            return jax.flatten_util.ravel_pytree(slope(completed(params, back(moved)), batch))[0]

        def bent(V: jax.Array) -> jax.Array:
            """The Hessian times each row of V (directions, P)."""
            return jax.lax.map(lambda v: jax.jvp(at, (flat,), (v,))[1], V)

        def turned(V: jax.Array, _: Any) -> tuple[jax.Array, None]:
            return jnp.linalg.qr(bent(V).T)[0].T, None

        first = jax.random.normal(jax.random.key(0), (min(DIRECTIONS, flat.size), flat.size), flat.dtype)
        V, _ = jax.lax.scan(turned, jnp.linalg.qr(first.T)[0].T, length=ROUNDS)
        H = V @ bent(V).T
        return norms(slope(params, batch)), jax.tree.map(jnp.mean, each), jnp.linalg.eigvalsh((H + H.T) / 2)

    return Program(run)
