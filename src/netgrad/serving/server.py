"""The address, and the connections: uvicorn, which learns here to drop those that dawdle."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from collections.abc import Callable
from typing import Any

from netgrad.errors import NetgradError, warn
from netgrad.serving.app import application
from netgrad.serving.limits import Limits
from netgrad.training.model import Model

IDLE = 30  # seconds that an answered connection may stay open without a further request
CLOSING = 5  # seconds that requests in progress are given when the server is interrupted
BACKLOG = 512  # connections that the system accepts on the server's behalf


def serve(
    model: Model,
    host: str = "127.0.0.1",
    port: int = 8000,
    limits: Limits | None = None,
    ready: Callable[[str], Any] | None = None,
) -> None:
    """Serve the model until interrupted.

    host: "127.0.0.1" by default, which only this machine reaches; another address is served with a warning, since
    whoever reaches it may ask. port: 0 for any that is free. ready: is told the URL when requests are taken.

    Raises `NetgradError` where the address is taken or not this machine's, or the extra ``serve`` is not installed.
    """
    limits = limits or Limits()
    server, listening = prepare(model, host, port, limits)
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


def prepare(model: Model, host: str, port: int, limits: Limits) -> tuple[Any, socket.socket]:
    """The server, not yet running, and the socket that it is to listen on."""
    app = application(model, limits)
    import uvicorn

    config = uvicorn.Config(
        app,
        http=protocol(limits.seconds),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here depends on who asks, and whoever asks could forge them
        lifespan="on",
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=CLOSING,
        limit_concurrency=limits.connections,
    )

    class Server(uvicorn.Server):
        ready: Callable[[], Any] | None = None

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started and self.ready is not None:
                self.ready()

    return Server(config), listen(host, port)


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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def protocol(seconds: float) -> type:
    """uvicorn's HTTP protocol, with a limit on the time that the head of a request may take and with JSON errors.

    uvicorn itself waits for ever for the head of a request, so a few hundred clients that say nothing would keep
    everybody else out.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Protocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._timer = self.loop.call_later(seconds, self._give_up)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:  # a head is complete
                self._stop_timer()
            elif self._timer is None and self.conn.trailing_data[0]:  # the next one has begun
                self._timer = self.loop.call_later(seconds, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_timer()
            super().connection_lost(exc)

        def send_400_response(self, msg: str) -> None:
            body = json.dumps({"error": "this is no HTTP request"}).encode() + b"\n"
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            try:
                head = self.conn.send(h11.Response(status_code=400, headers=headers))
                self.transport.write((head or b"") + body)
            except h11.LocalProtocolError:  # an answer is on its way already
                pass
            self.transport.close()

        def _stop_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _give_up(self) -> None:
            self._timer = None
            self.transport.abort()

    return Protocol
