"""What went wrong in a rule, said in one line that names the place in the file or the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netgrad.errors import NetgradError

LONGEST = 400  # characters of a line: names and shapes in a file from strangers may be long


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Whatever is raised inside becomes a `NetgradError` of one line that begins with the place.

    >>> with naming("operator Gather 'it'"):
    ...     [][1]
    Traceback (most recent call last):
    netgrad.errors.NetgradError: operator Gather 'it': IndexError: list index out of range
    """
    try:
        yield
    except Exception as error:
        known = isinstance(error, NetgradError)
        raise NetgradError(f"{place}: {said(error)}") from (None if known else error)


def said(error: Exception) -> str:
    """An exception in one line; the kind stands before it where the message is not written by us."""
    words = " ".join(str(error).split())
    if not isinstance(error, NetgradError):
        kind = "out of memory" if isinstance(error, MemoryError) else type(error).__name__
        words = f"{kind}: {words}" if words else kind
    return words if len(words) <= LONGEST else words[:LONGEST] + " ..."
