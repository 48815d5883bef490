"""Schedules start, go and end as they say, and reach training by name."""

import jax
import numpy as np
import optax
import pytest

import netgrad as ng
from netgrad.optimizers.schedules import SCHEDULES, adjustable, schedule, set_level

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X.sum(1)
NET = ng.Sequential([ng.Dense(1)])

# Of a run of 100 steps from a rate of 0.2: the rates at steps 0, 10, 50, 80 and 100.
EXPECTED = {
    "constant": [0.2, 0.2, 0.2, 0.2, 0.2],
    "step": [0.2, 0.2, 0.02, 0.002, 0.002],
    "one_over_t": [0.2, 0.1, 0.2 / 6, 0.2 / 9, 0.2 / 11],
    "cosine": [0.2, 0.1 * (1 + np.cos(0.1 * np.pi)), 0.1, 0.1 * (1 + np.cos(0.8 * np.pi)), 0],
    "warm_up": [0, 0.2, 0.2, 0.2, 0.2],
    "warm_up_cosine": [0, 0.2, 0.1 * (1 + np.cos(4 / 9 * np.pi)), 0.1 * (1 + np.cos(7 / 9 * np.pi)), 0],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates(name):
    found = [float(schedule(name, 0.2, 100)(t)) for t in (0, 10, 50, 80, 100)]
    np.testing.assert_allclose(found, EXPECTED[name], rtol=1e-5, atol=1e-7)
    assert np.isfinite([float(SCHEDULES[name](0.2, 1)(t)) for t in (0, 1)]).all()


def test_by_name_in_fit():
    """20 examples in batches of 8 for 4 epochs are 12 steps."""
    named = ng.fit(NET, X, Y, optimizer="sgd", learning_rate=0.1, schedule="cosine", epochs=4, batch_size=8)
    given = ng.fit(NET, X, Y, optimizer=optax.sgd(optax.cosine_decay_schedule(0.1, 12)), epochs=4, batch_size=8)
    np.testing.assert_array_equal(named.history["loss"], given.history["loss"])


def test_pieces_of_long_sequences_are_steps():
    """6 time-steps in pieces of 2, 3 epochs of one batch: 9 updates."""
    x = np.random.default_rng(0).normal(size=(4, 6, 1))
    rnn = ng.Sequential([ng.RNN(2), ng.Dense(1)])
    settings = {"truncate": 2, "epochs": 3, "batch_size": None}
    named = ng.fit(rnn, x, x, optimizer="sgd", learning_rate=0.1, schedule="cosine", **settings)
    given = ng.fit(rnn, x, x, optimizer=optax.sgd(optax.cosine_decay_schedule(0.1, 9)), **settings)
    np.testing.assert_array_equal(named.history["loss"], given.history["loss"])


def test_a_level_scales_the_updates():
    optimizer = adjustable(optax.sgd(0.5))
    state = set_level(optimizer.init({"w": np.ones(2)}), 0.1)
    updates, _ = jax.jit(optimizer.update)({"w": np.ones(2)}, state)
    np.testing.assert_allclose(updates["w"], [-0.05, -0.05])


def test_the_rate_falls_on_a_plateau():
    """The loss of a network that cannot improve stays, so the rate falls after each two epochs; and on resuming."""
    slow = {"optimizer": "sgd", "learning_rate": 1e-9, "batch_size": None, "shuffle": False}
    model = ng.fit(NET, X, Y, epochs=7, callbacks=[ng.ReduceOnPlateau(0.5, patience=2, threshold=0.01)], **slow)
    assert model.history["rate_factor"].tolist() == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_plateau_by_name_with_starts_and_checkpoint(tmp_path):
    settings = {"schedule": "plateau", "starts": 2, "learning_rate": 0.3, "optimizer": "sgd"}
    whole = ng.fit(NET, X, np.sign(Y), epochs=60, **settings)
    assert whole.history["rate_factor"][-1] < 1
    ng.fit(NET, X, np.sign(Y), epochs=25, checkpoint=tmp_path, **settings)
    resumed = ng.fit(NET, X, np.sign(Y), epochs=60, checkpoint=tmp_path, **settings)
    assert resumed.history.rows == whole.history.rows


BAD = {
    "an unknown name": (lambda: ng.fit(NET, X, Y, schedule="cosin"), "did you mean 'cosine'"),
    "no rate to schedule": (lambda: ng.fit(NET, X, Y, optimizer="lbfgs", schedule="cosine"), "has a learning rate"),
    "no rate in every step": (lambda: ng.fit(NET, X, Y, optimizer="rprop", schedule="cosine"), "in every step"),
    "Rprop with a schedule": (
        lambda: ng.fit(NET, X, Y, optimizer="rprop", learning_rate=optax.constant_schedule(0.1)), "paces itself"),
    "two schedules": (
        lambda: ng.fit(NET, X, Y, learning_rate=optax.constant_schedule(0.1), schedule="cosine"), "leave one of them"),
    "a negative rate": (lambda: ng.fit(NET, X, Y, learning_rate=-1.0, schedule="cosine"), "must be positive"),
    "a stream": (lambda: ng.fit(NET, lambda: iter([(X, Y)]), schedule="cosine"), "number of steps"),
    "a factor of one": (lambda: ng.ReduceOnPlateau(factor=1.0), "between 0 and 1"),
    "no patience": (lambda: ng.ReduceOnPlateau(patience=0), "patience must be"),
    "a column that is not there": (
        lambda: ng.fit(NET, X, Y, callbacks=[ng.ReduceOnPlateau(monitor="val_los")]), "watches 'val_los'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(ng.NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
