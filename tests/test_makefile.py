"""The Makefile has the targets that the documentation names."""

import re
from pathlib import Path

import pytest

MAKEFILE = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize(("target", "program"), [("fuzz", "tests.fuzz.run"), ("audit", "pip_audit")])
def test_a_target_runs_its_program(target, program):
    rule = re.search(rf"^{target}:.*##.*\n((\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert rule is not None
    assert f"-m {program}" in rule[1]
    assert target in MAKEFILE.split(".PHONY:")[1].splitlines()[0].split()
