"""The file that a served model was loaded from, which somebody may replace while it is served."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

LOG = logging.getLogger("netgrad.serving")
EVERY = 5.0  # seconds between two looks


class ModelFile:
    """A model file as it is now, to be made before the model is loaded; what comes later is noticed.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "model.safetensors")
    >>> _ = path.write_text("one")
    >>> file = ModelFile(path)
    >>> file.state()
    'as loaded'
    >>> path.unlink()
    >>> file.state()
    'missing'
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._loaded = self._signature()

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def state(self) -> str:
        """Whether it is "as loaded", "changed" or "missing"."""
        now = self._signature()
        return "missing" if now is None else "as loaded" if now == self._loaded else "changed"

    async def watch(self, every: float = EVERY) -> None:
        """Say in the log, once, when the file is no longer what was loaded, until cancelled."""
        before = "as loaded"
        while True:
            now = self.state()
            if now != before and now != "as loaded":
                LOG.warning(
                    "%s is %s: this server goes on with what it loaded, until it is started anew", self.path, now
                )
            before = now
            await asyncio.sleep(every)
