"""The training as the server holds it: the process that trains, what it said last, and who listens."""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from netgrad.errors import NetgradError

LONGEST = 2**25  # bytes of one message of the process
WAITING = 64  # messages, other than frames, that a listener may be behind
LASTING = ("design", "drawing", "kept", "diagnosis", "frame")  # what a page that is opened now is told first


class Listener:
    """A page that listens: every message in its order, but of frames only the latest."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.frame: str | None = None
        self.something = asyncio.Event()

    def tell(self, kind: str, line: str) -> None:
        """A message to be sent; one that falls too far behind misses the oldest."""
        if kind == "frame":
            self.frame = line
        else:
            self.messages = [*self.messages[-WAITING:], line]
        self.something.set()

    async def next(self) -> list[str]:
        """What has come since the last call, at least one message."""
        await self.something.wait()
        self.something.clear()
        told, self.messages = self.messages, []
        frame, self.frame = self.frame, None
        return told if frame is None else [*told, frame]


class Audience:
    """The pages that listen to a training, and what a page that is opened now is told first.

    source: where the examples come from, see `netgrad.studio.examples.examples`.
    """

    def __init__(self, source: Mapping[str, Any]):
        self.source = dict(source)
        self.listeners: set[Listener] = set()
        self.latest: dict[str, str] = {}

    async def start(self) -> None:
        """The server runs."""

    async def end(self) -> None:
        """The server ends."""

    async def command(self, command: Mapping[str, Any]) -> None:
        """Hand a command to what trains."""
        raise NotImplementedError

    def hear(self, line: str) -> None:
        """Hand on what the training says, and remember what lasts."""
        kind = line[10:].partition('"')[0]  # every message begins with {"kind": "
        if kind == "design":
            self.latest = {}
        if kind in LASTING:
            self.latest[kind] = line
        self.tell(kind, line)

    def tell(self, kind: str, line: str) -> None:
        """Tell every page."""
        for listener in self.listeners:
            listener.tell(kind, line)

    def listen(self) -> Listener:
        """Another page, which first hears how things stand."""
        listener = Listener()
        for kind in LASTING:
            if kind in self.latest:
                listener.tell(kind, self.latest[kind])
        self.listeners.add(listener)
        return listener


class Session(Audience):
    """One training in a process of its own; begun anew where that process ends.

    first: the design it begins with.
    """

    def __init__(self, source: Mapping[str, Any], first: Mapping[str, Any]):
        super().__init__(source)
        self.design = dict(first)
        self.process: asyncio.subprocess.Process | None = None
        self.reading: asyncio.Task[None] | None = None
        self.ends = False

    async def start(self) -> None:
        """Begin the process, with the latest design."""
        with warnings.catch_warnings():
            # JAX warns of forks where it runs already; this one becomes another program at once.
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "netgrad.studio.worker", json.dumps(self.source),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST,
                start_new_session=True,  # control-C is the server's, which ends it
            )  # fmt: skip
        self.reading = asyncio.create_task(self.read(self.process))
        await self.command({"do": "design", "design": self.design})

    async def read(self, process: asyncio.subprocess.Process) -> None:
        """Hand on what the process says, until it ends; then begin another."""
        assert process.stdout is not None
        while raw := await process.stdout.readline():
            line = raw.decode().rstrip()
            if line.startswith('{"kind": "design"'):
                self.design = json.loads(line)["design"]
            self.hear(line)
        await process.wait()
        if not self.ends and process is self.process:
            said = "the process that trains has ended: it begins again, from the first weights"
            self.tell("said", json.dumps({"kind": "said", "message": said}))
            await asyncio.sleep(0.5)
            if not self.ends:
                await self.start()

    async def command(self, command: Mapping[str, Any]) -> None:
        """Hand a command to the process."""
        if self.process is None or self.process.stdin is None or self.process.returncode is not None:
            raise NetgradError("the process that trains is not running: it begins again in a moment")
        try:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            await self.process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise NetgradError("the process that trains has just ended: it begins again in a moment") from None

    async def end(self) -> None:
        """End the process."""
        self.ends = True
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        if self.reading is not None:
            self.reading.cancel()
