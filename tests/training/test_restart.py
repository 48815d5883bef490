"""Beginning anew within a run: where the error falls too slowly, and nowhere else."""

import jax
import numpy as np
import pytest

import netgrad as ng
from netgrad.errors import NetgradError

X, Y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
NET = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
HOW = {"learning_rate": 0.1, "batch_size": None, "epochs": 200, "epochs_per_call": 50}


def xor(seed, *callbacks, **settings):
    return ng.fit(NET, X, Y, seed=seed, callbacks=callbacks, **HOW | settings)


def test_more_runs_find_xor():
    """2-2-1 has poor minima; of ten starts, those that end in one begin anew, and the others are left alone."""
    alone, again, began = [], [], []
    for seed in range(10):
        restart = ng.Restart(epochs=100, share=0.4, most=8)
        models = xor(seed), xor(seed, restart)
        alone.append(bool((models[0].predict(X) == Y).all()))
        again.append(bool((models[1].predict(X) == Y).all()))
        began.append(len(restart.events))
        assert len(models[1].history) == 200 + 100 * len(restart.events)
        assert [e["finding"] for e in models[1].history.events] == ["restart"] * len(restart.events)
        if not restart.events:
            np.testing.assert_array_equal(models[0].params["dense_1"]["W"], models[1].params["dense_1"]["W"])
    assert sum(alone) < 7
    assert sum(again) >= 9
    assert max(began) > 1
    assert began.count(0) >= sum(alone)


def test_the_best_beginning_is_kept():
    """Nothing falls by a share of 1e-9, so every beginning is given up: the best of them comes back, not the last."""
    seen = []
    model = xor(0, ng.Restart(epochs=50, share=1e-9, most=3), lambda run: seen.append(run.history.rows[-1]["loss"]),
                epochs=50)  # fmt: skip
    assert len(seen) == 4
    assert np.argmin(seen) != 3
    after = ng.fit(model, X, Y, epochs=1, batch_size=None).history["loss"][0]
    assert after <= min(seen)


def test_patience_and_the_plateau_begin_anew_too():
    slow, level = ng.Restart(epochs=4, share=1e-9, most=2), []
    model = ng.fit(NET, X, Y, epochs=6, learning_rate=1e-6, patience=5, schedule="plateau",
                   callbacks=[slow, lambda run: level.append(run.carry)])  # fmt: skip
    assert len(slow.events) == 2
    assert len(model.history) == 14
    assert not model.history.stopped


def test_a_killed_run_goes_on(tmp_path):
    def die(run):
        if run.epoch == 130:
            raise KeyboardInterrupt

    def restart():
        return ng.Restart(epochs=50, share=0.4, most=2)

    whole = xor(2, restart(), epochs=60, epochs_per_call=10)
    assert len(whole.history.events) == 2
    with pytest.raises(KeyboardInterrupt):
        xor(2, restart(), die, epochs=60, epochs_per_call=10, checkpoint=tmp_path)
    on = xor(2, restart(), epochs=60, epochs_per_call=10, checkpoint=tmp_path)
    assert on.history.rows == whole.history.rows
    assert on.history.events == whole.history.events
    jax.tree.map(np.testing.assert_array_equal, on.params, whole.params)
    assert xor(2, restart(), epochs=60, epochs_per_call=10, checkpoint=tmp_path).history.rows == whole.history.rows


BAD = {
    "epochs": (lambda: ng.Restart(epochs=1), "epochs of Restart must be a whole number of at least 2, found 1"),
    "most": (lambda: ng.Restart(most=0), "most of Restart must be a whole number of at least 1, found 0"),
    "share": (lambda: ng.Restart(share=1.5), "share of Restart is one of the first loss"),
    "starts": (lambda: xor(0, ng.Restart(), starts=2), "starts are tried side by side, Restart tries"),
    "a trained model": (
        lambda: ng.fit(ng.fit(NET, X, Y, epochs=1), X, Y, callbacks=ng.Restart()), "what was learned before"),
    "parameters": (
        lambda: xor(0, ng.Restart(), params=ng.untrained(NET, X, Y).params), "give a network, and no params"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_one_line(case):
    call, message = BAD[case]
    with pytest.raises(NetgradError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
