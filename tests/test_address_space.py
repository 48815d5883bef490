"""A limit on the memory that a process may map: one line where XLA would abort, and enough where it is let by."""

import subprocess
import sys

import pytest

from netgrad import address_space

pytest.importorskip("resource", reason="only Unix limits what a process maps")

FIT = (
    "import resource, sys; limit = int(sys.argv[1]); resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
    "import numpy as np, netgrad as ng\n"
    "ng.fit(ng.Sequential([ng.Dense(3), ng.Dense(1)]), np.ones((8, 6)), np.arange(8.0), epochs=1)\n"
    "print('fitted')\n"
)


def fitted(limit):
    return subprocess.run([sys.executable, "-c", FIT, str(limit)], capture_output=True, text=True)


def test_a_limit_that_xla_would_abort_under_is_said():
    run = fitted(address_space.needed() - (100 << 20))
    assert run.returncode == 1
    assert "may map" in run.stderr.splitlines()[-1]
    assert "ulimit -v" in run.stderr.splitlines()[-1]


def test_under_the_least_limit_a_small_network_is_fitted():
    run = fitted(address_space.needed())
    assert run.stdout == "fitted\n", run.stderr[-500:]
