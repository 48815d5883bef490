"""Where the weights start: the distributions of the texts, each with its scale from fan-in and fan-out.

Sources: Kelleher 8.4.2 (weight initialisation, Xavier, He); Pattipati lectures 9-10 ("Backprop practicalities");
Allauzen ("Initialization recipes").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.registry import register


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan-in and fan-out of a weight array whose last two axes are inputs and units.

    Leading axes are a convolution's window, which every input and every unit meets.

    >>> fans((784, 30)), fans((5, 5, 6, 16))
    ((784, 30), (150, 400))
    """
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


@dataclass(frozen=True)
class Initializer:
    """Draws a weight array: ``initializer(key, shape) -> array`` of the default float type."""

    kind: ClassVar[str] = "initializer"
    registered_name: ClassVar[str] = ""  # set by netgrad.register

    def __call__(self, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        raise NotImplementedError


@register("initializer", "zeros")
@dataclass(frozen=True)
class Zeros(Initializer):
    """All zeros: right for biases, wrong for weights (every unit would stay the same)."""

    def __call__(self, key, shape):
        return jnp.zeros(shape, float)


@register("initializer", "constant")
@dataclass(frozen=True)
class Constant(Initializer):
    """One value everywhere (default 0.1), for biases."""

    value: float = 0.1

    def __call__(self, key, shape):
        return jnp.full(shape, self.value, float)


@register("initializer", "uniform")
@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform in ``[low, high)``, default [-0.5, 0.5)."""

    low: float = -0.5
    high: float = 0.5

    def __post_init__(self):
        if not self.low < self.high:
            raise NetgradError(f"Uniform needs low < high, found low={self.low}, high={self.high}")

    def __call__(self, key, shape):
        return jax.random.uniform(key, shape, float, self.low, self.high)


@register("initializer", "normal")
@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with mean 0 and standard deviation ``sigma``, default 0.01 (Kelleher 8.4.2)."""

    sigma: float = 0.01

    def __post_init__(self):
        if not self.sigma >= 0:
            raise NetgradError(f"Normal needs sigma >= 0, found {self.sigma}")

    def __call__(self, key, shape):
        return self.sigma * jax.random.normal(key, shape, float)


@register("initializer", "xavier")
@dataclass(frozen=True)
class Xavier(Initializer):
    """Xavier/Glorot: the variance of ``z`` stays that of the inputs.

    ``mode`` "fan_in" (default): var(W) = 1/fan_in, as Kelleher 8.4.2 and Allauzen ("one standard trick");
    "fan_avg": var(W) = 2/(fan_in + fan_out), steady both ways (Allauzen, "a more recent one").
    ``distribution`` "normal" (default) or "uniform" with the same variance.
    """

    mode: str = "fan_in"
    distribution: str = "normal"

    def __post_init__(self):
        _one_of("mode", self.mode, ("fan_in", "fan_avg"))
        _one_of("distribution", self.distribution, ("normal", "uniform"))

    def __call__(self, key, shape):
        fan_in, fan_out = fans(shape)
        variance = 1 / fan_in if self.mode == "fan_in" else 2 / (fan_in + fan_out)
        return _draw(key, shape, variance, self.distribution)


@register("initializer", "he")
@dataclass(frozen=True)
class He(Initializer):
    """He: var(W) = 2/fan_in, since a ReLU before this layer halves the variance it receives (Kelleher 8.4.2)."""

    distribution: str = "normal"

    def __post_init__(self):
        _one_of("distribution", self.distribution, ("normal", "uniform"))

    def __call__(self, key, shape):
        return _draw(key, shape, 2 / fans(shape)[0], self.distribution)


@register("initializer", "fan_in_uniform")
@dataclass(frozen=True)
class FanInUniform(Initializer):
    """Uniform in [-2.4/fan_in, 2.4/fan_in] (Pattipati, "Backprop practicalities")."""

    range: float = 2.4

    def __call__(self, key, shape):
        limit = self.range / fans(shape)[0]
        return jax.random.uniform(key, shape, float, -limit, limit)


@register("initializer", "orthogonal")
@dataclass(frozen=True)
class Orthogonal(Initializer):
    """A random orthogonal matrix times ``gain``: all singular values alike, the spectral radius of W_h is ``gain``
    (Z&M 26.2: neither vanish nor explode).

    Of all orthogonal matrices each is as likely as any other (Haar's measure). Where ``shape`` is not square, the
    shorter side's vectors are orthonormal; leading axes count as inputs.

    >>> import jax, numpy as np, netgrad as ng
    >>> W = ng.Orthogonal(gain=2.0)(jax.random.key(0), (3, 5))
    >>> bool(np.allclose(W @ W.T, 4 * np.eye(3), atol=1e-5))
    True
    """

    gain: float = 1.0

    def __call__(self, key, shape):
        if len(shape) < 2:
            raise NetgradError(f"Orthogonal draws matrices, found the shape {shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        short, long = sorted((rows, columns))
        q = _orthonormal(jax.random.normal(key, (long, short), float).T)
        return self.gain * (q.T if columns == short else q).reshape(shape)


def _orthonormal(z):
    """The rows of z (m, n), m <= n, one after the other made orthogonal to those before and of length 1.

    Gram and Schmidt's way, each row twice, as precise as Householder's; with z normal it gives Q of the decomposition
    QR with R's diagonal positive, which Haar's measure asks for. Not `jnp.linalg.qr`: LAPACK's calls share their
    matrices out over XLA's own threads and wait for them, and on two cores two such calls in one program wait for each
    other for ever.
    """

    def next_row(i, q):
        row = z[i]
        for _ in range(2):  # what rounding leaves of the others after the first time goes the second time
            row = row - (q @ row) @ q
        return q.at[i].set(row / jnp.linalg.norm(row))

    return jax.lax.fori_loop(0, len(z), next_row, jnp.zeros_like(z))


def _draw(key, shape, variance, distribution):
    if distribution == "normal":
        return math.sqrt(variance) * jax.random.normal(key, shape, float)
    limit = math.sqrt(3 * variance)
    return jax.random.uniform(key, shape, float, -limit, limit)


def _one_of(field, value, allowed):
    if value not in allowed:
        raise NetgradError(f"{field} must be one of {', '.join(allowed)}, found {value!r}")


def for_activation(activation: str, first: bool) -> Initializer:
    """The default for a layer: He where a rectifier is used, but Xavier for all others and for the first layer.

    The first layer's inputs are standardised, not rectified, so nothing halved their variance (Kelleher 8.4.2). The
    text's blend (eq. 70) gives He to a linear output layer after rectifiers, too, for its inputs were rectified:
    variance times fan-in 1, 2, 2 in its network of three layers. Here it is 1, 2, 1, for a layer knows its own
    activation and whether it is first, not what stood before it; the smaller first outputs do no harm (MNIST at the
    step size of Z&M's MLP, ten starts: errors 240, 252, 261, 277, 366, ... with He there, 245, 255, 265, 311, 421, ...
    without). ``Dense(10, initializer="he")`` is the text's.

    >>> for_activation("relu", first=False), for_activation("relu", first=True)
    (He(distribution='normal'), Xavier(mode='fan_in', distribution='normal'))
    """
    rectifiers = {"relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "softplus"}
    return He() if activation in rectifiers and not first else Xavier()
