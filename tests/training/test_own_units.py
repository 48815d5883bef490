"""Scores of a regression whose target was scaled are told in the target's own units."""

from dataclasses import replace

import numpy as np
import pytest

import netgrad as ng
from netgrad.data.targets import TargetEncoder


@pytest.mark.parametrize("scaling", ["standardise", "range", "none"])
def test_rmse_is_in_the_targets_own_units(scaling):
    x = np.linspace(-1, 1, 30, dtype=np.float32)[:, None]
    y = 5000 + 700 * np.sin(3 * x[:, 0])
    encoder = TargetEncoder("regression", scaling=scaling).fit(y)
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    model = replace(ng.fit(net, x, encoder.transform(y), epochs=3), target_encoder=encoder)
    expected = np.sqrt(np.mean((model.predict(x) - y) ** 2))
    assert model.evaluate(x, y)["rmse"] == pytest.approx(expected, rel=1e-4)


def test_a_constant_target_is_predicted_without_error():
    x, y = np.eye(3, dtype=np.float32), np.full(3, 7.0)
    encoder = TargetEncoder("regression").fit(y)
    model = replace(ng.fit(ng.Sequential([ng.Dense(1)]), x, encoder.transform(y), epochs=1), target_encoder=encoder)
    assert model.predict(x).tolist() == [7, 7, 7]
    assert model.evaluate(x, y)["rmse"] == 0
