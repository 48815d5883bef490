"""How far bands reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netgrad.training.forecast_bands import reaches, restlessness, widths


@pytest.mark.parametrize("horizon", [1, 6])
@pytest.mark.parametrize("n", [4, 15, 400])
def test_new_errors_of_the_same_kind_lie_within(n, horizon):
    """Errors that grow with the steps ahead: the share of new ones that the bands hold, over many such series."""
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        errors = rng.normal(size=(n * horizon + 20, horizon)) * np.sqrt(np.arange(1, horizon + 1))
        reach = np.array(reaches(errors[:-20], 0.9))
        held.append((np.abs(errors[-20:]) <= reach).mean(0))
    share = np.mean(held, 0)
    assert (share > 0.89).all()
    assert (share < (0.93 if n > 100 else 1.0)).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 5))
def test_more_coverage_reaches_farther_and_scale_goes_through(seed, n, horizon):
    errors = np.random.default_rng(seed).normal(size=(n, horizon))
    some, more = np.array(reaches(errors, 0.5)), np.array(reaches(errors, 0.95))
    assert (some <= more + 1e-12).all()
    np.testing.assert_allclose(reaches(3 * errors, 0.95), 3 * more)
    assert (np.diff(more) >= -1e-12).all()  # few: they do not fall


def test_a_step_of_which_nothing_is_known_has_a_band():
    errors = np.random.default_rng(0).normal(size=(80, 2))
    errors[:, 1] = np.nan
    assert reaches(errors, 0.9)[1] > 0
    assert reaches(np.zeros((80, 2)), 0.9) == (0.0, 0.0)


def test_windows_that_change_more_have_wider_bands():
    x = np.zeros((3, 5, 2))
    x[1, :, 0] = np.arange(5)
    x[2, :, 0] = 100 * np.arange(5)
    x[:, :, 1] = 7  # other inputs have no say
    assert restlessness(x).tolist() == [0, 1, 100]
    assert widths(x, 1.0).tolist() == pytest.approx([1 / 3, 1, 3])
    assert restlessness(x[:, :1]).tolist() == [0, 0, 0]
