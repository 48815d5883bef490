"""A convolution and the max-pooling after it in one pass, for training and prediction when nobody looks.

Between the two stands the largest array of most image networks; here it is never written to memory. `netgrad.network.
fusion` puts this layer where a graph has the pair, and the trace, which shows that array, runs the pair itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from netgrad import kernels
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.convolution import FUSED, Conv
from netgrad.layers.correlation import arguments, as_filters, has_kernel
from netgrad.layers.pooling import MaxPool
from netgrad.layers.window import as_image, image
from netgrad.layers.wrapper import Wrapper
from netgrad.types import Array, Params, Saved, Shape, Shapes, State


@dataclass(frozen=True)
class ConvPool(Wrapper):
    """``pool`` of ``layer``, a convolution, with its parameters; only pairs that `of` accepts, and no ``lengths``."""

    transparent: ClassVar[bool] = False

    layer: Conv
    pool: MaxPool

    @classmethod
    def of(cls, conv: Layer, pool: Layer) -> ConvPool | None:
        """These two layers, one after the other, as one; None where they cannot be."""
        if type(conv) is not Conv or type(pool) is not MaxPool:
            return None
        plain = conv.activation in FUSED and conv.groups == 1 and conv.depth is None and not conv.flip
        side_by_side = pool.stride in (None, pool.window) and pool.padding == "valid"
        return cls(conv, pool) if plain and side_by_side else None

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        maps = self.layer.result_shape(x.shape[1:])
        if not has_kernel(self.layer.windows(x.shape[1:])):
            z, of_conv = self.layer.forward(params, x, context)
            a, of_pool = self.pool.forward({}, z, context)
            return a, {"conv": of_conv, "pool": of_pool, "a": a}
        settings = self._settings(x.shape[1:], maps)
        a, index = kernels.conv_pool_forward(image(x), as_filters(params["W"]), params.get("b"), **settings)
        pooled = a.reshape(x.shape[0], *self.pool.windows(maps).out, maps[-1])
        return pooled, {"x": x, "a": pooled, "a_image": a, "index": index}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        if "pool" in saved:
            d_maps = self.pool.backward({}, saved["pool"], d_out).d_in
            return self.layer.backward(params, saved["conv"], d_maps)
        x, a, index = saved["x"], saved["a_image"], saved["index"]
        at = self.layer.windows(x.shape[1:])
        settings = self._settings(x.shape[1:], self.layer.result_shape(x.shape[1:]))
        d_a, size = d_out.reshape(a.shape), (1, *at.sizes)[-2:]
        d_x = kernels.conv_pool_input_gradient(d_a, a, index, as_filters(params["W"]), size, **settings)
        dW, db = kernels.conv_pool_weight_gradient(image(x), d_a, a, index, (1, *at.window)[-2:], **settings)
        d_params = {"W": dW.reshape(params["W"].shape)} | ({"b": db} if self.layer.bias else {})
        return Backward(d_x.reshape(x.shape), d_params, d_out)

    def stream_state(self, n: int, in_shape: Shapes) -> State:
        return self.layer.stream_state(n, in_shape) | self.pool.stream_state(n, self.layer.result_shape(in_shape))

    def out_shape(self, in_shape: Shape) -> Shape:
        return self.pool.out_shape(self.layer.out_shape(in_shape))

    def connections(self, in_shape: Shape) -> int:
        return self.layer.connections(in_shape) + self.pool.connections(self.layer.result_shape(in_shape))

    def _settings(self, in_shape: Shape, maps: Shape) -> dict[str, Any]:
        at = self.pool.windows(maps)
        window = (as_image(at) or at).window
        named = self.layer.activation.registered_name
        return {"window": window, "activation": named, **arguments(self.layer.windows(in_shape))}
