"""Whatever the geometry, XLA computes the reference rightly and lives: in processes of their own, as it may not."""

import os
import subprocess
import sys

import pytest

from netgrad import kernels

pytestmark = pytest.mark.sanitize
slow = pytest.mark.skipif(not os.environ.get("NETGRAD_SLOW"), reason="five minutes: NETGRAD_SLOW=1 runs it")


def run(count, seed, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.geometries", str(count), str(seed)],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    lines = done.stdout.splitlines() or ["nothing"]
    assert (done.returncode, lines[-1]) == (0, "all right"), done.stderr[-1500:]


@pytest.mark.parametrize("count", [25, pytest.param(600, marks=[slow, pytest.mark.slow])])
def test_without_kernels_every_geometry_is_computed(count):
    run(count, 1, NETGRAD_KERNELS="0")


@pytest.mark.skipif(not kernels.status().active, reason="no native kernels")
@pytest.mark.parametrize("count", [25, pytest.param(600, marks=[slow, pytest.mark.slow])])
def test_with_kernels_too(count):
    run(count, 2)
