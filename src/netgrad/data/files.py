"""Files to read from: only what is a file, and expanded where it is compressed."""

from __future__ import annotations

import gzip
import stat
from pathlib import Path
from typing import Any

from netgrad.errors import FileError

_OTHERS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def regular(path: str | Path) -> Path:
    """The path of a file, or a `FileError`: reading a device never ends, a pipe or a socket may never begin.

    Links are followed to what they lead to.

    >>> regular("/dev/null")
    Traceback (most recent call last):
    netgrad.errors.FileError: /dev/null is a device: expected a file
    >>> regular("nothing.csv")
    Traceback (most recent call last):
    netgrad.errors.FileError: there is no file nothing.csv
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileError(f"there is no file {path}") from error
    except (OSError, ValueError) as error:  # a loop of links, a folder that may not be entered, a name of NUL
        raise FileError(f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(mode):
        raise FileError(f"{path} is {_OTHERS.get(stat.S_IFMT(mode), 'something else')}: expected a file")
    return path


def opened(path: Path) -> Any:
    """A file as bytes, expanded where it is compressed."""
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")
