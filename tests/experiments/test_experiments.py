"""Every experiment that is quick and needs no big data comes out; CI runs them all (`make reproduce`)."""

import re
from pathlib import Path

import pytest

import netgrad
from netgrad.errors import NetgradError
from netgrad.experiments import EXPERIMENTS, Result, find

QUICK = [e.name for e in EXPERIMENTS.values() if e.seconds <= 3 and not e.needs]


@pytest.mark.parametrize("name", QUICK)
def test_quick_experiments_reach_the_text(name):
    result = EXPERIMENTS[name].run(0)
    assert result.rows
    wrong = [row for row in result.rows if row.ok is False]
    assert not wrong


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_says_what_it_is(name):
    chosen = EXPERIMENTS[name]
    assert chosen.title
    assert chosen.source
    assert chosen.run.__doc__


def test_an_unknown_name():
    with pytest.raises(NetgradError, match="did you mean 'power-plant'"):
        find("powerplant")


def test_a_value_that_does_not_come_out_is_said():
    result = Result()
    result.close("a", 1.0, 1.04, 0.05)
    result.tell("b", 3)
    assert result.ok
    result.close("c", [1.0, 2.0], [1.0, 2.1], 0.05)
    assert [row.ok for row in result.rows] == [True, None, False]
    assert not result.ok


DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "texts.md").read_text(encoding="utf-8")


def test_the_page_about_the_texts_names_every_experiment_and_no_other():
    held = {name for line in PAGE.splitlines() if "| held" in line for name in re.findall(r"`([a-z-]+)`", line)}
    uses = PAGE.split("## Uses")[1]
    assert held <= set(EXPERIMENTS)
    missing = [name for name in EXPERIMENTS if name not in held and f"`{name}`" not in uses]
    assert not missing


def test_the_page_about_the_texts_names_what_there_is():
    for dotted in set(re.findall(r"`netgrad\.([A-Za-z_.0-9]+)`", PAGE)):
        found = netgrad
        for part in dotted.split("."):
            found = getattr(found, part)


def test_the_written_page_has_every_experiment_its_figures_and_none_that_failed():
    written = (DOCS / "reproduce.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", written, flags=re.MULTILINE) == list(EXPERIMENTS)
    assert "| **NOT** |" not in written
    assert "It did not run" not in written
    figures = re.findall(r"\]\((reproduce/[^)]+)\)", written)
    assert figures
    assert all((DOCS / figure).is_file() for figure in figures)
    assert sum((DOCS / figure).stat().st_size for figure in figures) < 3e6
