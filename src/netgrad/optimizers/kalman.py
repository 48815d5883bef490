"""MEKA, the multiple extended Kalman filter: each unit estimates its own weights, and knows how sure it is of them.

Named by Pattipati, "Backprop Practicalities"; Shah & Palmieri (1990), "MEKA - a fast, local algorithm for training
feedforward neural networks". Squared error only. It is incremental Gauss-Newton (Pattipati, "Function
Approximation/Classification"; Bertsekas 1996), unit by unit: one step of it for each batch, by the matrix J' V J that
all batches before have left, of which P is the inverse.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from netgrad.errors import NetgradError
from netgrad.optimizers.second_order import Linearised, check_size


class MekaState(NamedTuple):
    """By group of units, the covariance of each unit's weights: (units, n, n), n weights to a unit."""

    covariance: dict[str, jax.Array]


def meka(uncertainty: float = 10.0, noise: float = 0.1, drift: float = 1e-4) -> optax.GradientTransformationExtraArgs:
    """A Kalman filter for each unit, over the weights that lead to it; what different units know is held independent.

    The outputs of a batch, linearised, are one measurement z = a + H'(w - w_before) of variance ``noise`` each:

        S = noise I + sum over units of H' P H,   w += P H S^-1 (t - a),   P -= P H S^-1 H' P,   then P += drift I

    Weights start with variance ``uncertainty``; ``drift`` lets the filter go on learning. All units share S, for
    without it each would correct the whole error alone (Puskorius & Feldkamp 1991). A batch of one is the original
    recursion; M outputs in a batch ask for an M x M matrix. There is no place in it for penalties.
    """

    def init(params: Any) -> MekaState:
        covariance = {}
        for name, leaves in by_units(params).items():
            units, n = _units(leaves[0]), sum(leaf.size // _units(leaf) for leaf in leaves)
            check_size("meka", units * n, n, leaves[0].dtype.itemsize, "covariances of the weights")
            covariance[name] = jnp.broadcast_to(uncertainty * jnp.eye(n, dtype=leaves[0].dtype), (units, n, n))
        return MekaState(covariance)

    def update(
        updates: Any, state: MekaState, params: Any = None, *, linearise: Any, **_: Any
    ) -> tuple[Any, MekaState]:
        here: Linearised = linearise()
        if not here.squared:
            raise NetgradError("meka needs squared error: give loss='squared_error' or another optimizer")
        if here.penalised:
            raise NetgradError("meka has no place for penalties: leave penalty out, its prior is the starting weights")
        m = len(here.residuals)
        check_size("meka", m, m, here.residuals.dtype.itemsize, "outputs of a batch squared")
        # An example of weight 2 is measured with half the noise, one of weight 0 not at all.
        scale = jnp.sqrt(here.weights * m / here.weights.sum())
        H = {
            name: jnp.concatenate([leaf.reshape(m, -1, leaf.shape[-1]) for leaf in leaves], axis=1)
            * scale[:, None, None]
            for name, leaves in by_units(jax.tree.map(_with_axis, here.jacobian)).items()
        }
        HP = {name: jnp.einsum("mnu,unk->muk", H[name], P) for name, P in state.covariance.items()}
        spread = sum(jnp.einsum("muk,lku->ml", HP[name], H[name]) for name in H)
        root = jnp.linalg.cholesky(noise * jnp.eye(m, dtype=scale.dtype) + spread)
        # One solve for all right-hand sides: root^-1 of the error and of each group's H' P.
        sides = [(scale * here.residuals)[:, None], *(HP[name].reshape(m, -1) for name in state.covariance)]
        solved = jax.scipy.linalg.solve_triangular(root, jnp.concatenate(sides, axis=1), lower=True)
        error, *parts = jnp.split(solved, list(accumulate(side.shape[1] for side in sides))[:-1], axis=1)
        error = error[:, 0]
        moved, covariance = {}, {}
        for (name, P), part in zip(state.covariance.items(), parts, strict=True):
            part = part.reshape(HP[name].shape)
            moved[name] = -jnp.einsum("muk,m->ku", part, error)
            # A square is taken off, so that P stays symmetric whatever the rounding.
            covariance[name] = P - jnp.einsum("muk,mul->ukl", part, part) + drift * jnp.eye(P.shape[-1], dtype=P.dtype)
        return _spread_out(moved, updates), MekaState(covariance)

    return optax.GradientTransformationExtraArgs(init, update)


def by_units(tree: Any) -> dict[str, list[jax.Array]]:
    """The leaves that describe the same units together: those of one layer whose last axis is equally long."""
    groups: dict[str, list[jax.Array]] = {}
    for name, leaf in _named(tree):
        groups.setdefault(name, []).append(leaf)
    return groups


def _named(tree: Any) -> list[tuple[str, jax.Array]]:
    return [
        (f"{jax.tree_util.keystr(path[:1])}:{_units(leaf)}", leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]


def _units(leaf: jax.Array) -> int:
    return leaf.shape[-1] if leaf.ndim else 1


def _with_axis(jacobian: jax.Array) -> jax.Array:
    return jacobian if jacobian.ndim > 1 else jacobian[:, None]  # of a single number


def _spread_out(moved: dict[str, jax.Array], like: Any) -> Any:
    """The rows (n, units) of each group back in the shapes of the leaves that they came from."""
    at = dict.fromkeys(moved, 0)
    leaves = []
    for name, leaf in _named(like):
        rows = leaf.size // _units(leaf)
        leaves.append(moved[name][at[name] : at[name] + rows].reshape(leaf.shape))
        at[name] += rows
    return jax.tree.unflatten(jax.tree.structure(like), leaves)
