"""Freed memory stays with the process, unless the environment says otherwise."""

import platform

import pytest

from tests.kernels.test_dispatch import python

FAULTS = """
import resource, netgrad
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(48 << 20)[::4096] = bytes(48 << 8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults(), faults()
print(faults())
"""
gnu = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library has the switch")


@gnu
def test_a_large_block_is_faulted_in_once():
    assert int(python(FAULTS)) < 1000 < int(python(FAULTS, NETGRAD_KEEP_MEMORY="0"))


@pytest.mark.parametrize("variable", ["NETGRAD_KEEP_MEMORY", "MALLOC_ARENA_TEST"])
def test_the_environment_can_decline(variable):
    code = "from netgrad.kernels.allocation import keep_freed_memory; print(keep_freed_memory())"
    assert python(code, **{variable: "0"}) == "False"
