"""Groups of real processes on the loopback, started as users start them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
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


def apart_from_one(processes, folder, *works, seconds=300, slurm=False):
    """By which share losses of so many processes differ at most from those of one, by work of `one_of_a_group`.

    slurm: they are told where they are by the variables that Slurm sets, and by nothing else.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": str(processes)}
    running = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.parallel.one_of_a_group",
                "slurm" if slurm else place,
                str(i),
                str(processes),
                folder,
                *works,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu"}
            | (job | {"SLURM_PROCID": str(i), "SLURM_LOCALID": str(i)} if slurm else {}),
        )
        for i in range(processes)
    ]
    try:
        said = [process.communicate(timeout=seconds) for process in running]
    finally:
        for process in running:
            process.kill()
    assert all(process.returncode == 0 for process in running), said[0][1][-3000:] + said[-1][1][-3000:]
    return json.loads(said[0][0].splitlines()[-1])


def assert_dealt_out(folder, processes):
    """After a look at the first row group, each process has read its share in each of 3 epochs, and all of them all."""
    read = [json.loads((folder / f"read-{i}.json").read_text()) for i in range(processes)]
    assert [len(one[1:]) for one in read] == [3 * len(range(i, 5, processes)) for i in range(processes)]
    assert Counter(number for one in read for number in one[1:]) == dict.fromkeys(range(5), 3)
