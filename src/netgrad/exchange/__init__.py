"""Models out to other formats, and in from them."""

from netgrad.exchange.onnx_out import to_onnx

__all__ = ["to_onnx"]
