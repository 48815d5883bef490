"""Conjugate gradients and the memoryless quasi-Newton method: curvature from gradients alone, no matrix is held.

Named by Pattipati, "Backprop Practicalities": second-order methods need big batches, best all examples at once. They
ask the training step for ``value`` and ``value_fn``, the loss here and at other parameters (see `netgrad.training`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from netgrad.optimizers.line_search import lbfgs, line_search
from netgrad.trees import dot


def memoryless_quasi_newton() -> optax.GradientTransformationExtraArgs:
    """BFGS that updates the identity, scaled by the last step's curvature, anew at every step, with a line search.

    That is L-BFGS that remembers one step: d = -H g, H = (I - r s y') g0 (I - r y s') + r s s' with step s, change of
    gradient y, r = 1 / s'y and g0 = s'y / y'y. Source: Shanno (1978), "Conjugate gradient methods with inexact
    searches"; Pattipati, "Memoryless Quasi-Newton method".
    """
    return lbfgs(memory=1)


class PolakRibiereState(NamedTuple):
    """The direction and the gradient of the step before."""

    direction: Any
    gradient: Any


def conjugate_gradient() -> optax.GradientTransformationExtraArgs:
    """Polak and Ribiere's conjugate gradients with a line search.

    Direction p = -g + beta p, beta = max(0, g'(g - g_before) / g_before'g_before); steepest descent again where p would
    not go downhill. Source: Polak & Ribiere (1969); the restart at negative beta is Powell's.
    """

    def init(params: Any) -> PolakRibiereState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return PolakRibiereState(zeros, zeros)

    def update(updates: Any, state: PolakRibiereState, params: Any = None) -> tuple[Any, PolakRibiereState]:
        norm = dot(state.gradient, state.gradient)
        change = optax.tree.sub(updates, state.gradient)
        beta = jnp.maximum(0, dot(updates, change) / jnp.where(norm == 0, jnp.inf, norm))
        direction = jax.tree.map(lambda g, p: beta * p - g, updates, state.direction)
        downhill = dot(direction, updates) < 0
        direction = jax.tree.map(lambda p, g: jnp.where(downhill, p, -g), direction, updates)
        return direction, PolakRibiereState(direction, updates)

    # Conjugacy needs a search more exact than quasi-Newton's usual 0.9.
    return optax.chain(optax.GradientTransformation(init, update), line_search(curvature=0.1))


class ScaledConjugateGradientState(NamedTuple):
    """direction p; residual r = -gradient of the step before; curvature-limiting scale; whether the last step was
    taken, and how many were."""

    direction: Any
    residual: Any
    scale: jax.Array
    taken: jax.Array
    steps: jax.Array


def scaled_conjugate_gradient(sigma: float | None = None, scale: float = 1e-6) -> optax.GradientTransformationExtraArgs:
    """Conjugate gradients without a line search: the curvature along the direction gives the length of the step.

    The curvature is a difference of two gradients, ``sigma`` apart (default: the square root of the float's
    precision), plus ``scale``, which rises where the error does not fall as the curvature promises and falls where it
    does: a trust region. A step that would raise the error is not taken. Costs two gradients and one loss a step.
    Source: Moller (1993), "A scaled conjugate gradient algorithm for fast supervised learning".
    """

    def init(params: Any) -> ScaledConjugateGradientState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        start = jnp.asarray(scale, jnp.result_type(*jax.tree.leaves(params)))
        return ScaledConjugateGradientState(zeros, zeros, start, jnp.zeros((), bool), jnp.zeros((), jnp.int32))

    def update(
        updates: Any, state: ScaledConjugateGradientState, params: Any, *, value: Any, value_fn: Any, **_: Any
    ) -> tuple[Any, ScaledConjugateGradientState]:
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        r = jax.tree.map(jnp.negative, updates)
        # Moller's steps 7 and 2: a new direction after a step that was taken, restarted every `size` steps.
        before = dot(state.direction, state.residual)
        conjugate = (dot(r, r) - dot(r, state.residual)) / jnp.where(before == 0, jnp.inf, before)
        beta = jnp.where(state.taken & (state.steps % size != 0), conjugate, 0)
        p = jax.tree.map(lambda r, p: r + beta * p, r, state.direction)
        keep = ~state.taken & (state.steps > 0) & (dot(state.direction, r) > 0)
        p = jax.tree.map(lambda new, old: jnp.where(keep, old, new), p, state.direction)
        uphill = dot(p, r) <= 0
        p = jax.tree.map(lambda p, r: jnp.where(uphill, r, p), p, r)
        square = jnp.maximum(dot(p, p), jnp.finfo(state.scale.dtype).tiny)

        apart = (jnp.sqrt(jnp.finfo(state.scale.dtype).eps) if sigma is None else sigma) / jnp.sqrt(square)
        there = jax.grad(value_fn)(jax.tree.map(lambda w, p: w + apart * p, params, p))
        bend = dot(p, jax.tree.map(lambda a, r: (a + r) / apart, there, r))
        # Steps 3 and 4: where the curvature is not positive, the scale makes it so.
        curvature = bend + state.scale * square
        raised = 2 * (state.scale - curvature / square)
        scale = jnp.where(curvature <= 0, raised, state.scale)
        curvature = jnp.where(curvature <= 0, bend + raised * square, curvature)
        slope = dot(p, r)
        length = slope / jnp.maximum(curvature, jnp.finfo(state.scale.dtype).tiny)
        step = jax.tree.map(lambda p: length * p, p)
        # Steps 6 to 8: how much of the promised fall came true.
        fall = value - value_fn(optax.tree.add(params, step))
        comparison = 2 * curvature * fall / jnp.maximum(slope**2, jnp.finfo(state.scale.dtype).tiny)
        comparison = jnp.where(jnp.isfinite(comparison), comparison, -1)  # the step led where the loss overflows
        taken = comparison >= 0
        smaller, larger = scale / 4, scale + curvature * (1 - jnp.maximum(comparison, -1)) / square
        scale = jnp.where(comparison >= 0.75, smaller, jnp.where(comparison >= 0.25, scale, larger))
        step = jax.tree.map(lambda s: jnp.where(taken, s, 0), step)
        return step, ScaledConjugateGradientState(p, r, jnp.clip(scale, 1e-15, 1e15), taken, state.steps + taken)

    return optax.GradientTransformationExtraArgs(init, update)
