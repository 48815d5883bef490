"""A trained model behind HTTP: `netgrad serve`, and `application` for a server of your own (extra ``serve``).

A request is read and checked (`schema`), waits a moment for others to share one forward pass (`batching`), and is
answered (`app`); `server` binds the address, `connections` takes whoever comes to it, and `guard` turns away requests
that call the server by a name that it has not.
"""

from netgrad.serving.app import application
from netgrad.serving.guard import Hosts
from netgrad.serving.limits import Limits
from netgrad.serving.modelfile import ModelFile
from netgrad.serving.schema import Schema
from netgrad.serving.server import serve

__all__ = ["Hosts", "Limits", "ModelFile", "Schema", "application", "serve"]
