"""Batch normalisation and the rectifier behind it in one pass, for training when nobody looks.

`netgrad.network.fusion` puts this layer where a graph has the pair; the trace, which shows what comes between them,
runs the pair itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netgrad.layers.activation import ReLU
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.normalisation import BatchNorm
from netgrad.layers.wrapper import Wrapper
from netgrad.types import Array, Params, Saved


@dataclass(frozen=True)
class NormReLU(Wrapper):
    """A rectifier behind ``layer``, a batch normalisation, with its parameters."""

    transparent: ClassVar[bool] = False

    layer: BatchNorm

    @classmethod
    def of(cls, norm: Layer, relu: Layer) -> NormReLU | None:
        """These two layers, one after the other, as one; None where they cannot be."""
        return cls(norm) if type(norm) is BatchNorm and type(relu) is ReLU else None

    def kept(self, saved: Saved) -> dict[str, Any]:
        of_norm: dict[str, Any] = saved["norm"]
        return of_norm

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        if self.layer.natively(x, context):
            a, of_norm = self.layer.by_kernel(params, x, rectified=True)
            return a, {"norm": of_norm, "a": a}
        z, of_norm = self.layer.forward(params, x, context)
        a, of_relu = ReLU().forward({}, z, context)
        return a, {"norm": of_norm, "relu": of_relu, "a": a}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        if "relu" not in saved:
            return self.layer.back_by_kernel(params, saved["norm"], d_out, rectified=True)
        return self.layer.backward(params, saved["norm"], ReLU().backward({}, saved["relu"], d_out).d_in)
