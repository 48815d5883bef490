"""The errors of netgrad: one line each, that says what was found, what was expected and what to try."""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable

LONGEST = 500  # characters of a message: names and values that it holds may be of any length


class NetgradError(ValueError):
    """Something that the user gave cannot be used; the message is one line and says what to do.

    A `ValueError`, so that code written for scikit-learn's habits catches it.
    The command line prints it without a traceback and exits with status 2.
    A message of more than `LONGEST` characters is cut in its middle, see `shortened`.
    """

    def __init__(self, message: object = ""):
        super().__init__(shortened(str(message)))


class ShapeError(NetgradError):
    """An array or a layer has a shape that does not fit."""


class DataError(NetgradError):
    """The data themselves are unusable: empty, non-finite, of one class, with labels out of range."""


class FileError(NetgradError):
    """A file is missing, truncated, altered or of another kind."""


class DivergenceError(NetgradError):
    """Training met a number that is not finite; the message names the place where it arose."""


class NetgradWarning(UserWarning):
    """Something works, but probably not as meant; the message is one line and says what to look at."""


def warn(message: str) -> None:
    """Issue a `NetgradWarning` that points at the line of the user's that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("netgrad"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, NetgradWarning, stacklevel=level)


def shortened(message: str, most: int = LONGEST) -> str:
    """A message of at most so many characters: what was found stands at its front and what to try at its end.

    >>> shortened("unknown layer 'a': known are " + "b, " * 30 + "z", 60)
    "unknown layer 'a': known are b, b ... b, b, b, b, b, b, b, z"
    """
    if len(message) <= most:
        return message
    cut = " ... "
    front = (most - len(cut)) * 3 // 5
    return f"{message[:front].rstrip()}{cut}{message[front + len(cut) - most :].lstrip()}"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> NetgradError:
    """The error for a name that no registry holds, with the nearest known name suggested.

    >>> unknown_name("activation", "rellu", ["relu", "tanh"])
    NetgradError("unknown activation 'rellu': did you mean 'relu'? (known: relu, tanh)")
    """
    names = sorted(known)
    wanted = str(name).lower()
    near = difflib.get_close_matches(wanted, names, n=1) or [n for n in names if wanted in n.lower()]
    hint = f"did you mean {near[0]!r}? " if near else ""
    return NetgradError(f"unknown {kind} {name!r}: {hint}(known: {', '.join(names)})")
