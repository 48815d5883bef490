"""The perceptrons of the Reber experiment are trained on seven symbols: the same descent as on all positions."""

import jax
import numpy as np

import netgrad as ng
from netgrad.data.reber import reber
from netgrad.experiments.reber import perceptron, train


def test_seven_weighted_symbols_stand_for_all_positions():
    strings = reber(40, min_length=10, seed=0)
    whole = train([ng.Dense(4, activation="tanh")], strings, 30, seed=3)
    symbols = perceptron((4,), strings, 30, seed=3)
    assert whole.network == symbols.network
    for a, b in zip(jax.tree.leaves(whole.params), jax.tree.leaves(symbols.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    np.testing.assert_allclose(whole.predict(strings.x), symbols.predict(strings.x), atol=1e-5)
