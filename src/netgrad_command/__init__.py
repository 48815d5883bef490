"""What the command `netgrad` starts with: a package of its own, since control-C may come while netgrad is loaded.

Python runs `netgrad/__init__.py`, and with it JAX, before anything below netgrad, and an interruption is not only an
error there: some of the libraries swallow it. There is nothing to clean up yet, so it ends the process at once.
"""

import gc
import os
import signal
import sys

__all__ = ["main"]

YOUNG = 20_000  # objects made until Python looks for garbage: tracing a program makes many, all of them in use


def main() -> int:
    """`netgrad.cli.main` on `sys.argv`."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # and not where it is ignored, as under nohup
        signal.signal(signal.SIGINT, stop)
    from netgrad.cli import main as run
    from netgrad.cli.app import app  # noqa: F401 - and with it all that the commands are made of

    signal.signal(signal.SIGINT, before)
    gc.freeze()  # all that is loaded stays loaded: looking through it for garbage, time and again, finds none
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    return run()


def stop(*_: object) -> None:
    """End the process, in one line."""
    print("netgrad: interrupted", file=sys.stderr, flush=True)
    os._exit(130)
