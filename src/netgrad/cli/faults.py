"""What becomes of whatever is raised in a command: one line and an exit status; of the unforeseen also a log file."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typer

from netgrad.errors import NetgradError
from netgrad.writing import write_file

# Typer's own errors about the way a command was written (the class above UsageError, wherever it lives).
WrongUsage: Any = typer.BadParameter.__mro__[2]
KEPT = 20  # log files of the unforeseen
FEWER = "use fewer rows, fewer or smaller layers, or a smaller --batch-size"


def tell(error: BaseException, options: Mapping[str, str] | None = None) -> int:
    """Say in one line on the standard error what went wrong, and return the exit status.

    options: those of the command by the name of the argument that they stand for, "batch_size": "--batch-size".
    2 for what the user can put right, 130 after an interruption, 1 for the unforeseen, whose details go to a log file.
    """
    if isinstance(error, SystemExit | typer.Exit):
        code = error.code if isinstance(error, SystemExit) else error.exit_code
        return int(code or 0) if isinstance(code, int | None) else fail(str(code), 1)
    if isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has seen enough
        silence()
        return 0
    if interrupted(error):
        return fail("interrupted", 130)
    if isinstance(error, WrongUsage):
        return _wrong_usage(error)
    if (reason := expected(error)) is not None:
        return fail(in_options(reason, options or {}))
    return fail(f"unforeseen {unforeseen(error)}", 1)


def expected(error: BaseException) -> str | None:
    """The line for what the user can put right; None for the unforeseen."""
    if isinstance(error, NetgradError):
        return str(error)
    if (memory := out_of_memory(error)) is not None:
        return memory
    if isinstance(error, OSError):
        return (
            f"{error.strerror or str(error) or type(error).__name__}{f': {error.filename}' if error.filename else ''}"
        )
    return None


def in_options(message: str, options: Mapping[str, str]) -> str:
    """A message about arguments in the words of the command line.

    >>> in_options("batch_size must be a whole number", {"batch_size": "--batch-size"})
    '--batch-size must be a whole number'
    >>> in_options("try a lower learning rate, clip_norm=1.0, or less", {"clip_norm": "--clip-norm"})
    'try a lower learning rate, --clip-norm 1.0, or less'
    >>> in_options("no names in the first line (header says otherwise)", {"header": "--header"})
    'no names in the first line (--header says otherwise)'
    >>> in_options("cannot write out/batch_size.csv", {"batch_size": "--batch-size"})
    'cannot write out/batch_size.csv'
    """

    def named(found: re.Match[str]) -> str:
        option = options.get(found[1])
        return found[0] if option is None else option + (" " if found[0].endswith("=") else "")

    # Words that only a program writes, and those of plain English where they can mean nothing else.
    for pattern in (
        r"(?<!['\w/.\\-])(\w+_\w+)\b(?![/.\\])=?",
        r"(?<!['\w/.\\-])(\w+)=",
        r"^(\w+)(?= must |, the )",
        r"(?<=^unknown )(\w+)(?= ')",
        r"(?<=\()(\w+)(?= (?:decides|says) otherwise\))",
    ):
        message = re.sub(pattern, named, message)
    return message


def out_of_memory(error: BaseException) -> str | None:
    """What was too large, and what to try, where memory ran out in Python, NumPy or XLA."""
    text = words(error)
    if isinstance(error, MemoryError):
        return f"out of memory{f' ({text[:200]})' if text else ''}: {FEWER}"
    if "RESOURCE_EXHAUSTED" not in text and "Out of memory allocating" not in text:
        return None
    size = re.search(r"(\d+) bytes", text)
    what = f"{size_of(int(size[1]))} at once could not be had" if size else text[:200]
    return f"out of memory ({what}): {FEWER}"


def words(error: BaseException) -> str:
    """What an error says, in one line."""
    try:
        return " ".join(str(error).split())
    except Exception:  # of its own making
        return ""


def size_of(count: int) -> str:
    """Bytes for people.

    >>> size_of(3 * 2**30), size_of(1500)
    ('3.0 GiB', '1.5 KiB')
    """
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if count >= 1024**power:
            return f"{count / 1024**power:,.1f} {unit}"
    return f"{count} bytes"


def interrupted(error: BaseException) -> bool:
    """Whether control-C is behind this: libraries that it meets while they load turn it into errors of their own."""
    return any(isinstance(link, KeyboardInterrupt | typer.Abort) for link in chain(error))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def unforeseen(error: BaseException) -> str:
    """An error that nobody thought of, with where its details are and what to do about it."""
    reason = words(error)[:200]
    said = f"{type(error).__name__}{f': {reason}' if reason else ''}"
    place = log(error)
    if place is None:
        if sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print("".join(traceback.format_exception(error)), end="", file=sys.stderr)
        return f"{said} (details above): please report it with them to the authors of netgrad"
    return f"{said} (details in {place}): please report it with that file to the authors of netgrad"


def log(error: BaseException) -> Path | None:
    """The file with command, versions and traceback: in the user's cache folder, else in that for temporary files."""
    text = details(error).encode(errors="backslashreplace")
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6:06d}.log"
    with contextlib.suppress(Exception):  # no such folder, or none to write in: there is another
        import pooch

        folder = Path(pooch.os_cache("netgrad")) / "errors"
        path = write_file(folder / name, text)
        # By when they were written, and never this one: names of one second are in no order.
        before = sorted(set(folder.glob("error-*.log")) - {path}, key=lambda log: log.stat().st_mtime_ns)
        for old in before[: 1 - KEPT]:
            old.unlink(missing_ok=True)
        return path
    with contextlib.suppress(OSError):
        handle, place = tempfile.mkstemp(suffix=".log", prefix="netgrad-error-")
        with os.fdopen(handle, "wb") as file:
            file.write(text)
        return Path(place)
    return None


def details(error: BaseException) -> str:
    """What helps whoever mends it."""
    return f"{' '.join(sys.argv)}\n{versions()}\n\n{''.join(traceback.format_exception(error))}"


@cache
def versions() -> str:
    """What all this runs on."""
    import platform
    from importlib import metadata

    found = [f"python {platform.python_version()}", platform.platform()]
    for name in ("netgrad", "jax", "jaxlib", "numpy", "optax", "pandas", "pyarrow", "scikit-learn", "typer", "rich"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name} {metadata.version(name)}")
    return ", ".join(found)


def fail(message: str, status: int = 2) -> int:
    """One line on the standard error."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # of one that was closed meanwhile
            print(f"netgrad: {' '.join(message.split())}", file=sys.stderr, flush=True)
    return status


def silence() -> None:
    """Let what is still printed go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _wrong_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # a bare `netgrad`
        print(error.format_message(), file=sys.stderr)
        return 2
    path = error.ctx.command_path if getattr(error, "ctx", None) else "netgrad"
    return fail(f"{error.format_message().rstrip('.')} (see {path} --help)")
