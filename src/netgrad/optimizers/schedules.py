"""How the learning rate changes from step to step: schedules by name, optax's where it has them.

A schedule is a function from the number of the step to the rate. `netgrad.fit` takes one as ``learning_rate``, or
builds one for the length of its run from a name given as ``schedule``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from netgrad.errors import NetgradError, unknown_name
from netgrad.optimizers.names import OPTIMIZERS, takes_schedule

Schedule = Callable[[Any], Any]


def constant(rate: float, steps: int) -> Schedule:
    """The same rate throughout."""
    return optax.constant_schedule(rate)


def step(rate: float, steps: int) -> Schedule:
    """A tenth after half the steps, a hundredth after three quarters (`optax.piecewise_constant_schedule`)."""
    return optax.piecewise_constant_schedule(rate, {steps // 2: 0.1, steps * 3 // 4: 0.1})


def one_over_t(rate: float, steps: int) -> Schedule:
    """rate / (1 + t / T) with T a tenth of the steps: falls as 1/t, as stochastic approximation asks for.

    The sum of the rates grows without bound and that of their squares does not. Source: Robbins & Monro (1951).
    """
    return lambda t: rate / (1 + t / max(1, steps / 10))


def cosine(rate: float, steps: int) -> Schedule:
    """Half a cosine down to 0 (`optax.cosine_decay_schedule`)."""
    return optax.cosine_decay_schedule(rate, steps)


def warm_up(rate: float, steps: int) -> Schedule:
    """Linearly up from 0 in a tenth of the steps, then constant (`optax.warmup_constant_schedule`)."""
    return optax.warmup_constant_schedule(0.0, rate, max(1, steps // 10))


def warm_up_cosine(rate: float, steps: int) -> Schedule:
    """Linearly up in a tenth of the steps, then half a cosine down to 0 (`optax.warmup_cosine_decay_schedule`)."""
    return optax.warmup_cosine_decay_schedule(0.0, rate, max(1, steps // 10), max(2, steps))


SCHEDULES: dict[str, Callable[[float, int], Schedule]] = {
    "constant": constant,
    "step": step,
    "one_over_t": one_over_t,
    "cosine": cosine,
    "warm_up": warm_up,
    "warm_up_cosine": warm_up_cosine,
}


@lru_cache(maxsize=256)
def schedule(name: str, rate: float, steps: int) -> Schedule:
    """The schedule of this name over ``steps`` steps; equal arguments give the same object.

    >>> [round(float(schedule("cosine", 0.1, 100)(t)), 3) for t in (0, 50, 100)]
    [0.1, 0.05, 0.0]

    Raises `NetgradError` for unknown names and rates that are not positive.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, SCHEDULES)
    if not rate > 0:
        raise NetgradError(f"learning_rate must be positive, found {rate}")
    return SCHEDULES[name](rate, steps)


def scheduled(name: str, optimizer: Any, learning_rate: Any, steps: int | None) -> Any:
    """The learning rate of `netgrad.optimizers.get` under the schedule of this name; by layer where it is a dict.

    steps: of the whole run, None where nobody knows. Raises `NetgradError` for optimisers without a rate.
    """
    if name not in SCHEDULES:
        raise unknown_name("schedule", name, (*SCHEDULES, "plateau"))
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS or not takes_schedule(optimizer):
        raise NetgradError(
            f"a schedule needs an optimiser by name that has a learning rate in every step, found {optimizer!r}"
        )
    if steps is None:
        raise NetgradError("a schedule by name needs the number of steps: with a stream, give learning_rate a schedule")
    start = OPTIMIZERS[optimizer][1] if learning_rate is None else learning_rate
    if isinstance(start, dict):
        return {layer: schedule(name, rate, steps) for layer, rate in start.items()}
    if not isinstance(start, int | float):
        raise NetgradError("schedule starts from a number: learning_rate is a schedule already, leave one of them out")
    return schedule(name, start, steps)


class Level(NamedTuple):
    """The state of `adjustable`: the factor on all updates."""

    level: jax.Array


@lru_cache(maxsize=256)
def adjustable(optimizer: Any) -> optax.GradientTransformationExtraArgs:
    """The optimiser with a factor on its updates, 1 at first, that can be changed between epochs with `set_level`."""

    def init(params: Any) -> Level:
        return Level(jnp.ones((), jnp.result_type(*jax.tree.leaves(params))))

    def update(updates: Any, state: Level, params: Any = None) -> tuple[Any, Level]:
        return jax.tree.map(lambda u: state.level * u, updates), state

    return optax.chain(optimizer, optax.GradientTransformation(init, update))


def set_level(opt_state: Any, level: float) -> Any:
    """The state of an `adjustable` optimiser with this factor."""

    def changed(part: Any) -> Any:
        return Level(jnp.full_like(part.level, level)) if isinstance(part, Level) else part

    return jax.tree.map(changed, opt_state, is_leaf=lambda part: isinstance(part, Level))
