"""Whether this process may map the memory that XLA begins with (``ulimit -v``): it would abort in the midst of it.

Measured with jaxlib 0.10.2 on x86-64: 446 MB after the import, and after a first small fit 555 MB and 17 MB for each
thread of XLA's pools, of which there is one a processor; some 128 MB more where threads ask for memory at once, which
the C library then gives heaps of their own. Nearly all of it is only mapped, never used.
"""

from __future__ import annotations

import os

from netgrad.errors import NetgradError

_BEGIN, _PER_THREAD = (580 + 128) << 20, 18 << 20  # bytes


def needed() -> int:
    """How many bytes of address space the import and a first small fit take on this machine."""
    own = os.environ.get("NPROC", "")  # what XLA goes by, too
    threads = int(own) if own.isdecimal() else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return _BEGIN + threads * _PER_THREAD


def check() -> None:
    """Raise `NetgradError`, in one line, where a limit allows less than `needed`."""
    try:
        import resource
    except ImportError:  # another system than Unix
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < needed():
        raise NetgradError(
            f"this process may map {limit >> 20} MB of memory (ulimit -v): netgrad needs {needed() >> 20} MB to begin "
            "with, most of it never used; raise the limit, or bound what is used instead, as a cgroup does"
        )


check()  # here, because `import netgrad` reads this first: afterwards it is too late for one line
