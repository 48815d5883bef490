"""Several starts of an experiment: what a share of them is, and early stopping of each for itself."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.experiments import Result
from netgrad.experiments.starts import Curves, fit_starts


@pytest.mark.parametrize(("good", "ok"), [(6, True), (5, False)])
def test_three_quarters_of_the_starts_must_come_out(good, ok):
    result = Result()
    result.most("accuracy", "better", np.linspace(0.1, 0.8, 8), np.arange(8) < good)
    assert result.rows[0].here == f"{good} of 8 (median 0.45, 0.1 to 0.8)"
    assert result.rows[0].ok == ok


def fitted(patience):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=20)  # nothing to learn: held-out losses rise, soon or late
    curves = Curves(rng.normal(size=(30, 3)), rng.normal(size=30), patience)
    net = ng.Sequential([ng.Dense(10, activation="tanh"), ng.Dense(1)])
    models = fit_starts(net, x, y, 4, callbacks=(curves,), learning_rate=0.02, epochs=60, seed=0)
    return curves, models


def test_every_start_stops_for_itself_at_its_smallest_loss():
    curves, _ = fitted(patience=3)
    assert len({len(held) for held in curves.held}) > 1
    for held, losses, model in zip(curves.held, curves.losses, curves.models, strict=True):
        best = int(np.argmin(held))
        assert len(held) == len(losses) == best + 4
        assert model.evaluate(curves.x, curves.y)["loss"] == pytest.approx(held[best], rel=1e-6)


def test_without_patience_all_go_on_to_the_end():
    curves, models = fitted(patience=None)
    assert [len(held) for held in curves.held] == [60] * 4
    for ended, model in zip(curves.models, models, strict=True):
        np.testing.assert_array_equal(ended.predict(curves.x), model.predict(curves.x))
