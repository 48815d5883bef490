"""The libraries of the extra ``studio``, or one line that says how to get them."""

from __future__ import annotations

from types import SimpleNamespace

from netgrad.errors import NetgradError


def starlette() -> SimpleNamespace:
    """Starlette's parts, once all of the extra is known to be there."""
    try:
        import uvicorn  # noqa: F401
        import wsproto  # noqa: F401
        from starlette.applications import Starlette
        from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse
        from starlette.routing import Mount, Route, WebSocketRoute
        from starlette.staticfiles import StaticFiles
        from starlette.websockets import WebSocketDisconnect
    except ImportError as error:
        raise NetgradError(
            f"the studio needs {error.name}, which is not installed: pip install 'netgrad[studio]'"
        ) from None
    return SimpleNamespace(
        Starlette=Starlette, FileResponse=FileResponse, HTMLResponse=HTMLResponse, JSONResponse=JSONResponse,
        PlainTextResponse=PlainTextResponse, Mount=Mount, Route=Route, WebSocketRoute=WebSocketRoute,
        StaticFiles=StaticFiles, WebSocketDisconnect=WebSocketDisconnect,
    )  # fmt: skip
