"""A line search that rounding cannot stop, for the methods that need one, and L-BFGS with it.

Near a minimum the loss of neighbouring points differs by less than rounding makes of it: in single precision a sum of
large terms that cancel is often good to four digits only. A search that asks for a fall it could not see then shortens
its step to nothing, step after step, although the gradient still knows the way.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from netgrad.trees import dot, norm

STEPS = 20  # the most points that a search looks at
FINEST, COARSEST = 8, 8192  # how far the loss may be wrong, in units of the float's precision


class SearchState(NamedTuple):
    """slack: how far the loss is taken to be wrong by rounding, relative; searches, failed: how many there were;
    points: at how many they looked, in all."""

    slack: jax.Array
    searches: jax.Array
    failed: jax.Array
    points: jax.Array


def line_search(curvature: float = 0.9) -> optax.GradientTransformationExtraArgs:
    """Scale a direction to where the strong Wolfe conditions hold, and learn how exact the loss is on the way.

    curvature: the largest slope that is left, in units of the first one. The search is optax's (zoom, Nocedal & Wright,
    algorithms 3.5 and 3.6) with Hager & Zhang's approximate condition: where the loss did not rise by more than a
    tolerance, slopes alone decide. The tolerance starts at 8 units of the float's precision, is ten times as large
    after a search that failed (at most 8192 units: 1e-3 in single precision), and falls by a tenth with every one that
    did not. A step that would raise the loss by more, or to no number, is not taken.
    Source: Hager & Zhang (2006), "Algorithm 851: CG_DESCENT", equations 23 to 27.
    """

    def bounds(params: Any) -> tuple[Any, Any]:
        precision = jnp.finfo(jnp.result_type(*jax.tree.leaves(params))).eps
        return FINEST * precision, COARSEST * precision

    def init(params: Any) -> SearchState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        none = jnp.zeros((), jnp.int32)
        return SearchState(jnp.asarray(bounds(params)[0], dtype), none, none, none)

    def update(
        updates: Any, state: SearchState, params: Any, *, value: Any, grad: Any, value_fn: Any, **more: Any
    ) -> tuple[Any, SearchState]:
        search = optax.scale_by_zoom_linesearch(STEPS, curv_rtol=curvature, approx_dec_rtol=state.slack)
        step, found = search.update(
            updates, search.init(params), params, value=value, grad=grad, value_fn=value_fn, **more
        )
        missed = jnp.maximum(found.info.decrease_error, found.info.curvature_error)
        failed = ~(missed <= 0)
        finest, coarsest = bounds(params)
        slack = jnp.where(failed, 10 * state.slack, 0.9 * state.slack)
        slack = jnp.clip(slack, finest, coarsest).astype(state.slack.dtype)
        worse = ~(found.value <= value + coarsest * jnp.abs(value))
        step = jax.tree.map(lambda leaf: jnp.where(worse, 0, leaf), step)
        points = state.points + found.info.num_linesearch_steps.astype(state.points.dtype)
        return step, SearchState(slack, state.searches + 1, state.failed + failed, points)

    return optax.GradientTransformationExtraArgs(init, update)


def lbfgs(memory: int = 10) -> optax.GradientTransformationExtraArgs:
    """L-BFGS with `line_search`: curvature from the last ``memory`` steps and their changes of gradient.

    Where the last step saw no curvature above rounding, or what is remembered does not lead downhill, it starts again
    from steepest descent. Source: Nocedal & Wright, algorithms 7.4 and 7.5; Allauzen, "How do we learn the
    parameters?".
    """
    pairs = optax.scale_by_lbfgs(memory)

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        step, turn = optax.tree.sub(params, state.params), optax.tree.sub(updates, state.updates)
        precision = jnp.finfo(jnp.result_type(*jax.tree.leaves(params))).eps
        curved = (state.count == 0) | (dot(step, turn) > precision * norm(step) * norm(turn))
        direction, kept = pairs.update(updates, state, params)
        sound = curved & (dot(direction, updates) > 0)
        capped = jnp.minimum(1, 1 / norm(updates))
        anew = optax.tree.scale(capped, updates), pairs.init(params)._replace(count=1, params=params, updates=updates)
        direction, kept = jax.tree.map(lambda a, b: jnp.where(sound, a, b).astype(a.dtype), (direction, kept), anew)
        return jax.tree.map(jnp.negative, direction), kept

    return optax.chain(optax.GradientTransformation(pairs.init, update), line_search())
