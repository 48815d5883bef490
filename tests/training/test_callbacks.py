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


def fit(*callbacks, **settings):
    net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    return ng.fit(net, np.eye(4), np.arange(4.0), epochs=3, callbacks=callbacks, **settings)


class Onlooker(Callback):
    only_looks = True

    def __init__(self, moment):
        self.moment, self.asked = moment, []

    def note(self, moment):
        self.asked.append(moment)
        if moment == self.moment:
            raise ValueError("of its\nown")

    def on_start(self, run):
        self.note("start")

    def on_epoch(self, run):
        self.note("epoch")

    def on_end(self, run):
        self.note("end")


@pytest.mark.parametrize(("moment", "asked"), [("epoch", 1), ("end", 3)])
def test_what_only_looks_costs_no_model_where_it_fails(moment, asked):
    broken, sound = Onlooker(moment), Onlooker("never")
    with pytest.warns(ng.NetgradWarning, match=r"Onlooker failed \(ValueError: of its own\): training goes on") as told:
        model = fit(broken, sound)
    assert len(told) == 1
    assert len(model.history) == 3
    jax.tree.map(np.testing.assert_array_equal, model.params, fit().params)
    assert broken.asked == ["start", *["epoch"] * asked, "end"]
    assert sound.asked == ["start", *["epoch"] * 3, "end"]


def test_watch_progress_and_logs_only_look(monkeypatch, tmp_path):
    from netgrad.training.progress import Log

    def broken(*_, **__):
        raise OSError("gone")

    monkeypatch.setattr(ng.Watch, "noticed", broken)
    monkeypatch.setattr(ng.JsonLog, "write", broken)
    monkeypatch.setattr(Log, "show", broken)
    with pytest.warns(ng.NetgradWarning) as told:
        model = fit(ng.Watch(), ng.JsonLog(tmp_path / "log"), ng.Progress(where="log"))
    kinds = {str(w.message).split()[0] for w in told}
    assert kinds == {"Watch", "JsonLog", "Progress"}
    assert len(model.history) == 3


def test_every_callback_that_began_is_told_of_the_end():
    class Own(Callback):
        def on_end(self, run):
            raise ValueError("mine")

    first, last = Onlooker("never"), Onlooker("never")
    with pytest.raises(ValueError, match="mine"):
        fit(first, Own(), last)
    assert first.asked[-1] == last.asked[-1] == "end"
    first, last = Onlooker("never"), Onlooker("never")
    with pytest.raises(ValueError, match="own"):
        fit(first, Onlooker("start"), last)
    assert first.asked == ["start", "end"]
    assert last.asked == []
