"""The studio's address: where it listens, its token, and how it ends."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from netgrad.errors import NetgradError, warn
from netgrad.serving.guard import Hosts, is_loopback
from netgrad.serving.server import listen
from netgrad.studio import runs
from netgrad.studio.app import LONGEST_COMMAND, application
from netgrad.studio.extra import starlette
from netgrad.studio.session import Audience

PORT = 7007
NEXT = 20  # ports that are tried after it


def prepare(
    session: Audience,
    host: str = "127.0.0.1",
    port: int | None = None,
    hosts: Iterable[str] = (),
    folder: Path | None = None,
) -> tuple[Any, socket.socket, str]:
    """The server, not yet running, its socket, and the whole address.

    port: None for 7007, or the next that is free; 0 for any.
    """
    starlette()  # what is missing is said before a port is taken
    token = secrets.token_urlsafe(24)
    listening = free(host) if port is None else listen(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listening.getsockname()[1]}/?token={token}"

    def stranger() -> None:
        warn(f"a page of another studio asks here, without this one's token: open {url} instead")

    app = application(session, Hosts(host, hosts), token, folder or runs.usual_folder(), stranger)
    import uvicorn

    if not is_loopback(host):
        warn(f"{host} can be reached from other machines: whoever has the address with its token may train here")
    config = uvicorn.Config(
        app, ws="wsproto", ws_max_size=4 * LONGEST_COMMAND, log_config=None, log_level="warning", access_log=False,
        server_header=False, proxy_headers=False, lifespan="on", timeout_graceful_shutdown=1,
    )  # fmt: skip
    return uvicorn.Server(config), listening, url


def free(host: str) -> socket.socket:
    """A socket on the usual port, or on the next one that is not taken."""
    for port in range(PORT, PORT + NEXT):
        try:
            return listen(host, port)
        except NetgradError as error:
            reason = error
    raise reason


def serve(ready: Callable[[str], Any], **asked: Any) -> None:
    """Run the studio until it is interrupted. ready: is told the address; asked: as for `prepare`."""
    server, listening, url = prepare(**asked)
    ready(url)
    with listening:
        server.run(sockets=[listening])
    if not server.started:
        raise NetgradError("the studio did not start: its log says why")
