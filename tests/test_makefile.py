"""The Makefile has the targets that the documentation names, and continuous integration runs what it must."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands(target):
    rule = re.search(rf"^{target}:.*##.*\n((\t.*\n)+)", MAKEFILE, flags=re.MULTILINE)
    assert rule is not None
    return rule[1]


@pytest.mark.parametrize(("target", "program"), [("fuzz", "tests.fuzz.run"), ("audit", "pip_audit")])
def test_a_target_runs_its_program(target, program):
    assert f"-m {program}" in commands(target)
    assert target in MAKEFILE.split(".PHONY:")[1].splitlines()[0].split()


def test_every_landing_runs_every_experiment_after_the_tests():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    made = re.findall(r"^make (\w+)$", script, flags=re.MULTILINE)
    assert made.index("lint") < made.index("test") < made.index("reproduce")
    assert "NETGRAD_SLOW=1 .venv/bin/python -m pytest tests/test_compiling.py -k two_thousand" in script
    assert re.search(r"^finish networks \$networks$", script, flags=re.MULTILINE)  # and its failure is the script's
    options = commands("reproduce").split("netgrad reproduce ")[1].split()[::2]
    assert options == ["--seed", "--jobs", "--out", "--page"]  # and no names: all of them
