"""A group of processes that train together: how one joins, and whether all of them mean the same."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import jax
import numpy as np

from netgrad.errors import NetgradError

GROUP = "NETGRAD_GROUP"  # "COORDINATOR PROCESS OF SECONDS PULSE", what `netgrad launch` tells each of its processes
LOST = 75  # the exit status of a process that lost the others
JOINED, ALIVE = b"j", b"."  # what a process tells its launcher
BEAT = 1.0  # seconds
HEARTBEAT = 20  # seconds without a sign until a process on another host counts as dead


def join_if_asked() -> None:
    """Join the group that `netgrad launch` has started this process for, if it did.

    The libraries below write of every lost connection at length; what they write goes nowhere from here on. Only the
    first process shows anything; what another says of an error its launcher shows where it is the one that failed.
    """
    if not (asked := os.environ.pop(GROUP, "")):
        return
    coordinator, process, of, seconds, pulse = asked.split(" ")
    _quiet(shows=process == "0")
    threading.Thread(target=_beat, args=(int(pulse), ALIVE), daemon=True).start()
    join(coordinator, int(process), int(of), int(seconds))
    os.write(int(pulse), JOINED)


def join(coordinator: str, process: int, of: int, seconds: int = 60) -> None:
    """Make this process number ``process`` of ``of``, whose number 0 listens at ``coordinator`` (HOST:PORT).

    Raises `NetgradError` where the port is taken, or nobody listens within ``seconds``.
    """
    host, _, port = coordinator.rpartition(":")
    if process == 0:
        _check_free(host, int(port))
    else:
        _wait_for(host, int(port), seconds)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        coordinator,
        of,
        process,
        initialization_timeout=seconds,
        heartbeat_timeout_seconds=HEARTBEAT,
        shutdown_timeout_seconds=24 * 3600,  # the others wait for the first one's report
    )


def first() -> bool:
    """Whether this process is the one that writes and shows; one that is alone is.

    >>> first()
    True
    """
    return jax.process_index() == 0


_apart: ContextVar[bool] = ContextVar("apart", default=False)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """What is trained within, this process trains alone, though it may belong to a group."""
    before = _apart.set(True)
    try:
        yield
    finally:
        _apart.reset(before)


def together() -> bool:
    """Whether there are other processes that do the same.

    >>> together()
    False
    """
    return jax.process_count() > 1 and not _apart.get()


def agree(facts: Mapping[str, Any]) -> None:
    """Raise `NetgradError` in every process where one of them has another value than the first for one of the facts.

    >>> agree({"seed": 1})
    """
    if not together():
        return
    from jax.experimental.multihost_utils import process_allgather

    digests = [hashlib.sha256(repr(value).encode()).digest()[:8] for value in facts.values()]
    own = np.frombuffer(b"".join(digests), np.uint32).reshape(len(facts), 2)
    every = np.asarray(process_allgather(own)).reshape(jax.process_count(), len(facts), 2)
    for name, others in zip(facts, np.moveaxis(every, 1, 0), strict=True):
        differ = np.flatnonzero((others != others[0]).any(-1))
        if len(differ):
            one = len(differ) == 1
            which = ", ".join(map(str, differ))
            raise NetgradError(
                f"process{'' if one else 'es'} {which} of the group ha{'s' if one else 've'} other {name} than "
                "process 0: start all with the same command, versions and files"
            )


def in_turn(own: bytes) -> Iterator[bytes]:
    """What each process of the group brings, the first one's first; every process gets all of it, piece by piece.

    >>> list(in_turn(b"chunk"))
    [b'chunk']
    """
    from jax.experimental.multihost_utils import broadcast_one_to_all, process_allgather

    sizes = np.asarray(process_allgather(np.array(divmod(len(own), _WORD), np.int32))).reshape(-1, 2)
    for process, size in enumerate((sizes @ [_WORD, 1]).tolist()):
        mine = process == jax.process_index()
        piece = np.zeros(_room(size), np.uint8)
        if mine:
            piece[:size] = np.frombuffer(own, np.uint8)
        yield np.asarray(broadcast_one_to_all(piece, is_source=mine))[:size].tobytes()


_WORD = 2**20  # sizes travel in two numbers, as JAX's whole ones end at 2 GB


def _room(size: int) -> int:
    """A size of messages, an eighth too large at most: each is a program of its own."""
    step: int = max(1024, 2 ** max(0, size.bit_length() - 4))
    return -(-size // step) * step


def lost(error: BaseException) -> bool:
    """Whether an error means that another process of the group is gone."""
    named = type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError", "ValueError")
    return named and jax.process_count() > 1 and re.search(_GONE, str(error)) is not None


_GONE = r"(?i)gloo|coordination service|heartbeat|connection (closed|reset)|peer"


def leave(status: int) -> None:
    """End a process of a group whose others may wait for it, at once."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(status)


def _quiet(shows: bool) -> None:
    """Python's own words go where they always went, those of C++ nowhere."""
    null = os.open(os.devnull, os.O_WRONLY)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if shows or number == 2:
            setattr(sys, name, os.fdopen(os.dup(number), "w", buffering=1, errors="backslashreplace"))
        else:
            setattr(sys, name, os.fdopen(os.dup(null), "w"))
        os.dup2(null, number)


def _beat(pulse: int, sign: bytes) -> None:
    """Tell the launcher every second that this process is alive; without a launcher it has no purpose."""
    while True:
        try:
            os.write(pulse, sign)
        except OSError:
            os._exit(LOST)
        time.sleep(BEAT)


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise NetgradError(
                f"cannot listen at {host}:{port}: {error.strerror or error}; name another --coordinator"
            ) from None


def _wait_for(host: str, port: int, seconds: int) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > until:
                raise NetgradError(
                    f"nobody listened at {host}:{port} for {seconds} seconds ({error.strerror or error}): is process 0 "
                    "started, with the same --coordinator?"
                ) from None
        time.sleep(0.2)
