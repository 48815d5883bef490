"""The range test suggests a rate that is stable and that learns."""

import numpy as np
import pytest

import netgrad as ng
from netgrad.training.learning_rate import judge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = X @ [1.0, -2.0, 0.5, 3.0]


def test_plain_gradient_descent_on_a_quadratic():
    """Stable up to 2 / (largest curvature), which is about 2 here; far below it nothing moves."""
    test = ng.find_learning_rate(ng.Sequential([ng.Dense(1)]), X, Y, optimizer="sgd", highest=100.0)
    assert 0.01 < test.suggestion < 2
    assert len(test.rates) == len(test.losses) == len(test.smooth) < 100  # it broke down, and was cut there
    assert test.rates[-1] < 100


def test_the_suggestion_learns():
    net = ng.Sequential([ng.Dense(16, activation="tanh"), ng.Dense(1)])
    test = ng.find_learning_rate(net, X, np.tanh(Y))
    losses = {
        factor: ng.fit(net, X, np.tanh(Y), learning_rate=test.suggestion * factor, epochs=5).history["loss"][-1]
        for factor in (1, 1e-3)
    }
    assert losses[1] < 0.3 * losses[1e-3]


def test_from_a_model_which_stays_as_it_is():
    model = ng.fit(ng.Sequential([ng.Dense(1)]), X, Y, epochs=1)
    before = np.array(model.params["dense_1"]["W"])
    assert ng.find_learning_rate(model, X, Y, steps=40).suggestion > 0
    np.testing.assert_array_equal(before, model.params["dense_1"]["W"])


def test_half_way_down_a_curve():
    rates = np.geomspace(1e-4, 1, 50)
    losses = 1 / (1 + (rates / 1e-2) ** 2)
    losses[-5:] = [2, 4, 8, np.inf, np.nan]
    found = judge(rates, losses)
    assert 5e-3 < found.suggestion < 2e-2
    assert len(found.rates) == 47
    axes = found.figure().axes[0]
    assert axes.get_xscale() == "log"


NET = ng.Sequential([ng.Dense(1)])
BAD = {
    "no range": (lambda: ng.find_learning_rate(NET, X, Y, lowest=1.0, highest=0.1), "must rise"),
    "few steps": (lambda: ng.find_learning_rate(NET, X, Y, steps=3), "at least 10"),
    "no rate": (lambda: ng.find_learning_rate(NET, X, Y, optimizer="lbfgs"), "no learning rate to look for"),
    "an unknown optimiser": (lambda: ng.find_learning_rate(NET, X, Y, optimizer="sdg"), "did you mean 'sgd'"),
    "breaking down at once": (
        lambda: ng.find_learning_rate(NET, X, Y, optimizer="sgd", lowest=1e8, highest=1e9), "at once"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
