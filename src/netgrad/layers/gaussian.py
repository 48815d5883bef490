"""Codes that are distributions: a Gaussian for each example, of which training draws."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp

from netgrad.errors import ShapeError
from netgrad.layers.across import drawn
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape


@register("layer", "gaussian")
@dataclass(frozen=True)
class Gaussian(Layer):
    """The code of a variational autoencoder: a = mean + exp(log_variance / 2) * noise, drawn anew in every step.

    Inputs (N, ..., 2 units): the means, and behind them the logarithms of the variances; outputs (N, ..., units). No
    parameters. In prediction a is the mean; where a key is given all the same (`Model.monte_carlo`), it draws. In
    ``saved`` stand ``mean``, ``log_variance`` and ``noise``, so that the trace shows them.

    A network with such a layer is trained with `netgrad.GaussianKL`, which holds the codes near N(0, 1); the objective
    adds it by itself.

    Source: Kingma & Welling, "Auto-Encoding Variational Bayes" (2014).

    >>> import jax.numpy as jnp, netgrad as ng
    >>> a, saved = ng.Gaussian().forward({}, jnp.array([[1.0, 2.0, 0.0, 0.0]]), ng.Context())
    >>> a.tolist(), saved["log_variance"].tolist()
    ([[1.0, 2.0]], [[0.0, 0.0]])
    """

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        mean, log_variance = jnp.split(x, 2, axis=-1)
        if context.key is None:
            noise = jnp.zeros((), x.dtype)
        else:
            noise = drawn(partial(jax.random.normal, context.key, dtype=x.dtype), mean.shape)
        a = mean + jnp.exp(log_variance / 2) * noise
        return a, {"x": x, "mean": mean, "log_variance": log_variance, "noise": noise, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dmean = dE/da; dE/dlog_variance = dE/da * noise * exp(log_variance / 2) / 2."""
        d_log = d_out * saved["noise"] * jnp.exp(saved["log_variance"] / 2) / 2
        return Backward(jnp.concatenate([d_out, d_log], axis=-1), {}, d_out)

    @property
    def draws(self) -> bool:
        return True

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape or not isinstance(in_shape[-1], int) or in_shape[-1] % 2:
            raise ShapeError(
                f"{self.label} needs a mean and a logarithm of a variance for each unit, inputs (N, ..., 2 units), "
                f"found {('N', *in_shape)}: give the layer before it an even number of units"
            )
        return (*in_shape[:-1], in_shape[-1] // 2)
