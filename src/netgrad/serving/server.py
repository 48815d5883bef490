"""The address: where the server listens, how connections are taken, and how it ends."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from netgrad.errors import NetgradError, warn
from netgrad.serving.app import application
from netgrad.serving.guard import Hosts, is_loopback
from netgrad.serving.limits import BACKLOG, Limits
from netgrad.serving.modelfile import ModelFile
from netgrad.training.model import Model

IDLE = 30  # seconds that an answered connection may stay open without a further request


def serve(
    model: Model,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    ready: Callable[[str], Any] | None = None,
    hosts: Iterable[str] = (),
    file: ModelFile | None = None,
) -> None:
    """Serve the model until interrupted, or told to end (SIGTERM): then what was accepted is answered first.

    host: "127.0.0.1" by default, which only this machine reaches; another address is served with a warning, since
    whoever reaches it may ask. port: 0 for any that is free. ready: is told the URL when requests are taken.
    hosts: names besides the address's own that requests may call the server by, see `Hosts`. file: where the model was
    loaded from, if it is to be said that the file has changed since.

    Raises `NetgradError` where the address is taken or not this machine's, the model's numbers are not finite, or the
    extra ``serve`` is not installed.
    """
    limits = limits or Limits()
    server, listening = prepare(model, host, port, limits, hosts, file)
    if not is_loopback(host):
        warn(f"{host} can be reached from other machines, and whoever reaches it may ask: there is no password here")
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listening.getsockname()[1]}"
    if ready is not None:
        server.ready = lambda: ready(url)
    with listening:
        server.run(sockets=[listening])
    if not server.started:
        raise NetgradError("the server did not start: its log says why")


def prepare(
    model: Model, host: str, port: int, limits: Limits, hosts: Iterable[str] = (), file: ModelFile | None = None
) -> tuple[Any, socket.socket]:
    """The server, not yet running, and the socket that it is to listen on."""
    app = application(model, limits, Hosts(host, hosts), file)
    import uvicorn

    from netgrad.serving.connections import Connection, Server

    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_config=None,  # a process's logging is its own: uvicorn's would close handlers that others have set up
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on who asks, and whoever asks could forge them
        lifespan="on",
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=max(1, round(limits.seconds)),
    )
    return Server(config, limits), listen(host, port)


def listen(host: str, port: int) -> socket.socket:
    """A socket on this address, or one line that says why not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it every answer would take 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise NetgradError(f"cannot listen on {host}, port {port} ({reason}): name another with --port") from None
    return listening
