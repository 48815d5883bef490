"""Experiments side by side, each in a process of its own: one that crashes takes none of the others with it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MAIN = "import sys; from netgrad.cli import main; sys.exit(main())"


def perform_all(experiments: list[Any], seed: int, out: Path | None, jobs: int) -> list[dict[str, Any]]:
    """What `perform` finds of each, in their order; ``jobs`` run at a time, the longest first, each shown when done."""
    with ThreadPoolExecutor(jobs) as pool:
        longest_first = sorted(experiments, key=lambda experiment: -experiment.seconds)
        running = {e.name: pool.submit(_perform, e, seed, out) for e in longest_first}
        return [running[e.name].result() for e in experiments]


def _perform(experiment: Any, seed: int, out: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "rows.json"
        command = [sys.executable, "-c", MAIN, "reproduce", experiment.name, "--seed", str(seed)]
        command += ["--json", str(found)] + ([] if out is None else ["--out", str(out)])
        done = subprocess.run(command, capture_output=True, text=True)
        # Without the count at the end, of one experiment.
        print(done.stdout.rsplit("\n", 2)[0] if found.exists() else done.stdout, flush=True)
        if found.exists():
            return json.loads(found.read_text())["experiments"][0]
    said = (done.stderr.strip() or "it said nothing").splitlines()[-1]
    print(f"{experiment.name} failed with status {done.returncode}: {said}", flush=True)
    what = {"name": experiment.name, "title": experiment.title, "source": experiment.source}
    return what | {"ok": False, "failed": f"status {done.returncode}: {said}"}
