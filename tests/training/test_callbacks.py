"""Callbacks that only look at the history, and calls of several epochs."""

from functools import partial

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.training.callbacks import Callback


@pytest.mark.parametrize("stop_at", [1, 7, 8, 10, 13, 20])
@pytest.mark.parametrize("batch_size", [None, 16])
def test_callbacks_that_look_at_the_history_stop_exactly_within_a_call(stop_at, batch_size):
    class Stop(Callback):
        only_history = True

        def on_epoch(self, run):
            seen.append(run.history.rows[-1]["epoch"])
            if run.epoch == stop_at:
                run.stop("enough")

    x = np.random.default_rng(0).normal(size=(40, 3))
    net = ng.Sequential([ng.Dense(4, activation="tanh"), ng.Dense(1)])
    common = {"batch_size": batch_size, "seed": 3}
    seen = []
    stopped = ng.fit(net, x, x[:, 0], epochs=20, epochs_per_call=8, callbacks=[Stop()], **common)
    alone = ng.fit(net, x, x[:, 0], epochs=stop_at, **common)
    assert seen == list(range(1, stop_at + 1))
    assert len(stopped.history.rows) == stop_at
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7), stopped.params, alone.params)
    np.testing.assert_allclose(stopped.history["loss"], alone.history["loss"], rtol=1e-5)
