"""Callbacks that look at a run after each step."""

from functools import partial

import jax
import numpy as np
import pytest

import netgrad as ng

X = np.random.default_rng(0).normal(size=(20, 3))
Y = X[:, 0]
NET = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])


class Steps(ng.Callback):
    def __init__(self):
        self.seen = []

    def on_batch(self, run):
        self.seen.append((run.epoch + 1, run.batch, run.report["loss"], run.carry.params["dense_2"]["W"]))


@pytest.mark.parametrize("stream", [False, True])
def test_each_step_is_seen_with_its_loss_and_the_numbers_stay(stream):
    data = (ng.Stream.arrays(X, Y, chunk=10),) if stream else (X, Y)
    steps, settings = Steps(), {"epochs": 2, "batch_size": 8, "seed": 1}
    looked = ng.fit(NET, *data, callbacks=[steps], **settings)
    alone = ng.fit(NET, *data, **settings)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), looked.params, alone.params)
    np.testing.assert_allclose(looked.history["loss"], alone.history["loss"], rtol=1e-5)
    batches = [1, 2, 3, 4] if stream else [1, 2, 3]
    assert [step[:2] for step in steps.seen] == [(epoch, batch) for epoch in (1, 2) for batch in batches]
    sizes = [8, 2, 8, 2] if stream else [8, 8, 4]
    mean = np.average([step[2] for step in steps.seen[: len(sizes)]], weights=sizes)
    assert mean == pytest.approx(looked.history["loss"][0], rel=1e-5)
    np.testing.assert_array_equal(steps.seen[-1][3], looked.params["dense_2"]["W"])


def test_what_a_callback_makes_of_the_parameters_is_gone_on_with():
    class Clip(ng.Callback):
        def on_batch(self, run):
            run.carry = run.carry._replace(params=jax.tree.map(lambda p: p.clip(-0.1, 0.1), run.carry.params))

    model = ng.fit(NET, X, Y, epochs=3, epochs_per_call=3, callbacks=[Clip()])
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(model.params)) <= 0.1 + 1e-7


def test_where_it_diverges_is_named_and_what_only_looks_may_fail():
    with pytest.raises(ng.DivergenceError, match=r"training diverged at epoch 1, batch [23]"):
        ng.fit(NET, X, 1e18 * Y, optimizer="sgd", learning_rate=1e30, batch_size=8, callbacks=[Steps()])

    class Broken(ng.Callback):
        only_looks = True

        def on_batch(self, run):
            raise ValueError("of its own")

    with pytest.warns(ng.NetgradWarning, match="Broken failed") as told:
        ng.fit(NET, X, Y, epochs=1, batch_size=8, callbacks=[Broken()])
    assert len(told) == 1
    with pytest.raises(ng.NetgradError, match="on_batch of Steps looks at one run, and there are 2 starts"):
        ng.fit(NET, X, Y, epochs=1, starts=2, callbacks=[Steps()])
