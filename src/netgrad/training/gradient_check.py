"""Are the gradients right? The network's backward rules against automatic differentiation and finite differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.compiling import Program, as_seed
from netgrad.network import Network, Stack, forward
from netgrad.training.objective import gradients
from netgrad.training.prepare import check_inputs, in_shapes, make_batch, make_objective
from netgrad.trees import trained
from netgrad.types import Params


@dataclass(frozen=True)
class ParameterCheck:
    """Largest disagreement of one parameter's gradient, relative to that gradient's largest element."""

    parameter: str
    size: int
    against_autodiff: float
    against_differences: float


@dataclass(frozen=True)
class GradientReport:
    """One row a parameter; ``ok`` where every disagreement is below ``tolerance``."""

    rows: tuple[ParameterCheck, ...]
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether all rules hold."""
        return all(max(r.against_autodiff, r.against_differences) < self.tolerance for r in self.rows)

    @property
    def worst(self) -> ParameterCheck:
        """The parameter that disagrees most."""
        return max(self.rows, key=lambda r: max(r.against_autodiff, r.against_differences))

    def __repr__(self) -> str:
        head = f"{'parameter':<28}{'size':>8}{'jax.grad':>12}{'differences':>13}"
        rows = [
            f"{r.parameter:<28}{r.size:>8}{r.against_autodiff:>12.1e}{r.against_differences:>13.1e}" for r in self.rows
        ]
        verdict = "all gradients agree" if self.ok else f"{self.worst.parameter} is wrong"
        return "\n".join([head, *rows, verdict])


def check_gradients(
    network: Network,
    x: Any,
    y: Any,
    *,
    loss: Any = None,
    lengths: Any = None,
    params: Params | None = None,
    tolerance: float = 1e-5,
    probes: int = 5,
    seed: int = 0,
) -> GradientReport:
    """Hold every hand-written backward rule of a network against `jax.grad` and central differences, in float64.

    Args:
        x, y, loss, lengths: as for `netgrad.fit`; a few examples are enough.
        params: where to check; freshly drawn ones by default.
        tolerance: largest disagreement, relative to the largest element of that parameter's gradient.
        probes: random elements of each parameter that are checked by differences; all are checked by `jax.grad`.

    An element whose two differences (with steps h and h/2) disagree stands on a kink, such as ReLU at 0, and is left
    out.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)])
    >>> ng.check_gradients(net, np.eye(4), [0, 1, 1, 0], loss="softmax_cross_entropy").ok
    True
    """
    with jax.enable_x64(True):
        inputs, _ = check_inputs(network, x, lengths)
        shapes = network.shapes(in_shapes(inputs))
        objective = make_objective(network, shapes, y, loss, None, None, "mean")
        batch = jax.tree.map(jnp.asarray, make_batch(network, objective, x, y, None, lengths))
        fresh, state = network.init(seed, in_shapes(inputs))
        at = jax.tree.map(lambda p: jnp.asarray(p, jnp.float64), fresh if params is None else params)
        key = jax.random.key(as_seed(seed))

        @Program
        def value(p: Params) -> jax.Array:
            run = forward(network, p, state, batch.x, training=True, key=key, lengths=batch.lengths)
            error: jax.Array = objective.errors(run.outputs, batch, run.lengths)[0]
            return error

        ours = Program(lambda p: gradients(network, objective, p, state, batch, key).params)(at)
        theirs = Program(jax.grad(value))(at)
        rows = []
        rng, layers = np.random.default_rng(seed), {node.params: node.layer for node in network.nodes}
        leaves = jax.tree_util.tree_leaves_with_path(ours)
        moving = {path for path, _ in jax.tree_util.tree_leaves_with_path(trained(ours, network.untrained))}
        for i, ((path, mine), other) in enumerate(zip(leaves, jax.tree.leaves(theirs), strict=True)):
            if path not in moving:  # its gradient is 0 because it is frozen, whatever differences say
                continue
            scale = max(float(jnp.abs(other).max()), float(jnp.abs(mine).max()), 1e-12)
            copies = mine.shape[0] if isinstance(layers.get(path[0].key), Stack) else 1
            autodiff, worst = _disagreement(mine, other, copies)
            differences = _differences(value, at, i, np.asarray(mine), scale, min(probes, mine.size), rng)
            copy = f"[{worst}]" if copies > 1 and not autodiff < tolerance else ""
            rows.append(ParameterCheck(f"{_name(path)}{copy}", mine.size, autodiff, differences))
    return GradientReport(tuple(rows), tolerance)


def _disagreement(mine: jax.Array, other: jax.Array, copies: int) -> tuple[float, int]:
    """The largest difference over the largest element, of the worst copy in a stack, and which that is."""
    ours, theirs = (np.asarray(value).reshape(copies, -1) for value in (mine, other))
    size = np.maximum(np.abs(ours).max(1), np.abs(theirs).max(1))
    apart = np.abs(ours - theirs).max(1) / np.maximum(size, 1e-12)
    return float(apart.max()), int(apart.argmax())


def _differences(value: Any, at: Params, i: int, mine: np.ndarray, scale: float, probes: int, rng: Any) -> float:
    leaves, structure = jax.tree.flatten(at)
    worst = 0.0
    for flat in rng.choice(mine.size, probes, replace=False):
        where = np.unravel_index(flat, mine.shape)

        def central(h: float, where: Any = where) -> float:
            def moved(by: float) -> float:
                changed = [*leaves[:i], leaves[i].at[where].add(by), *leaves[i + 1 :]]
                return float(value(jax.tree.unflatten(structure, changed)))

            return (moved(h) - moved(-h)) / (2 * h)

        coarse, fine = central(1e-5), central(5e-6)
        if abs(coarse - fine) < 1e-5 * scale:
            worst = max(worst, abs(fine - float(mine[where])) / scale)
    return worst


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
