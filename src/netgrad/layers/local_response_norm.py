"""Local response normalisation: every map held back by the maps beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax.numpy as jnp

from netgrad.errors import NetgradError, ShapeError
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import register
from netgrad.types import Array, Params, Saved, Shape


@register("layer", "local_response_norm")
@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """a_i = x_i / s_i^beta with s_i = k + alpha sum of x_j^2 over the ``window`` maps j with i in their middle.

    Inputs and outputs (N, ..., channels); nothing is learned. Beyond the first and last map there are none.

    Args:
        window: an odd number, 5 by default. alpha 1e-4, beta 0.75, k 2: the constants of AlexNet.

    PyTorch and ONNX divide alpha by the window; here it stands as in the paper. Source: Krizhevsky, Sutskever & Hinton
    (2012), 3.3; Pattipati, "CNN Structures", which has batch normalisation in its place.

    >>> import jax.numpy as jnp, netgrad as ng
    >>> layer = ng.LocalResponseNorm(3, alpha=1.0, beta=1.0, k=0.0)
    >>> layer.forward({}, jnp.array([[1.0, 2.0, 0.0, 4.0]]), ng.Context())[0].tolist()
    [[0.20000000298023224, 0.4000000059604645, 0.0, 0.25]]
    """

    window: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    def __post_init__(self) -> None:
        if not isinstance(self.window, int) or self.window < 1 or self.window % 2 == 0:
            raise NetgradError(f"{self.label}: window must be an odd whole number, found {self.window!r}")
        for name in ("alpha", "beta", "k"):
            if not 0 <= getattr(self, name) < math.inf:
                raise NetgradError(f"{self.label}: {name} must be a number of at least 0, found {getattr(self, name)}")

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        s = self.k + self.alpha * self._summed(x * x)
        return x * s**-self.beta, {"x": x, "s": s, "a": x * s**-self.beta}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """x_i moves a_i, and through s every a_j whose window i lies in:

        dE/dx_i = s_i^-beta dE/da_i - 2 alpha beta x_i sum over those j of dE/da_j x_j s_j^(-beta - 1).
        """
        x, s = saved["x"], saved["s"]
        through = self._summed(d_out * x * s ** (-self.beta - 1))
        return Backward(d_out * s**-self.beta - 2 * self.alpha * self.beta * x * through, {}, d_out)

    def _summed(self, v: Array) -> Array:
        """The sum over the window around every map."""
        padded = jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(self.window // 2,) * 2])
        return sum((padded[..., i : i + v.shape[-1]] for i in range(1, self.window)), padded[..., : v.shape[-1]])

    def out_shape(self, in_shape: Shape) -> Shape:
        if not in_shape or not isinstance(in_shape[-1], int):
            raise ShapeError(f"{self.label} needs inputs of shape (N, ..., channels), found {('N', *in_shape)}")
        return in_shape
