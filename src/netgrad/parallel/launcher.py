"""`netgrad launch`: starts the processes of a group on this host, watches them, and starts them anew after a fault."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from netgrad.parallel.processes import GROUP, JOINED, LOST

SILENT = 10  # seconds without a sign of life, after which a process counts as hanging
PATIENCE = 2  # seconds in which the others may end by themselves once one has failed
GRACE = 30  # seconds for a checkpoint after SIGTERM


@dataclass
class Launcher:
    """A group's processes on this host.

    arguments: of the command `netgrad` that each runs. count: how many here. coordinator: HOST:PORT of process 0, of
    this host where None. first: the number of the first one here; of: how many there are on all hosts. restart: how
    often all are started again after a fault. seconds: how long they wait for each other in the beginning.
    say: shows a line.
    """

    arguments: Sequence[str]
    count: int
    say: Callable[[str], Any]
    coordinator: str | None = None
    first: int = 0
    of: int | None = None
    restart: int = 0
    seconds: int = 60
    _asked: int = field(default=0, init=False)

    def run(self) -> int:
        """Start them and see them through; the exit status."""
        handlers = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            for left in range(self.restart, -1, -1):
                status, reason = self._attempt()
                if self._asked:
                    return 128 + self._asked
                if reason:
                    again = left > 0 and status == 1
                    self.say(f"{reason}; {'starting again' if again else 'the others were ended'}")
                if status != 1 or not left:
                    return status
            raise AssertionError("the last attempt returns")
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _attempt(self) -> tuple[int, str]:
        """One life of the group: the exit status, and what went wrong if this is the one to say it."""
        with contextlib.ExitStack() as ends:
            coordinator = self.coordinator or f"127.0.0.1:{_free_port()}"
            processes = [ends.enter_context(_Process(self, i, coordinator)) for i in range(self.count)]
            failed: float | None = None
            asked = False
            while any(process.running() for process in processes):
                for process in processes:
                    process.listen()
                hanging = [p for p in processes if p.running() and time.monotonic() - p.heard > SILENT and not asked]
                if hanging:
                    for process in hanging:
                        process.hung = True
                        process.end(signal.SIGKILL)
                if self._asked and not asked:
                    asked = True
                    failed = time.monotonic() + GRACE - PATIENCE
                    for process in processes:
                        process.end(signal.SIGTERM)
                if failed is None and any(not p.running() and p.status != 0 for p in processes):
                    failed = time.monotonic()
                if failed is None and not processes[0].running():
                    failed = time.monotonic() + GRACE  # all is done: time to say farewell
                if failed is not None and time.monotonic() - failed > PATIENCE:
                    for process in processes:
                        process.ended = process.ended or process.running()
                        process.end(signal.SIGKILL)
                time.sleep(0.05)
            for process in processes:
                process.listen()
            return self._verdict(processes, coordinator)

    def _verdict(self, processes: list[_Process], coordinator: str) -> tuple[int, str]:
        bad = [p for p in processes if p.status != 0 and not p.ended]
        if not bad:
            return 0, ""
        at_fault = [p for p in bad if p.hung] or [p for p in bad if p.status not in (LOST, -signal.SIGABRT)]
        if not at_fault:
            if not all(process.joined for process in processes):
                gathered = f"the {self.total} processes of the group did not all come to {coordinator}"
                return 2, f"{gathered} within {self.seconds} seconds"
            return 1, "the connection to another host's processes was lost"
        if any(p.number == 0 and p.status > 0 for p in at_fault):  # it has said why
            zero = next(p for p in at_fault if p.number == 0)
            return zero.status, ""
        one = at_fault[0]
        if one.hung:
            return 1, f"process {one.number} gave no sign of life for {SILENT} seconds"
        if one.status < 0:
            return 1, f"process {one.number} was ended by signal {signal.Signals(-one.status).name}"
        return one.status, f"process {one.number} failed: {one.last_words()}"

    @property
    def total(self) -> int:
        """The processes on all hosts."""
        return self.of or self.count

    def _note(self, number: int, frame: Any) -> None:
        self._asked = self._asked or number


class _Process:
    """One process: of its words, those of number 0 are shown, the others kept for when it fails."""

    def __init__(self, group: Launcher, i: int, coordinator: str):
        self.number = group.first + i
        self.joined = self.ended = self.hung = False
        self.heard = time.monotonic()
        self._pulse, theirs = os.pipe()
        os.set_blocking(self._pulse, False)
        self._words: IO[bytes] | None = None if self.number == 0 else tempfile.TemporaryFile()  # noqa: SIM115 - until it ends
        told = f"{coordinator} {self.number} {group.total} {group.seconds} {theirs}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "netgrad", *group.arguments],
            env={**os.environ, GROUP: told},
            pass_fds=(theirs,),
            stderr=self._words,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # so that control-C comes through the launcher, in order
        )
        os.close(theirs)

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *_: Any) -> None:
        self.end(signal.SIGKILL)
        self._process.wait()
        os.close(self._pulse)
        if self._words is not None:
            self._words.close()

    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def status(self) -> int:
        """How it ended; a negative number is a signal's."""
        return self._process.returncode or 0

    def end(self, number: int) -> None:
        if self.running():
            self._process.send_signal(number)

    def listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while heard := os.read(self._pulse, 4096):
                self.heard = time.monotonic()
                self.joined = self.joined or JOINED in heard

    def last_words(self) -> str:
        """The last line that it wrote."""
        if self._words is None:
            return ""
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        return lines[-1].removeprefix("netgrad: ") if lines else f"exit status {self.status}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
