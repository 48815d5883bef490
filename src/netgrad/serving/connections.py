"""Connections: how they are accepted, what they ask, and how they end; uvicorn with its gaps filled."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from netgrad.serving.app import error
from netgrad.serving.limits import BACKLOG, Limits

LOG = logging.getLogger("netgrad.serving")
CLOSE = (b"connection", b"close")
QUIET = 0.5  # seconds that a connection without a request is left open when the server ends: one may be on its way
LINGER = 1.0  # seconds that what is still on its way to a closed connection is taken in
AGAIN = 0.5  # seconds until a connection is accepted again after none could be


class Lingering:
    """A transport that closes in two steps: it says that no more will come, and takes in what is still on its way.

    Closing at once resets the connection where something has arrived unread, and the client may lose its answer.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop):
        self._transport, self._loop = transport, loop
        self._closing = False
        self.all_heard = False  # nothing more can come

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether no more will be sent."""
        return self._closing or self._transport.is_closing()

    def close(self) -> None:
        """Send what is yet to be sent, and no more."""
        if self.all_heard:
            self._transport.close()
        elif not self.is_closing():
            self._closing = True
            self._transport.write_eof()
            self._transport.resume_reading()
            self._loop.call_later(LINGER, self._transport.close)


class Connection(H11Protocol):
    """A connection, whose client has ``seconds`` for the head of a request.

    uvicorn itself waits for ever for it, so a few hundred clients that say nothing would keep everybody else out;
    it drops a client that has shut its side of the connection down and waits for the answer; and it resets connections
    on which something has just arrived, when the server ends and after an answer that is the last.
    """

    seconds = 30.0
    most = 500  # connections that are open at once and heard; others are told to come back
    _timer: asyncio.TimerHandle | None = None

    @property
    def _busy(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        self.served = self.app
        super().connection_made(Lingering(transport, self.loop))  # type: ignore[arg-type]
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        crowded = len(self.connections) > self.most
        self.app = (
            error(503, f"{self.most} connections are open: try again later", close=True) if crowded else self.served
        )
        super().data_received(data)
        if self._busy:  # a head is complete
            self._stop_timer()
        elif self._timer is None:  # the next has begun, or there is more of a body that nobody reads
            self._timer = self.loop.call_later(self.seconds, self._give_up)

    def eof_received(self) -> bool:  # type: ignore[override]
        self.transport.all_heard = True  # type: ignore[attr-defined]
        if self.transport.is_closing():
            return False
        self._end_if_all_answered()
        return True  # for asyncio not to close

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.all_heard:  # type: ignore[attr-defined]
            self._end_if_all_answered()

    def _end_if_all_answered(self) -> None:
        if not self._busy:
            self.transport.close()
        elif self.cycle.more_body:
            self.send_400_response("the request ended before its body was complete")

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: the answer under way is the last, and so is one to a request that is on its way."""
        if self._busy:
            self.cycle.default_headers = [*self.cycle.default_headers, CLOSE]
        else:
            self.loop.call_later(QUIET, self._end_if_quiet)

    def _end_if_quiet(self) -> None:
        if not self._busy and not self.transport.is_closing():
            if self.conn.trailing_data[0]:  # half a head: its own time is limited
                self.loop.call_later(QUIET, self._end_if_quiet)
            else:
                self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if self._busy:  # with a request that will never be whole
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        reason = "this is no HTTP request" if msg.startswith("Invalid") else msg
        body = json.dumps({"error": reason}).encode() + b"\n"
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), CLOSE]
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


class Server(uvicorn.Server):
    """uvicorn's server, which accepts its connections itself.

    asyncio's own way to accept them complains thousands of times a second once no file descriptor is left, and
    forgets those that come in as it ends.
    """

    def __init__(self, config: uvicorn.Config, limits: Limits):
        super().__init__(config)
        self.limits = limits
        self.ready: Callable[[], Any] | None = None
        self.taking: set[asyncio.Task] = set()
        self.refused = False  # that no connection could be accepted is said once

    def run(self, sockets: Any = None) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:  # others have no add_reader
            runner.run(self.serve(sockets))

    async def startup(self, sockets: Any = None) -> None:
        await super().startup([])
        self.loop = asyncio.get_running_loop()
        self.listening: socket.socket = sockets[0]
        self.listening.setblocking(False)
        self.loop.add_reader(self.listening, self.accept)
        if self.ready is not None:
            self.ready()

    def accept(self) -> None:
        """Take the connections that wait."""
        for _ in range(BACKLOG):
            try:
                connection, _address = self.listening.accept()
            except BlockingIOError:  # all are taken
                self.refused = False
                break
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self.loop.remove_reader(self.listening)
                self.loop.call_later(AGAIN, self.accept_again)
                if not self.refused:
                    LOG.warning("no connection can be accepted (%s): trying again until one can", error.strerror)
                self.refused = True
                break
            connection.setblocking(False)
            task = self.loop.create_task(self.take(connection))
            self.taking.add(task)
            task.add_done_callback(self.taking.discard)

    def accept_again(self) -> None:
        """After none could be accepted."""
        if not self.should_exit:
            self.loop.add_reader(self.listening, self.accept)

    async def take(self, connection: socket.socket) -> None:
        """Talk to whoever has connected."""

        def made() -> Connection:
            new = Connection(self.config, self.server_state, self.lifespan.state, self.loop)
            new.seconds, new.most = self.limits.seconds, self.limits.connections
            return new

        await self.loop.connect_accepted_socket(made, connection)

    def handle_exit(self, sig: int, frame: Any) -> None:
        if sig == signal.SIGTERM:  # an orderly end, not one by a signal
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: Any = None) -> None:
        """Answer what was accepted, and say with the answer that the connection ends."""
        self.loop.remove_reader(self.listening)
        self.accept()  # those that the system has accepted on our behalf
        self.listening.close()
        if self.taking:
            await asyncio.wait(self.taking)
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        await super().shutdown()
