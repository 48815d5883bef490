"""How many steps a method took, and which start its figure shows."""

import numpy as np

from netgrad.experiments.optimisers import STEPS, Curves


def test_steps_to_a_hundredth_and_the_start_in_the_middle():
    fast, slow, never = np.full(STEPS, 0.5), np.full(STEPS, 0.5), np.full(STEPS, 0.5)
    for curve in (fast, slow, never):
        curve[0] = 1
    fast[10:], slow[30:] = 0.001, 0.001
    curves = Curves(np.array([never, fast, slow]), seconds=1e-6)
    assert curves.steps_to().tolist() == [STEPS, 10, 30]
    np.testing.assert_array_equal(curves.typical, slow)
