"""Memory that a training step gives back is kept for the next one.

XLA allocates what a step needs in one block and frees it at the end. The GNU C library returns large blocks to the
system at once, so that each step would begin with empty pages, brought in one fault at a time: a quarter of the step
of an LSTM with 256 units. The price is that up to a gigabyte of freed memory stays with the process.
"""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_KEPT = 1 << 30


def keep_freed_memory() -> bool:
    """Ask the C library for it; False where it has no such switch, or where the environment has decided otherwise.

    ``NETGRAD_KEEP_MEMORY=0`` leaves the C library as it is, and so do its own variables (``MALLOC_...``,
    ``GLIBC_TUNABLES``).
    """
    own = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    if own or os.environ.get("NETGRAD_KEEP_MEMORY", "").strip() == "0":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return False
    # One arena: those of threads can grow to 64 MB only, and larger blocks would come from the system again.
    return all([mallopt(_MMAP_THRESHOLD, _KEPT), mallopt(_TRIM_THRESHOLD, _KEPT), mallopt(_ARENA_MAX, 1)])
