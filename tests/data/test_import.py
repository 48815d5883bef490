"""Importing the data package must stay light: what is heavy comes on first use."""

import os
import subprocess
import sys
from pathlib import Path

import netgrad

HEAVY = ["pandas", "pyarrow", "sklearn", "pooch", "PIL"]


def test_importing_the_data_room_loads_nothing_heavy():
    code = f"import sys, netgrad.data; print([m for m in {HEAVY} if m in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(Path(netgrad.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"
