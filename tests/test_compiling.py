"""Programs compile on every version of XLA, with the settings that it knows."""

import jax
import pytest

from netgrad import compiling
from netgrad.compiling import Program


def test_settings_that_xla_does_not_know_are_left_out(monkeypatch):
    monkeypatch.setattr(compiling, "SETTINGS", {"xla_no_such_setting": False, "xla_nor_this": 3})
    monkeypatch.setattr(compiling, "_unknown", set())
    twice = Program(lambda x: 2 * x)
    assert twice(3.0) == 6
    assert compiling._unknown == {"xla_no_such_setting", "xla_nor_this"}
    assert Program(lambda x: 3 * x)(3.0) == 9  # asked without them at once


def test_other_errors_of_xla_are_not_swallowed():
    def fails(x):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")

    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        Program(fails)(1.0)
