"""The Makefile has the targets that the documentation names, and continuous integration runs what it must."""

import re
import subprocess
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


SCRIPT = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_landing_runs_every_experiment_after_the_tests():
    made = re.findall(r"^make (\w+)(?: COVERAGE=)?$", SCRIPT, flags=re.MULTILINE)
    assert made == ["lint", "test", "reproduce"]  # whatever the time
    assert "NETGRAD_SLOW=1 .venv/bin/python -m pytest tests/test_compiling.py -k two_thousand" in SCRIPT
    assert re.search(r"^finish networks$", SCRIPT, flags=re.MULTILINE)  # and its failure is the script's
    all_of_them = "--seed $(SEED) --jobs 2 $(if $(AT_MOST),--at-most $(AT_MOST),--out docs/reproduce --page "
    assert all_of_them in commands("reproduce")


@pytest.mark.parametrize(("begun", "asked"), [(51, "--at-most 60"), (49, "--page")])
def test_late_the_long_experiments_are_left_out_and_it_is_said(begun, asked):
    late = SCRIPT[SCRIPT.index("if ((SECONDS > ") : SCRIPT.index("beside 50")]
    script = f"SECONDS={60 * begun + 1}\n{late}\nmake --dry-run --assume-old=.venv/installed reproduce"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert asked in ran.stdout
    assert ("LEFT OUT, 51 minutes gone" in ran.stdout) == (begun == 51)


@pytest.mark.parametrize(("steps", "said", "status"), [
    ("within 0 echo late", "LEFT OUT, 0 minutes gone: echo late\n", 0),
    ("within 9 echo now", "now\n", 0),
    ("within 9 false; echo not here", "", 1),
    ("beside 9 one echo now; finish one", "now\n", 0),
    ("beside 0 one echo late; finish one", "LEFT OUT, 0 minutes gone: echo late\n", 0),
    ("beside 9 one sh -c 'echo why; exit 3'; finish one; echo not here", "why\n", 3),
])  # fmt: skip
def test_what_comes_too_late_is_left_out_and_what_fails_is_the_scripts(steps, said, status, tmp_path):
    functions = SCRIPT[SCRIPT.index("within()") : SCRIPT.index("make lint")]
    script = f"set -euo pipefail\nlogs={tmp_path}\n{functions}{steps}\n"
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.returncode) == (said, status)
