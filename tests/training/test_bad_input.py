"""Every unusable input or setting gets one line that says what was found and what was expected."""

import numpy as np
import pytest

import netgrad as ng

X = np.random.default_rng(0).normal(size=(8, 3))
Y = np.array([0, 1] * 4)


def net(units=2, **dense):
    return ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(units, **dense)])


CASES = {
    "no examples": (lambda: ng.fit(net(), X[:0], Y[:0]), "x is empty"),
    "NaN in inputs": (lambda: ng.fit(net(), np.where(X > 1, np.nan, X), Y), "not finite"),
    "text in inputs": (lambda: ng.fit(net(), np.full((8, 3), "a"), Y), "expected numbers"),
    "different numbers of examples": (lambda: ng.fit(net(), X, Y[:5]), "8 examples but y has 5"),
    "a label out of range": (lambda: ng.fit(net(), X, Y + 1), "expected whole numbers from 0 to 1"),
    "a label that is no number": (lambda: ng.fit(net(), X, Y + 0.5, loss="softmax_cross_entropy"), "label 0.5"),
    "one class of text": (lambda: ng.fit(net(), X, ["a"] * 8), "expected at least two"),
    "targets of another shape": (lambda: ng.fit(net(), X, np.zeros((8, 5))), "do not fit the network's output"),
    "NaN in targets": (lambda: ng.fit(net(1), X, np.where(X > 1, np.nan, X)[:, 0]), "not finite"),
    "softmax over one unit": (lambda: ng.fit(net(1), X, Y, loss="softmax_cross_entropy"), "two or more output units"),
    "a link function twice": (lambda: ng.fit(net(2, activation="softmax"), X, Y), "leave that layer's activation out"),
    "an unknown loss": (lambda: ng.fit(net(), X, Y, loss="softmax"), "did you mean 'softmax_cross_entropy'"),
    "an unknown optimizer": (lambda: ng.fit(net(), X, Y, optimizer="adm"), "did you mean 'adam'"),
    "a rate below zero": (lambda: ng.fit(net(), X, Y, learning_rate=-1), "learning_rate must be positive"),
    "a rate for a ready optimiser": (
        lambda: ng.fit(net(), X, Y, optimizer=__import__("optax").sgd(0.1), learning_rate=1.0), "already has its own"),
    "no optimiser": (lambda: ng.fit(net(), X, Y, optimizer=3), "a name or an optax optimiser"),
    "no epochs": (lambda: ng.fit(net(), X, Y, epochs=0), "epochs must be a whole number of at least 1"),
    "half a batch": (lambda: ng.fit(net(), X, Y, batch_size=0.5), "batch_size must be a whole number"),
    "validation of everything": (lambda: ng.fit(net(), X, Y, validation=1.5), "a share between 0 and 1"),
    "too few to hold out": (lambda: ng.fit(net(), X[:1], Y[:1], validation=0.5), "too few"),
    "patience of zero": (lambda: ng.fit(net(), X, Y, patience=0), "patience must be"),
    "a negative penalty": (lambda: ng.L2(-1), "must not be negative"),
    "a ratio beyond one": (lambda: ng.ElasticNet(1, ratio=2), r"\[0, 1\]"),
    "clipping to nothing": (lambda: ng.fit(net(), X, Y, clip_norm=0), "clip_norm"),
    "a reduction": (lambda: ng.fit(net(), X, Y, reduction="max"), "'mean' or 'sum'"),
    "lengths without time": (lambda: ng.fit(net(), X[:, 0], Y, lengths=Y + 1), "no time axis"),
    "a loss for no output": (lambda: ng.fit(net(), X, Y, loss={"y": "squared_error"}), "unknown output 'y'"),
    "weights below zero": (lambda: ng.fit(net(), X, Y, sample_weight=Y - 0.5), "must not be negative"),
    "R beyond 2": (lambda: ng.PowerError(3.0), "1 <= R <= 2"),
    "another number of features": (lambda: ng.fit(net(), X, Y, epochs=1).predict(X[:, :2]), "do not fit this model"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_one_line(case):
    call, message = CASES[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
