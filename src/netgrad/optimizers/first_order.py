"""Delta-bar-delta and Quickprop: each weight has a step of its own, found from the signs and slopes of its gradient.

Named by Pattipati, "Backprop Practicalities". Both read meaning into how a gradient changes from one step to the next,
so they want large batches, best all examples at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class DeltaBarDeltaState(NamedTuple):
    """gain: the factor on each weight's rate; average: the running average of its gradients."""

    gain: Any
    average: Any


def delta_bar_delta(
    learning_rate: Any, kappa: float = 0.1, phi: float = 0.2, theta: float = 0.7
) -> optax.GradientTransformation:
    """A rate for each weight: larger by kappa while its gradient keeps its sign, less by the share phi when it turns.

    The sign is that of the running average, average = theta average + (1 - theta) gradient, before this step.
    ``learning_rate`` (number or schedule) is the rate where the gain is 1, as it is at the start; kappa is in units of
    it. Source: Jacobs (1988), "Increased rates of convergence through learning rate adaptation".
    """

    def init(params: Any) -> DeltaBarDeltaState:
        return DeltaBarDeltaState(jax.tree.map(jnp.ones_like, params), jax.tree.map(jnp.zeros_like, params))

    def update(updates: Any, state: DeltaBarDeltaState, params: Any = None) -> tuple[Any, DeltaBarDeltaState]:
        def adapted(gain: jax.Array, average: jax.Array, g: jax.Array) -> jax.Array:
            agreement = average * g
            return jnp.where(agreement > 0, gain + kappa, jnp.where(agreement < 0, gain * (1 - phi), gain))

        gain = jax.tree.map(adapted, state.gain, state.average, updates)
        average = jax.tree.map(lambda average, g: theta * average + (1 - theta) * g, state.average, updates)
        return jax.tree.map(jnp.multiply, gain, updates), DeltaBarDeltaState(gain, average)

    return optax.chain(optax.GradientTransformation(init, update), optax.scale_by_learning_rate(learning_rate))


class QuickpropState(NamedTuple):
    """The step before: how far each weight went, the gradient it went by; and how many were made, for schedules."""

    step: Any
    slope: Any
    steps: jax.Array


def quickprop(learning_rate: Any, growth: float = 1.75) -> optax.GradientTransformation:
    """Each weight jumps to the minimum of the parabola through its last two slopes.

    The jump is step * slope / (slope before - slope), at most ``growth`` times the step before; while a weight still
    goes downhill, gradient descent with ``learning_rate`` is added. Source: Fahlman (1988), "An empirical study of
    learning speed in back-propagation networks", with the rules of its published program.
    """

    def init(params: Any) -> QuickpropState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return QuickpropState(zeros, zeros, jnp.zeros((), jnp.int32))

    def update(updates: Any, state: QuickpropState, params: Any = None) -> tuple[Any, QuickpropState]:
        rate = learning_rate(state.steps) if callable(learning_rate) else learning_rate

        def one(slope: jax.Array, before: jax.Array, step: jax.Array) -> jax.Array:
            # Seen along the step before: a negative slope goes on downhill, a positive one has passed the minimum.
            way = jnp.sign(step)
            turn = before - slope
            parabola = step * slope / jnp.where(turn == 0, 1, turn)
            too_far = way * slope <= growth / (1 + growth) * way * before
            jump = jnp.where(way == 0, 0, jnp.where(too_far, growth * step, parabola))
            return jump - jnp.where((way == 0) | (way * slope < 0), rate * slope, 0)

        step = jax.tree.map(one, updates, state.slope, state.step)
        return step, QuickpropState(step, updates, state.steps + 1)

    return optax.GradientTransformation(init, update)
