"""Newton, Gauss-Newton and Levenberg-Marquardt: steps by the loss's curvature.

The second derivative of E = sum v E_n is J' S V S' J + (terms with dE/da), where J is the Jacobian of the outputs and
S S' the curvature of the loss itself (`Loss.curvature_root`; squared error has S = I): the first part is never negative
and is all there is where the errors are small. Gauss-Newton and Levenberg-Marquardt go by the first part; Newton has
all of it. Of a training step the first two ask for ``linearise`` beside ``value`` and ``value_fn``, and Newton for
``curve``; with P parameters and M rows they hold a P x P and an M x P matrix, so they are for small networks and large
batches. Gauss-Newton one example after the other, each with the matrix that those before have left, is `meka`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from netgrad.errors import NetgradError

LARGEST = 2**32  # bytes of the largest matrix that these methods start on


class Linearised(NamedTuple):
    """The outputs of a batch and how they depend on the parameters.

    residuals: (M,), dE/d(output) of each example and output unit, a - t; weights: (M,), what each counts; jacobian:
    S' J, for each parameter (M, *its shape); penalised: whether there are penalties; squared: whether all
    losses are squared error, of which S = I and E = 1/2 sum of weights * residuals^2 + penalties.
    """

    residuals: jax.Array
    weights: jax.Array
    jacobian: Any
    penalised: bool = False
    squared: bool = True


def normal_matrix(here: Linearised) -> jax.Array:
    """J' S V S' J, (P, P), with the parameters in the order of `ravel_pytree`."""
    leaves = jax.tree.leaves(here.jacobian)
    J = jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)
    J = J * jnp.sqrt(here.weights)[:, None]
    return J.T @ J


def check_size(method: str, rows: int, columns: int, itemsize: int, what: str) -> None:
    """Refuse, in one line, a matrix that would not fit."""
    if rows * columns * itemsize > LARGEST:
        raise NetgradError(
            f"{method} would hold a {rows} x {columns} matrix ({what}, {rows * columns * itemsize / 2**30:.0f} GiB): "
            "use 'scaled_conjugate_gradient' or 'lbfgs', which hold none"
        )


def _solve(matrix: jax.Array, damping: jax.Array, g: jax.Array) -> jax.Array:
    damped = matrix + damping * jnp.eye(len(g), dtype=g.dtype)
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(damped), g)


def _check_params(method: str, params: Any) -> int:
    size = sum(leaf.size for leaf in jax.tree.leaves(params))
    check_size(method, size, size, jax.tree.leaves(params)[0].dtype.itemsize, "parameters x parameters")
    return size


class LevenbergMarquardtState(NamedTuple):
    """The damping, negative before the first step, and the factor by which it rises next."""

    damping: jax.Array
    rise: jax.Array


def levenberg_marquardt(start: float = 1e-3) -> optax.GradientTransformationExtraArgs:
    """Solve (J' S V S' J + damping I) step = gradient, and let the damping follow how well the step came out.

    Gain = fall of the error / fall promised by the linearised one. A step that would raise the error is not taken and
    the damping rises, each time faster; else it is multiplied by max(1/3, 1 - (2 gain - 1)^3). It starts at ``start``
    times the largest diagonal element. Source: Marquardt (1963); damping by Nielsen (1999).
    """

    def init(params: Any) -> LevenbergMarquardtState:
        _check_params("levenberg_marquardt", params)
        dtype = jax.tree.leaves(params)[0].dtype
        return LevenbergMarquardtState(jnp.full((), -1, dtype), jnp.full((), 2, dtype))

    def update(
        updates: Any,
        state: LevenbergMarquardtState,
        params: Any,
        *,
        value: Any,
        value_fn: Any,
        linearise: Any,
        **_: Any,
    ) -> tuple[Any, LevenbergMarquardtState]:
        g, unravel = ravel_pytree(updates)
        matrix = normal_matrix(linearise())
        largest = jnp.maximum(matrix.diagonal().max(), jnp.finfo(g.dtype).tiny)
        # Between the least that rounding leaves a positive matrix, and so much that the step is nothing.
        bounds = jnp.finfo(g.dtype).eps * largest, largest / jnp.finfo(g.dtype).eps
        damping = jnp.clip(jnp.where(state.damping < 0, start * largest, state.damping), *bounds)
        step = _solve(matrix, damping, g)
        moved = unravel(-step)
        promised = 0.5 * step @ (damping * step + g)
        gain = (value - value_fn(optax.tree.add(params, moved))) / promised
        taken = gain > 0  # not so where it is NaN
        factor = jnp.where(taken, jnp.maximum(1 / 3, 1 - (2 * gain - 1) ** 3), state.rise)
        rise = jnp.where(taken, 2, jnp.minimum(2 * state.rise, 1e6)).astype(g.dtype)
        moved = jax.tree.map(lambda leaf: jnp.where(taken, leaf, 0), moved)
        return moved, LevenbergMarquardtState(jnp.clip(damping * factor, *bounds), rise)

    return optax.GradientTransformationExtraArgs(init, update)


def gauss_newton(damping: float = 1e-3) -> optax.GradientTransformationExtraArgs:
    """Solve (J' S V S' J + damping * mean diagonal * I) step = gradient, and shorten it until the error falls enough.

    The damping stays: it only keeps the matrix invertible. Source: Pattipati, "Backprop Practicalities", second-order
    methods, where Q ~ sum of x~ x~' is this matrix and "add mu I if Q is not positive definite"; Nocedal & Wright 10.3.
    """

    def init(params: Any) -> optax.EmptyState:
        _check_params("gauss_newton", params)
        return optax.EmptyState()

    def update(
        updates: Any, state: optax.EmptyState, params: Any, *, linearise: Any, **_: Any
    ) -> tuple[Any, optax.EmptyState]:
        g, unravel = ravel_pytree(updates)
        matrix = normal_matrix(linearise())
        level = jnp.maximum(matrix.diagonal().mean(), jnp.finfo(g.dtype).tiny)
        return unravel(-_solve(matrix, damping * level, g)), state

    search = optax.scale_by_backtracking_linesearch(max_backtracking_steps=20, increase_factor=jnp.inf)
    return optax.chain(optax.GradientTransformationExtraArgs(init, update), search)


def newton(damping: float = 1e-3) -> optax.GradientTransformationExtraArgs:
    """Solve (H + mu I) step = gradient with the Hessian H itself, and shorten the step until the error falls enough.

    mu is 0 where H is positive definite, its smallest eigenvalue at least ``damping`` times the mean size of all; else
    what lifts the smallest to that, and one below 0 as far above it (Pattipati, "Backprop Practicalities": "add mu I if
    Q is not positive definite").
    For every loss, with penalties; a step asks for P products of H with a vector and for the eigenvalues of H.
    """

    def init(params: Any) -> optax.EmptyState:
        _check_params("newton", params)
        return optax.EmptyState()

    def update(
        updates: Any, state: optax.EmptyState, params: Any, *, curve: Any, **_: Any
    ) -> tuple[Any, optax.EmptyState]:
        g, unravel = ravel_pytree(updates)
        H = jax.lax.map(lambda e: ravel_pytree(curve(unravel(e)))[0], jnp.eye(len(g), dtype=g.dtype))
        values, vectors = jnp.linalg.eigh(0.5 * (H + H.T))
        level = damping * jnp.maximum(jnp.abs(values).mean(), jnp.finfo(g.dtype).tiny)
        mu = jnp.maximum(level - jnp.minimum(values[0], 2 * values[0]), 0)
        step = vectors @ ((vectors.T @ g) / (values + mu))
        # What the error does not depend on, weights behind a mask, is not to move by the rounding of eigenvectors.
        return unravel(jnp.where((H == 0).all(1) & (g == 0), 0, -step)), state

    # Where H was nearly singular a step may be a thousand times too long.
    search = optax.scale_by_backtracking_linesearch(
        max_backtracking_steps=30, decrease_factor=0.5, increase_factor=jnp.inf
    )
    return optax.chain(optax.GradientTransformationExtraArgs(init, update), search)
