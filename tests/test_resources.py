"""How much memory the process may have."""

import os
import subprocess
import sys

import pytest

from netgrad import resources
from netgrad.resources import memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def cgroups(tmp_path, monkeypatch):
    """Folders that stand for the system's, and what tells which of them is the process's own."""
    monkeypatch.setattr(resources, "CGROUPS", tmp_path)
    monkeypatch.setattr(resources, "OWN_CGROUP", tmp_path / "own")
    return tmp_path


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/a/b", {"a/b/memory.max": "max\n", "a/memory.max": f"{2**20}\n"}, 2**20),
        ("0::/a/b", {"a/b/memory.max": f"{2**19}\n", "a/memory.max": f"{2**20}\n"}, 2**19),
        ("0::/of/the/host", {"memory.max": f"{2**20}\n"}, 2**20),
        ("4:cpu:/x\n7:memory:/a", {"memory/a/memory.limit_in_bytes": f"{2**21}"}, 2**21),
        ("4:cpu:/x\n7:memory:/a", {"memory/a/memory.limit_in_bytes": f"{2**63 - 4096}"}, MACHINE),
        ("0::/a", {"a/memory.max": "max"}, MACHINE),
        ("0::/", {}, MACHINE),
        (None, {}, MACHINE),
    ],
)
def test_the_least_limit_of_the_cgroups_counts(cgroups, own, files, expected):
    for name, content in files.items():
        (cgroups / name).parent.mkdir(parents=True, exist_ok=True)
        (cgroups / name).write_text(content)
    if own is not None:
        (cgroups / "own").write_text(own)
    assert memory() == expected


def test_a_limit_on_addresses_counts_less_what_is_taken():
    code = """
import resource
from netgrad.resources import memory
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
print(memory())
"""
    found = int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert 0 < found < min(8 * 2**30, MACHINE + 1)
