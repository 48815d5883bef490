"""Models out to other formats, and in from them."""

from netgrad.exchange.onnx_in import from_onnx
from netgrad.exchange.onnx_out import to_onnx

__all__ = ["from_onnx", "to_onnx"]
