"""Penalties on the weights, R(params), added to the loss as alpha R; value and gradient in closed form.

Only weights are penalised, never biases, "since they are just thresholds" (Z&M 26.4.1). By netgrad's naming rule
a parameter is a weight if its name begins with W (or U, peephole and embedding weights are named W_... too).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.registry import register


def is_weight(path: tuple[Any, ...]) -> bool:
    """Whether the parameter at this pytree path is a weight, rather than a bias, scale or slope."""
    return str(getattr(path[-1], "key", path[-1])).startswith("W")


@dataclass(frozen=True)
class Penalty:
    """Base of the penalties: elementwise ones define `of` and `slope`."""

    kind: ClassVar[str] = "penalty"
    registered_name: ClassVar[str] = ""  # set by netgrad.register

    def of(self, w: jax.Array) -> jax.Array:
        """The penalty of each weight."""
        raise NotImplementedError

    def slope(self, w: jax.Array) -> jax.Array:
        """Its derivative."""
        raise NotImplementedError

    def value(self, params: dict) -> jax.Array:
        """R: the sum over all weights."""
        total = jnp.zeros((), float)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            if is_weight(path):
                total = total + jnp.sum(self.of(leaf))
        return total

    def gradient(self, params: dict) -> dict:
        """dR/d(params), zero for what is no weight."""
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: self.slope(leaf) if is_weight(path) else jnp.zeros_like(leaf), params
        )


@register("penalty", "l2")
@dataclass(frozen=True)
class L2(Penalty):
    """alpha/2 sum w^2, derivative alpha w; with plain gradient descent weight decay by 1 - eta alpha (Z&M 26.4.1)."""

    alpha: float = 1e-4

    def __post_init__(self):
        _non_negative("alpha", self.alpha)

    def of(self, w):
        return 0.5 * self.alpha * w * w

    def slope(self, w):
        return self.alpha * w


@register("penalty", "l1")
@dataclass(frozen=True)
class L1(Penalty):
    """alpha sum |w|, subgradient alpha sign(w), 0 at 0: drives weights to zero (Z&M 26.4)."""

    alpha: float = 1e-4

    def __post_init__(self):
        _non_negative("alpha", self.alpha)

    def of(self, w):
        return self.alpha * jnp.abs(w)

    def slope(self, w):
        return self.alpha * jnp.sign(w)


@register("penalty", "elastic_net")
@dataclass(frozen=True)
class ElasticNet(Penalty):
    """alpha (ratio |w| + (1 - ratio)/2 w^2) summed, with ratio lambda in [0, 1] the share of L1 (Z&M 26.4)."""

    alpha: float = 1e-4
    ratio: float = 0.5

    def __post_init__(self):
        _non_negative("alpha", self.alpha)
        if not 0 <= self.ratio <= 1:
            raise NetgradError(f"ratio, the share of L1, must lie in [0, 1], found {self.ratio}")

    def of(self, w):
        return self.alpha * (self.ratio * jnp.abs(w) + 0.5 * (1 - self.ratio) * w * w)

    def slope(self, w):
        return self.alpha * (self.ratio * jnp.sign(w) + (1 - self.ratio) * w)


def _non_negative(name: str, value: float) -> None:
    if not value >= 0:
        raise NetgradError(f"a penalty's {name} must not be negative, found {value}")
