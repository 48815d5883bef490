"""The libraries of the extra ``serve``, or one line that says how to get them."""

from __future__ import annotations

from types import SimpleNamespace

from netgrad.errors import NetgradError


def starlette() -> SimpleNamespace:
    """Starlette's parts, once all of the extra is known to be there."""
    try:
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.middleware import Middleware
        from starlette.routing import Route
    except ImportError as error:
        raise NetgradError(
            f"serving needs {error.name}, which is not installed: pip install 'netgrad[serve]'"
        ) from None
    return SimpleNamespace(Starlette=Starlette, HTTPException=HTTPException, Middleware=Middleware, Route=Route)
