"""What else can be measured of a network on examples: ranks, noise, sharpness, and whether it learns a few by heart.

None of these is a finding: what is large or small depends on the network. Sources: Roy & Vetterli, "The effective rank"
(2007); McCandlish et al., "An empirical model of large-batch training" (2018) for the noise scale; Cohen et al.,
"Gradient descent on neural networks typically occurs at the edge of stability" (2021) for sharpness beside 2 / rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program
from netgrad.diagnosis.evidence import Evidence
from netgrad.errors import DataError
from netgrad.network import Network
from netgrad.notebook import table
from netgrad.training.batch import Batch
from netgrad.training.model import Model
from netgrad.training.objective import Objective, gradients
from netgrad.trees import completed, trained

BATCHES = 8  # into which the examples are divided, to tell a gradient from its noise
ROUNDS = 24  # of the power method, for the largest curvature


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
    batches far smaller follow noise, far larger ones waste work. sharpness: the largest curvature of the mean loss;
    limit: 2 / learning rate of gradient descent, above which steps diverge, NaN for other optimisers. by_heart: the
    loss after 300 updates on at most 32 of the examples alone, with the best of seven rates, over that of a constant
    answer: next to 0 where layers, loss and targets are wired rightly.
    """

    layers: Mapping[str, LayerMeasures]
    noise_scale: float
    sharpness: float
    limit: float
    by_heart: float

    @property
    def lines(self) -> tuple[str, ...]:
        """What holds of the whole network, in sentences."""
        beside = "" if np.isnan(self.limit) else f", where 2 / learning rate is {self.limit:.3g}"
        learns = "so it can learn" if self.by_heart < 0.1 else "so something is wired wrongly, or it is far too small"
        return (
            f"gradient and noise are of one size with {self.noise_scale:.3g} examples a step",
            f"the largest curvature of the loss is {self.sharpness:.3g}{beside}",
            f"a few examples are learned by heart to {self.by_heart:.2g} of the loss of a constant answer: {learns}",
        )

    def __repr__(self) -> str:
        cells = [
            f"{name}: {one.units} units, effective rank {one.rank:.3g}, signal to noise {one.signal:.2g}, moved "
            f"{one.moved:.2g}"
            for name, one in self.layers.items()
        ]
        return "\n".join([*cells, *self.lines])

    def _repr_html_(self) -> str:
        header = ("layer", "units", "effective rank", "signal to noise", "moved")
        rows = [
            (name, str(one.units), *(f"{value:.3g}" for value in (one.rank, one.signal, one.moved)))
            for name, one in self.layers.items()
        ]
        return table(header, rows) + "".join(f"<p>{line}</p>" for line in self.lines)


def measure(model: Model, x: Any, y: Any = None, *, lengths: Any = None) -> Measures:
    """Ranks, noise, sharpness and a test of the wiring, on at most 256 of these examples; at least 16 are needed.

    >>> import netgrad as ng, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> net = ng.Sequential([ng.Dense(8, activation="tanh"), ng.Dense(1)])
    >>> model = ng.fit(net, x, x.sum(1), optimizer="sgd", learning_rate=0.1, epochs=5)
    >>> found = ng.diagnosis.measure(model, x, x.sum(1))
    >>> bool(1 < found.layers["dense_1"].rank <= 8), found.limit, bool(found.by_heart < 0.1)
    (True, 20.0, True)
    """
    e = Evidence(model, model.batch(x, y, None, lengths))
    if e.batch.size < 2 * BATCHES:
        raise DataError(f"measuring takes at least {2 * BATCHES} examples, found {e.batch.size}")
    usable = e.probe.size // BATCHES * BATCHES
    few: Batch = jax.tree.map(lambda value: value[:usable], e.probe)
    objective = replace(model.objective, penalties=(), reduction="mean")
    mean, square, sharpness = jax.tree.map(
        np.asarray, _compiled(model.network, objective)(model.params, model.state, few)
    )
    size = usable // BATCHES
    noise = {name: max(square[name] - mean[name], 0.0) / (1 / size - 1 / usable) for name in mean}
    signal = {name: max(mean[name] - noise[name] / usable, 1e-30) for name in mean}
    layers = {}
    for node in e.weighted:
        a = e.activations.get(node.name)
        rows = np.zeros((0, 0)) if a is None else a.reshape(-1, a.shape[-1])
        ratio = float(np.sqrt(signal[node.params] / noise[node.params])) if noise.get(node.params) else float("nan")
        layers[node.name] = LayerMeasures(
            rows.shape[-1], effective_rank(rows), ratio, e.moved.get(node.name, float("nan"))
        )
    scale, by_heart = float(sum(noise.values()) / sum(signal.values())), e.by_heart / max(e.chance, 1e-30)
    return Measures(layers, scale, float(sharpness), _limit(e.settings), by_heart)


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


def _limit(settings: Mapping[str, Any]) -> float:
    rate = settings.get("learning_rate")
    return 2 / rate if settings.get("optimizer") == "sgd" and isinstance(rate, int | float) and rate else float("nan")


@lru_cache(maxsize=32)
def _compiled(network: Network, objective: Objective) -> Any:
    """(params, state, batch) -> of each layer the squared norm of the whole gradient, the mean of those of parts, and
    the largest eigenvalue of the Hessian by size."""

    def run(params: dict, state: dict, batch: Batch) -> tuple[Any, Any, Any]:
        own = trained(params, network.untrained)
        flat, back = jax.flatten_util.ravel_pytree(own)

        def slope(at: dict, part: Batch) -> Any:
            return trained(
                gradients(network, objective, at, state, part, None, training=False).params, network.untrained
            )

        def norms(tree: dict) -> dict:
            return {name: sum((leaf**2).sum() for leaf in jax.tree.leaves(of)) for name, of in tree.items()}

        parts = jax.tree.map(lambda value: value.reshape(BATCHES, -1, *value.shape[1:]), batch)
        each = jax.lax.map(lambda part: norms(slope(params, part)), parts)

        def turned(v: jax.Array, _: Any) -> tuple[jax.Array, jax.Array]:
            def at(moved: jax.Array) -> jax.Array:
                return jax.flatten_util.ravel_pytree(slope(completed(params, back(moved)), batch))[0]

            Hv = jax.jvp(at, (flat,), (v,))[1]
            return Hv / jnp.maximum(jnp.linalg.norm(Hv), 1e-30), v @ Hv

        first = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
        _, curvatures = jax.lax.scan(turned, first / jnp.linalg.norm(first), length=ROUNDS)
        return norms(slope(params, batch)), jax.tree.map(jnp.mean, each), curvatures[-1]

    return Program(run)
