"""A loss whose output is a distribution: a mixture of normal ones, for targets that have more than one right answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from netgrad.errors import NetgradError, ShapeError
from netgrad.losses import Error, Loss, Output, Total, Weight
from netgrad.registry import register
from netgrad.types import Shape

Targets = Float[Array, "N *steps targets"]  # of which there are fewer than units


@register("loss", "mixture_density")
@dataclass(frozen=True)
class MixtureDensity(Loss):
    """E = -ln sum_k p_k prod_j N(t_j | m_kj, s_kj^2): the network says weights, means and spreads of a mixture.

    The last layer is linear, with `units` of units for d targets: for K components K logits, whose softmax is p, then
    K d means m, then K d logarithms of spreads s, component by component. `Model.predict` gives the mixture's mean,
    with ``spread=True`` its standard deviation, too; `netgrad.uncertainty.draw` draws targets from it.

    Args:
        components: K.
        least: what s^2 is at least the square of, so that no component can shrink to one example alone; on the scale
            that the network is trained on.

    With g_k = p_k N_k / sum, the share of component k in the target, and e = t - m, v = exp(2 l) + least^2 = s^2:

        dE/d(logit_k) = p_k - g_k,  dE/dm_kj = -g_k e_kj / v_kj,  dE/dl_kj = g_k (1 - e_kj^2 / v_kj) exp(2 l_kj) / v_kj

    Source: Bishop (1994), "Mixture density networks"; Graves (2013) writes by hand with it, to which Pattipati refers.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> loss = ng.MixtureDensity(2)
    >>> loss.units(1)
    6
    >>> output = jnp.array([[0.0, 0.0, -1.0, 1.0, -2.0, -2.0]])  # two components of one half, at -1 and 1
    >>> loss.link(output).tolist(), [round(v, 4) for v in loss.spread(output)[0].tolist()]
    ([[0.0]], [1.0091])
    """

    logits: ClassVar[bool] = True

    components: int = 5
    least: float = 1e-3

    def __post_init__(self) -> None:
        if not isinstance(self.components, int) or isinstance(self.components, bool) or self.components < 1:
            raise NetgradError(f"components must be a whole number of at least 1, found {self.components!r}")
        if not 0 < self.least < math.inf:
            raise NetgradError(f"least must be a number over 0, found {self.least!r}")

    def units(self, targets: int) -> int:
        """How many units the last layer needs for so many targets: components * (2 targets + 1)."""
        return self.components * (2 * targets + 1)

    def parts(self, output: Output) -> tuple[Array, Array, Array]:
        """(N, ..., units) -> the logits (N, ..., K), means (N, ..., K, d), and log-spreads before ``least``."""
        logits, rest = output[..., : self.components], output[..., self.components :]
        halves = rest.reshape(*rest.shape[:-1], 2, self.components, -1)
        return logits, halves[..., 0, :, :], halves[..., 1, :, :]

    def value(self, output: Output, target: Targets) -> Error:
        return -jax.nn.logsumexp(self._joint(output, target), axis=-1)

    def delta(self, output: Output, target: Targets) -> Output:
        logits, means, logs = self.parts(output)
        share = jax.nn.softmax(self._joint(output, target), axis=-1)
        v, e = self._variance(logs), target[..., None, :] - means
        d_means = -share[..., None] * e / v
        d_logs = share[..., None] * (1 - e * e / v) * jnp.exp(2 * logs) / v
        flat = [d.reshape(*logits.shape[:-1], -1) for d in (d_means, d_logs)]
        return jnp.concatenate([jax.nn.softmax(logits, axis=-1) - share, *flat], axis=-1)

    def weighted(self, output: Output, target: Targets, weight: Weight) -> tuple[Total, Output]:
        return super().weighted(output, target, weight)

    def link(self, output: Output) -> Targets:
        """The mixture's mean, (N, ..., d)."""
        logits, means, _ = self.parts(output)
        return (jax.nn.softmax(logits, axis=-1)[..., None] * means).sum(-2)

    def spread(self, output: Output) -> Targets:
        """(N, ..., d): the mixture's standard deviation, within components and between them."""
        logits, means, logs = self.parts(output)
        p, away = jax.nn.softmax(logits, axis=-1)[..., None], means - self.link(output)[..., None, :]
        return jnp.sqrt((p * (self._variance(logs) + away**2)).sum(-2))

    def draw(self, key: Array, output: Output, samples: int) -> Array:
        """(samples, N, ..., d): targets drawn from the mixture."""
        logits, means, logs = self.parts(output)
        which, noise = jax.random.split(key)
        k = jax.random.categorical(which, logits, shape=(samples, *logits.shape[:-1]))[..., None, None]
        mean, sd = (jnp.take_along_axis(v[None], k, axis=-2)[..., 0, :] for v in (means, self._variance(logs) ** 0.5))
        return mean + sd * jax.random.normal(noise, mean.shape, mean.dtype)

    def check(self, out_shape: Shape, target: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        target = np.asarray(target)
        if target.ndim == len(out_shape):
            target = target[..., None]
        d = target.shape[-1] if target.ndim else 0
        if not out_shape or self.units(d) != out_shape[-1]:
            raise ShapeError(
                f"mixture_density with {self.components} components needs {self.units(d)} units in the last layer for "
                f"{d} targets, {self.components} * (2 * {d} + 1), found {out_shape[-1] if out_shape else 0}"
            )
        return super().check((*out_shape[:-1], d), target, lengths)

    def _joint(self, output: Output, target: Targets) -> Array:
        """ln(p_k N_k), (N, ..., K)."""
        logits, means, logs = self.parts(output)
        v = self._variance(logs)
        square = (target[..., None, :] - means) ** 2 / v + jnp.log(v) + math.log(2 * math.pi)
        return jax.nn.log_softmax(logits, axis=-1) - 0.5 * square.sum(-1)

    def _variance(self, logs: Array) -> Array:
        return jnp.exp(2 * logs) + self.least**2
