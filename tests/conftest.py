"""What all tests share."""

import gc
import os
import shutil
import tempfile
from importlib.metadata import version
from itertools import count
from pathlib import Path

# Nearly all of the suite's time is XLA's, compiling programs that run once: it is told not to optimise them. Set before
# JAX is imported, and inherited by the processes that tests start. XLA aborts over one that it lacks.
os.environ["XLA_FLAGS"] = " ".join(
    [
        "--xla_backend_optimization_level=0",
        "--xla_cpu_parallel_codegen_split_count=1",
        "--xla_cpu_use_fusion_emitters=false" if tuple(map(int, version("jaxlib").split(".")[:2])) < (0, 11) else "",
        os.environ.get("XLA_FLAGS", ""),
    ]
)

# Programs are kept for the length of the run, shared by all its processes: many tests compile the same.
OWN_PROGRAMS = None
if "NETGRAD_PROGRAMS" not in os.environ:
    OWN_PROGRAMS = os.environ["NETGRAD_PROGRAMS"] = tempfile.mkdtemp(prefix="netgrad-programs-")

import hypothesis  # noqa: E402
import jax  # noqa: E402 - reads both
import pytest  # noqa: E402

if jax.default_backend() != "cpu":  # what is called outside of netgrad's programs rounds as JAX is told
    jax.config.update("jax_default_matmul_precision", "float32")

hypothesis.settings.register_profile("untimed", deadline=None)  # how long a case takes is the machine's affair
hypothesis.settings.load_profile("untimed")

TESTS = count(1)
MAPPED = Path("/proc/self/maps")
MOST_MAPPED = 15_000  # Linux allows a process 65,530 mapped regions, and XLA takes several for every program


def pytest_collection_finish():
    """Python no longer looks for garbage among all modules and tests, and seldom elsewhere: a seventh of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure(config):
    """The process that made the folder of programs removes it."""
    if OWN_PROGRAMS:
        shutil.rmtree(OWN_PROGRAMS, ignore_errors=True)


@pytest.fixture
def x64():
    """float64 for the length of one test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def room_for_programs():
    """Compiled programs are dropped before a process has so many that XLA crashes while it compiles the next one.

    netgrad sees to that where it compiles itself (`netgrad.compiling`). Tests of kernels and of single layers compile
    through JAX alone, thousands of small programs with nothing of netgrad's between them.
    """
    yield
    if next(TESTS) % 10 == 0 and MAPPED.exists() and MAPPED.read_bytes().count(b"\n") > MOST_MAPPED:
        jax.clear_caches()
