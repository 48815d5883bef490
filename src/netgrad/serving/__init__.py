"""A trained model behind HTTP: `netgrad serve`, and `application` for a server of your own (extra ``serve``).

A request is read and checked (`schema`), waits a moment for others to share one forward pass (`batching`), and is
answered (`app`); `server` binds the address and drops connections that dawdle.
"""

from netgrad.serving.app import application
from netgrad.serving.limits import Limits
from netgrad.serving.schema import Schema
from netgrad.serving.server import serve

__all__ = ["Limits", "Schema", "application", "serve"]
