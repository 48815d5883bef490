"""Supervised training as a task: what its programs are cached by, and what it says of a step that failed."""

import jax
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.training.supervised import Supervised

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
NET = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
ADAM = optax.adam(0.01)


def test_programs_are_cached_by_the_step_and_hold_no_model():
    one, other = (Supervised.of(ng.untrained(NET, X, X.sum(1), seed=seed), ADAM) for seed in (0, 1))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Supervised.of(ng.untrained(NET, X, X.sum(1), penalty="l2"), ADAM)
    assert one.at(one.numbers).blank is None
    assert jax.tree.leaves((one.blank.params, one.blank.state)) == []  # a cache keeps no numbers alive


def test_what_fit_trains_can_be_trained_as_a_task():
    start = ng.untrained(NET, X, X.sum(1), seed=3)
    model = ng.fit(NET, X, X.sum(1), optimizer=ADAM, epochs=3, seed=3, validation=0.2)
    again = ng.train(Supervised.of(start, ADAM), (X, X.sum(1)), epochs=3, seed=3, validation=0.2)
    for a, b in zip(jax.tree.leaves(model.params), jax.tree.leaves(again.params), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.history.rows == again.history.rows


@pytest.mark.parametrize("truncate", [None, 4])
def test_a_gradient_of_which_only_the_norm_overflows(truncate):
    x, y = np.full((6, 8, 2), 100.0), np.full((6, 8, 1), 2e18)
    net = ng.Sequential([ng.RNN(6, activation="relu"), ng.Dense(1)])
    with pytest.raises(ng.DivergenceError, match=r"norm of the gradient, which overflowed; .* dW\w* of layer"):
        ng.fit(net, x, y, optimizer="sgd", truncate=truncate, learning_rate=1e-30, loss="squared_error")


def test_pieces_are_replayed_up_to_the_one_that_fails():
    x = np.ones((6, 8, 2), np.float32)
    y = np.where(np.arange(8)[:, None] < 4, 0.0, 3e38).astype(np.float32) + np.zeros((6, 1, 1), np.float32)
    net = ng.Sequential([ng.RNN(3), ng.Dense(1)])
    with pytest.raises(ng.DivergenceError, match=r"epoch 1, batch 1: .* is in the loss, which overflowed; try"):
        ng.fit(net, x, y, optimizer="sgd", truncate=4, learning_rate=1e-3)
