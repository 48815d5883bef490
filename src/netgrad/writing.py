"""How netgrad writes: files whole or not at all, with the modes that the user's umask asks for; folders one run at a
time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from netgrad.errors import FileError, warn

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def write_file(path: str | Path, data: bytes) -> Path:
    """Write a file whole and make its folders: a reader, or a kill, sees what stood there or the new, never half.

    It gets the mode that the umask leaves, or keeps the one of the file that it replaces; a link stays one, what is no
    plain file (a device, a pipe) is written to. Raises `FileError`, in one line.

    >>> import tempfile
    >>> path = write_file(Path(tempfile.mkdtemp()) / "new" / "a.txt", b"whole")
    >>> path.read_text(), [entry.name for entry in path.parent.iterdir()]
    ('whole', ['a.txt'])
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.write(data)
        else:
            _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from None
    except ValueError as error:  # of a name with a zero in it
        raise FileError(f"cannot write {str(path)!r}: {error}") from None
    return path


def _replace(path: Path, data: bytes) -> None:
    """Write beside the place, flush to disk, then move there."""
    beside = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    handle = os.open(beside, flags, 0o666)  # less what the umask says
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            os.chmod(beside, stat.S_IMODE(path.stat().st_mode))
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


class FolderLock:
    """The right to write in a folder, of one process at a time; the system takes it back when that process dies.

    It is held on a small file ``.lock``, which names the process and stays. Where the file system knows no locks, a
    warning says so and the work goes on.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> first, second = FolderLock(folder), FolderLock(folder)
    >>> first.acquire()
    >>> second.acquire()
    Traceback (most recent call last):
        ...
    netgrad.errors.FileError: another run (process ...) is at work in ...: wait until it ends, or name another folder
    >>> first.release()
    >>> second.acquire()
    >>> second.release()
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._handle: int | None = None

    def acquire(self) -> None:
        """Make the folder and take the lock; `FileError` where another holds it or nothing can be written there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise FileError(f"cannot write in {self.folder}: {error.strerror or error}") from None
        try:
            self._lock(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle

    def _lock(self, handle: int) -> None:
        try:
            _exclusive(handle)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                holder = os.pread(handle, 200, 0).decode(errors="replace").strip() if hasattr(os, "pread") else ""
                raise FileError(
                    f"another run{f' ({holder})' if holder else ''} is at work in {self.folder}: wait until it ends, "
                    "or name another folder"
                ) from None
            warn(f"{self.folder} is on a file system without locks: see to it that no other run writes there")
        with contextlib.suppress(OSError):  # of a full disk: who holds the lock is only for the message
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()}".encode())

    def release(self) -> None:
        """Give the lock back, where it is held."""
        if self._handle is not None:
            if fcntl is not None:  # closing is not enough where a forked child has the handle, too
                fcntl.flock(self._handle, fcntl.LOCK_UN)
            os.close(self._handle)
            self._handle = None


def _on_windows(handle: int) -> None:
    import msvcrt

    os.lseek(handle, 1000, os.SEEK_SET)  # behind the text, which others may read
    msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    os.lseek(handle, 0, os.SEEK_SET)


def _on_unix(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


_exclusive: Callable[[int], None] = _on_windows if fcntl is None else _on_unix
