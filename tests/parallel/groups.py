"""Groups of real processes on the loopback, started as users start them."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import netgrad as ng


class Group:
    """`netgrad launch` with these arguments, running; its processes' ids are found by their environment."""

    def __init__(self, *arguments, cwd=None, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netgrad", "launch", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        )

    def members(self):
        """The ids of its processes, by their number in the group."""
        found = {}
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            try:
                environment = Path(f"/proc/{child}/environ").read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            told = re.search(rb"NETGRAD_GROUP=\S+ (\d+) ", environment)
            if told:
                found[int(told[1])] = int(child)
        return found

    def end(self, seconds=300):
        """Exit status, what it showed, and what it said."""
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


def after_epoch(group, folder, epoch, seconds=120):
    """Wait until the group's checkpoint of this epoch lies there, or that of a later one."""
    until = time.monotonic() + seconds
    while last_epoch(folder) < epoch:
        assert group.process.poll() is None, group.process.communicate()
        assert time.monotonic() < until, "no checkpoint came"
        time.sleep(0.02)


def last_epoch(folder):
    """The epoch of the last checkpoint; 0 where there is none."""
    return max((int(path.stem[6:]) for path in folder.glob("epoch-*.safetensors")), default=0)


def kill(group, number, how=signal.SIGKILL):
    os.kill(group.members()[number], how)


def table(path, rows=96, seed=0):
    """A table of numbers with a target that can be learned."""
    x = np.random.default_rng(seed).normal(size=(rows, 3))
    lines = [",".join(f"{v:.4f}" for v in (*row, row[0] - row[1])) for row in x]
    path.write_text("a,b,c,y\n" + "\n".join(lines) + "\n")
    return path


def losses(path):
    return np.asarray(ng.load(path).history["loss"])


def events(log):
    return [json.loads(line)["event"] for line in log.read_text().splitlines()]
