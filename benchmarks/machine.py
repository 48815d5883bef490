"""The machine's own limits, measured in the same run: the rate of a matrix product and the bandwidth of a copy."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np


def matrix_rate(n: int = 1024) -> float:
    """Floating-point operations a second of the best of several (n, n) products in float32, by NumPy's BLAS."""
    a = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    b = a.copy()
    return 2 * n**3 / _best(lambda: a @ b)


def copy_bandwidth(megabytes: int = 256) -> float:
    """Bytes a second read and written by a copy of an array far larger than the caches."""
    a = np.ones(megabytes << 17)
    b = np.empty_like(a)
    return 2 * a.nbytes / _best(lambda: np.copyto(b, a))


def _best(work: object, rounds: int = 7) -> float:
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        work()  # type: ignore[operator]
        best = min(best, time.perf_counter() - begin)
    return best


def description() -> str:
    """Processor, number of cores this process may use, and Python."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores, Python {platform.python_version()}"
