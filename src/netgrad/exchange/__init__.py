"""Models out to other formats, and in from them."""

from netgrad.exchange.onnx_in import from_onnx
from netgrad.exchange.onnx_out import to_onnx
from netgrad.exchange.torch import from_torch, to_torch

__all__ = ["from_onnx", "from_torch", "to_onnx", "to_torch"]
