"""Compiled programs are kept in the user's cache folder from one process to the next, by JAX's persistent cache.

Two thirds of the time of a small fit is compiling. What was compiled once, for this machine's processor and these
versions of JAX, is found again. ``NETGRAD_PROGRAMS=0`` declines, another folder may be named in its place; where
JAX's own ``JAX_COMPILATION_CACHE_DIR`` is set, that is what holds. The folder is its owner's alone, as what lies in it
is executed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from pathlib import Path

import jax
import jaxlib
import platformdirs

MOST_KEPT = 4000  # files, of 10 KB on average; where there are more, the older half goes


def folder() -> Path | None:
    """Where programs are kept for this machine and these versions; None where they are not."""
    asked = os.environ.get("NETGRAD_PROGRAMS", "")
    if asked == "0":
        return None
    base = Path(asked) if asked else platformdirs.user_cache_path("netgrad") / "programs"
    return base / hashlib.sha256(_machine().encode()).hexdigest()[:16]


def begin() -> None:
    """Point JAX to the folder, unless someone has pointed it elsewhere; without a word where it cannot be had."""
    if getattr(jax.config, "jax_compilation_cache_dir", None) is not None or (place := folder()) is None:
        return
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if hasattr(os, "getuid") and (place.stat().st_uid != os.getuid() or place.stat().st_mode & 0o022):
            return  # others may write there
        make_room(place)
        if not os.access(place, os.W_OK):
            return
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(place))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # A file that another process is about to write is read half: JAX then compiles, which is all there is to say.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache entry")


def make_room(place: Path, most: int = MOST_KEPT) -> None:
    """Remove the files used longest ago where there are more than ``most``, down to half of that."""
    with os.scandir(place) as entries:
        files = [(max(stat.st_atime, stat.st_mtime), entry.path) for entry in entries if (stat := entry.stat())]
    if len(files) > most:
        for _, path in sorted(files)[: len(files) - most // 2]:
            Path(path).unlink(missing_ok=True)  # another process may be at it, too


def _machine() -> str:
    """What a compiled program depends on beside itself: a processor of another kind may not run it."""
    processor = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        pass  # another system than Linux
    return " ".join([platform.machine(), processor, jax.__version__, jaxlib.__version__])
