"""The onnx library, loaded on first use."""

from __future__ import annotations

from typing import Any

from netgrad.errors import NetgradError


def onnx() -> Any:
    """The module `onnx`, or a `NetgradError` that says how to install it."""
    try:
        import onnx
    except ImportError:
        raise NetgradError("ONNX files need the onnx library: pip install 'netgrad[onnx]'") from None
    return onnx
