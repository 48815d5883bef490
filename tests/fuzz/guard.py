"""What no input may do: raise anything but a one-line `NetgradError`, run code, write, connect, hang, fill memory."""

import os
import resource
import signal
import sys
import warnings
from contextlib import contextmanager

import jax

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
WAITING = 60  # seconds on the clock after which an input hangs, whatever it computes
ADDRESSES = 8 * 2**30  # beyond what the process has at the start: what asks for more is refused by the system

_armed = False


class Harm(BaseException):
    """Something that no input may bring about; no `except Exception` swallows it."""

    @property
    def kind(self):
        """What harms of one cause have in common."""
        return str(self).partition(":")[0]


def _keeps(path):
    """Whether this is the folder of compiled programs, in which JAX may write what it compiled."""
    folder = jax.config.jax_compilation_cache_dir
    return folder is not None and str(path).startswith(folder + os.sep) and str(path).endswith(("-cache", "-atime"))


def _watch(event, arguments):
    if not _armed:
        return
    if event in FORBIDDEN:
        raise Harm(f"{event}: {arguments}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING and not _keeps(arguments[0]):
        raise Harm(f"opened for writing: {arguments[0]}")


sys.addaudithook(_watch)


@contextmanager
def harmless(seconds=10, room=300):
    """A block that may do no harm, and may end with a `NetgradError`.

    seconds: of computing, on all threads together. room: MiB beyond what the process holds at the beginning.
    """
    global _armed

    def late(signum, frame):
        spent = f"{seconds} s of computing" if signum == signal.SIGPROF else f"{WAITING} s"
        raise Harm(f"took long: more than {spent}")

    before = [(kind, signal.signal(kind, late)) for kind in (signal.SIGALRM, signal.SIGPROF)]
    forget_peak()
    held = resident("VmRSS")
    signal.alarm(WAITING)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    _armed = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except NetgradError as error:
        message = str(error)
        if not message.strip() or len(message.splitlines()) != 1:
            raise Harm(f"an error of several lines: {len(message.splitlines())}: {message[:300]!r}") from error
    except Exception as error:
        raise Harm(f"{type(error).__name__}: {str(error)[:300]}") from error
    finally:
        _armed = False
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for kind, handler in before:
            signal.signal(kind, handler)
    if (grown := resident("VmHWM") - held) > room:
        raise Harm(f"took memory: {grown:.0f} MiB for one input")


def limit_memory():
    """Let the system refuse what would fill the memory."""
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESSES, resource.RLIM_INFINITY))


def resident(field):
    """What the system says of this process's memory, in MiB: "VmRSS" now, "VmHWM" at most since `forget_peak`."""
    with open("/proc/self/status", "rb") as file:
        line = next(line for line in file if line.startswith(field.encode()))
    return int(line.split()[1]) / 1024


def forget_peak():
    """Begin anew to look for the most memory."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
