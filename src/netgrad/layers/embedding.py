"""Symbols as vectors that are learned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from netgrad.data.checks import as_labels
from netgrad.errors import NetgradError
from netgrad.initializers import Normal
from netgrad.kernels import single
from netgrad.kernels.single import Op
from netgrad.layers.base import Backward, Context, Layer
from netgrad.registry import find, register
from netgrad.types import Array, Params, Saved, Shape, State


@register("layer", "embedding")
@dataclass(frozen=True)
class Embedding(Layer):
    """Each symbol, a whole number from 0 to ``symbols`` - 1, becomes a vector of ``units`` numbers.

    Inputs (N,), (N, T) or of any shape, outputs of that shape with an axis (units,) more. Parameter W (symbols,
    units), whose rows are the vectors: the layer is a `Dense` layer on the one-hot encoding, without the zeros.
    Training and prediction refuse an unknown symbol with a `DataError`; inside plain JAX code, where nothing can be
    refused, its vector is NaN.

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> layer = ng.Embedding(symbols=5, units=2)
    >>> params = layer.init(jax.random.key(0), (3,))
    >>> layer.forward(params, jnp.array([[0, 4, 4]]), ng.Context())[0].shape
    (1, 3, 2)
    """

    symbols: int
    units: int
    initializer: Any = Normal(0.1)

    def __post_init__(self) -> None:
        for name in ("symbols", "units"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise NetgradError(
                    f"{self.label}: {name} must be a whole number of at least 1, found {getattr(self, name)!r}"
                )
        object.__setattr__(self, "initializer", find("initializer", self.initializer))

    def init(self, key: Array, in_shape: Shape) -> Params:
        return {"W": self.initializer(key, (self.symbols, self.units))}

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        if jnp.issubdtype(x.dtype, jnp.floating) and self.symbols > 2 ** (jnp.finfo(x.dtype).nmant + 1) + 1:
            raise NetgradError(
                f"{self.label} is given its {self.symbols} symbols as {x.dtype} numbers, which are too coarse to tell "
                "them apart: let it stand first in the network, or leave dtype out"
            )
        a = jnp.take(params["W"], x.astype(jnp.int32), axis=0, mode="fill")
        if context.lengths is not None:  # whatever stands in the padding is no symbol
            valid = jnp.arange(x.shape[1]) < context.lengths[:, None]
            a = jnp.where(valid.reshape(*valid.shape, *(1,) * (a.ndim - 2)), a, 0)
        return a, {"x": x, "a": a} | ({} if context.lengths is None else {"lengths": context.lengths})

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/dW adds up, in each symbol's row, the gradients of all places where the symbol stood."""
        x, delta = saved["x"], d_out
        if "lengths" in saved:
            valid = jnp.arange(x.shape[1]) < saved["lengths"][:, None]
            delta = jnp.where(valid.reshape(*valid.shape, *(1,) * (d_out.ndim - 2)), d_out, 0)
        at = x.astype(jnp.int32)
        whole = jnp.promote_types(params["W"].dtype, jnp.float32)  # a sum of many in bfloat16 would come to a halt
        d_W = jnp.zeros(params["W"].shape, whole).at[at].add(delta, mode="drop", wrap_negative_indices=False)
        return Backward(jnp.zeros(x.shape, d_out.dtype), {"W": d_W.astype(params["W"].dtype)}, delta)

    def check_input(self, x: np.ndarray, name: str, lengths: np.ndarray | None) -> np.ndarray:
        return as_labels(x, self.symbols, name, lengths=lengths)

    def single(self, params: Params, state: State, in_shape: Shape) -> tuple[Op, ...] | None:
        if self.symbols > 2**24:  # a float32 does not tell them apart
            return None
        return (single.embedding(params["W"], math.prod(in_shape)),)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (*in_shape, self.units)
