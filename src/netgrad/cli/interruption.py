"""Control-C that is not lost: what compiles and collects garbage in C++ now and then swallows a KeyboardInterrupt."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from netgrad.training.callbacks import Callback

_asked = threading.Event()


@contextmanager
def remembered() -> Iterator[None]:
    """While this lasts, an interruption is raised as ever, and remembered for `check`.

    Left alone is a process that ignores it (nohup), one with a handler of its own, and every thread but the first.
    """
    _asked.clear()
    ours = threading.current_thread() is threading.main_thread()
    ours = ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    usual = sys.unraisablehook
    if ours:
        signal.signal(signal.SIGINT, _raise)
        sys.unraisablehook = lambda lost: None if issubclass(lost.exc_type, KeyboardInterrupt) else usual(lost)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            sys.unraisablehook = usual


def check() -> None:
    """Raise what was swallowed."""
    if _asked.is_set():
        raise KeyboardInterrupt


class Interruptible(Callback):
    """Looks after every epoch whether the run is to end; SIGTERM ends it so that a checkpoint is written first."""

    _ours = False

    def on_start(self, run):
        main = threading.current_thread() is threading.main_thread()
        self._ours = main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if self._ours:
            signal.signal(signal.SIGTERM, _end)

    def on_epoch(self, run):
        check()

    def on_end(self, run):
        if self._ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


def _raise(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt
