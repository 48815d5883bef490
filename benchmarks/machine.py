"""The machine: its limits, measured in the same run, its state from work to work, and a narrower one in its place."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

# What holds every contender to an older instruction set than the processor has. NumPy's OpenBLAS and XLA's own code
# obey; so does PyTorch's, and oneDNN; MKL does on processors of its maker alone. XLA gives large products to a library,
# YNNPACK, that looks at the processor itself: without that, they go through oneDNN.
NARROWER = {
    "avx2": {
        "NETGRAD_KERNELS": "avx2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type=",
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    }
}


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


def state() -> dict[str, Any]:
    """How the machine is just now: load, and both limits in a quick form; neighbours and a hot processor show here."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {"load": load, "matrix_rate": matrix_rate(512), "copy_bandwidth": copy_bandwidth(64)}


def instruction_set() -> str:
    """The one that netgrad's kernels were compiled for, of those there are the newest that runs here."""
    from netgrad import kernels

    return kernels.status().instruction_set or str(kernels.status())


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
