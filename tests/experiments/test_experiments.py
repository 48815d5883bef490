"""Every experiment that is quick and needs no big data comes out; CI runs them all (`make reproduce`)."""

import pytest

from netgrad.errors import NetgradError
from netgrad.experiments import EXPERIMENTS, Result, find

QUICK = [e.name for e in EXPERIMENTS.values() if e.seconds <= 10 and not e.needs]


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
