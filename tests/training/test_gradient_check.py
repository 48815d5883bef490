"""The gradient check passes right rules and finds wrong ones."""

from dataclasses import dataclass

import numpy as np
import pytest

import netgrad as ng
from netgrad.layers import Backward

X = np.random.default_rng(0).normal(size=(7, 3))


@dataclass(frozen=True)
class Wrong(ng.Dense):
    """A dense layer whose bias gradient forgets one example."""

    def backward(self, params, saved, d_out):
        d_in, d_params, delta = super().backward(params, saved, d_out)
        return Backward(d_in, d_params | {"b": delta[1:].sum(0)}, delta)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", ng.PowerError(1.3)])
def test_right_rules_pass(loss):
    net = ng.Sequential([ng.Dense(5, activation="relu"), ng.Dense(4, activation="softmax"), ng.Dense(1)])
    assert ng.check_gradients(net, X, X[:, 0], loss=loss).ok


def test_a_wrong_rule_is_named():
    report = ng.check_gradients(ng.Sequential([Wrong(4, activation="tanh"), ng.Dense(1)]), X, X[:, 0])
    assert not report.ok
    assert report.worst.parameter.endswith(".b")
    assert "is wrong" in repr(report)


def test_at_given_parameters():
    model = ng.fit(ng.Sequential([ng.Dense(3, activation="elu"), ng.Dense(1)]), X, X[:, 0], epochs=3)
    assert ng.check_gradients(model.network, X, X[:, 0], params=model.params).ok
