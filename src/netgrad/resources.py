"""What this process may use of the machine: a limit set for it counts, not only what the machine has."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def memory() -> int:
    """The bytes of memory that this process may have: the machine's, its cgroup's or `ulimit -v`, whichever is least.

    A limit on addresses (`ulimit -v`, RLIMIT_AS) counts less what is taken already: libraries reserve gigabytes of
    addresses that they never fill.

    >>> 0 < memory() <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    True
    """
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_of_cgroups(), *_of_addresses()])


def gib(size: float) -> str:
    """A number of bytes in an error.

    >>> gib(3 * 2**29)
    '1.5 GiB'
    """
    return f"{size / 2**30:.1f} GiB"


def _of_cgroups() -> list[int]:
    """The limits of this process's cgroup and of those that hold it, of version 1 and 2."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:  # another system
        return []
    limits = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory") and "memory" not in controllers.split(","):
            continue
        root, name = (CGROUPS, "memory.max") if not controllers else (CGROUPS / "memory", "memory.limit_in_bytes")
        at = root / path.lstrip("/")
        # In a container the path may be the host's: then the container's own root states the limit.
        for folder in (at, *at.parents) if root in (at, *at.parents) else (root,):
            limits += _number(folder / name)
            if folder == root:
                break
    return limits


def _number(file: Path) -> list[int]:
    try:
        text = file.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() and int(text) > 0 else []  # "max" where there is none


def _of_addresses() -> list[int]:
    try:
        import resource
    except ImportError:  # another system
        return []
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return []
    try:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        taken = 0
    return [max(limit - taken, 1)]
