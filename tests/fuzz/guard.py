"""What no input may do: raise anything but a one-line `NetgradError`, run code, write, connect, hang, fill memory."""

import os
import resource
import signal
import sys
import warnings
from contextlib import contextmanager

from netgrad.errors import NetgradError

FORBIDDEN = {
    "os.system",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "pickle.find_class",
    "shutil.rmtree",
    "socket.connect",
    "subprocess.Popen",
    "urllib.Request",
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SECONDS = 60  # after which an input hangs
ROOM = 8 * 2**30  # of addresses beyond what the process has at the start: what asks for more is refused by the system

_armed = False


class Harm(BaseException):
    """Something that no input may bring about; no `except Exception` swallows it."""


def _watch(event, arguments):
    if not _armed:
        return
    if event in FORBIDDEN:
        raise Harm(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING:
        raise Harm(f"opened for writing: {arguments[0]}")


sys.addaudithook(_watch)


@contextmanager
def harmless():
    """A block that may do no harm, and may end with a `NetgradError`."""
    global _armed

    def late(signum, frame):
        raise Harm(f"took longer than {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    _armed = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NetgradError as error:
        message = str(error)
        if not message.strip() or "\n" in message:
            raise Harm(f"an error of {len(message.splitlines())} lines: {message[:300]!r}") from error
    except Exception as error:
        raise Harm(f"{type(error).__name__}: {str(error)[:300]}") from error
    finally:
        _armed = False
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def limit_memory():
    """Let the system refuse what would fill the memory."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))


def peak():
    """The most memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
