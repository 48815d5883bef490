"""Batch normalisation of maps in training, and its way back.

Maps are ``(N, ..., channels)`` with at least one axis of positions; the kernels hold them examples-last in memory, as
those of convolutions do, and read each way twice what XLA reads four times and more. Where a rectifier follows, it is
applied in the same pass, and on the way back made again of x, so that nobody keeps or reads what it let through.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from netgrad.kernels.dispatch import active, call

Array = jax.Array

# With fewer, rows of examples fill less than a vector.
FEWEST_EXAMPLES = 4


def batch_norm_has_kernel(x: Array) -> bool:
    """Whether the kernels are here and take maps of this shape."""
    return active("batch_norm_forward") and x.ndim > 2 and x.shape[0] >= FEWEST_EXAMPLES and x.size > 0


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, epsilon: float, rectified: bool = False
) -> tuple[Array, Array, Array]:
    """``gamma (x - mean) / sqrt(variance + epsilon) + beta``, and the mean and variance that it took.

    Parameters
    ----------
    x: (N, ..., channels), of more than one number a channel.
    gamma, beta: (channels,).
    epsilon: what is added to the variance.
    rectified: what falls below 0 becomes 0.

    Returns a, of x's shape; mean and variance (channels,), over examples and positions, with divisor n - 1.

    >>> a, mean, variance = batch_norm_forward(jnp.array([[[1.0]], [[2]], [[3]]]), jnp.ones(1), jnp.zeros(1), 0.0)
    >>> print(a.ravel(), mean, variance)
    [-1.  0.  1.] [2.] [1.]
    """

    def reference(x, gamma, beta):
        axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        mean = x.mean(axes)
        variance = ((x - mean) ** 2).sum(axes) / max(count - 1, 1)
        a = (x - mean) / jnp.sqrt(variance + epsilon) * gamma + beta
        return jnp.maximum(a, 0) if rectified else a, mean, variance

    if not batch_norm_has_kernel(x):
        return reference(x, gamma, beta)
    return call(
        "batch_norm_forward",
        reference,
        x,
        gamma,
        beta,
        input_layouts=(_examples_last(x), None, None),
        output_layouts=(_examples_last(x), None, None),
        epsilon=float(epsilon),
        rectified=rectified,
    )


def batch_norm_backward(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Array,
    variance: Array,
    d_out: Array,
    epsilon: float,
    rectified: bool = False,
) -> tuple[Array, Array, Array]:
    """dE/dx, dE/dgamma and dE/dbeta from dE/da; the other arguments are what `batch_norm_forward` took and gave.

    >>> x, one, none = jnp.array([[[1.0]], [[2]], [[3]]]), jnp.ones(1), jnp.zeros(1)
    >>> d_x, d_gamma, d_beta = batch_norm_backward(x, one, none, 2 * one, one, x * x, 0.0)
    >>> print([round(float(d), 2) for d in d_x.ravel()], d_gamma, d_beta)
    [0.33, -0.67, 0.33] [8.] [14.]
    """

    def reference(x, gamma, beta, mean, variance, d_out):
        axes, count = tuple(range(x.ndim - 1)), x.size // x.shape[-1]
        inverse = 1 / jnp.sqrt(variance + epsilon)
        u = (x - mean) * inverse
        d = jnp.where(gamma * u + beta > 0, d_out, 0) if rectified else d_out
        d_beta, d_gamma = d.sum(axes), (d * u).sum(axes)
        d_x = gamma * inverse * (d - d_beta / count - u * (d_gamma / max(count - 1, 1)))
        return d_x, d_gamma, d_beta

    if not batch_norm_has_kernel(x):
        return reference(x, gamma, beta, mean, variance, d_out)
    return call(
        "batch_norm_backward",
        reference,
        x,
        gamma,
        beta,
        mean,
        variance,
        d_out,
        input_layouts=(_examples_last(x), None, None, None, None, _examples_last(x)),
        output_layouts=(_examples_last(x), None, None),
        epsilon=float(epsilon),
        rectified=rectified,
    )


def _examples_last(x: Array) -> tuple[int, ...]:
    return (*range(1, x.ndim), 0)
