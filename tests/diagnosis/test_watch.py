"""Watching changes nothing, sees every layer, and notes the epoch in which something goes wrong."""

import numpy as np
import pytest

import netgrad as ng

X = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def net(**fields):
    return ng.Sequential([ng.Dense(8, activation="relu", **fields), ng.Dense(2)])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs", "levenberg_marquardt"])
def test_watching_changes_nothing(optimizer):
    plain, watched = (
        ng.fit(net(), X, X[:, :2], epochs=3, optimizer=optimizer, seed=2, callbacks=callbacks)
        for callbacks in ([], [ng.Watch(every=3)])
    )
    for a, b in zip(plain.history["loss"], watched.history["loss"], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_the_record_is_that_of_the_trace():
    watch = ng.Watch(every=1)
    model = ng.untrained(net(), X, Y)
    ng.fit(model, X, Y, epochs=1, batch_size=None, shuffle=False, callbacks=[watch])
    trace = model.trace(X, Y, reduction="mean", training=True)
    sample = watch.records[0]["dense_1"]
    for quantity in ("z", "a", "delta"):
        rms = float(np.sqrt((np.asarray(trace["dense_1"][quantity]) ** 2).mean()))
        assert getattr(sample, quantity) == pytest.approx(rms, rel=1e-4)
    speed = np.linalg.norm(trace["dense_1"].dW) / np.linalg.norm(model.params["dense_1"]["W"])
    assert sample.speed == pytest.approx(float(speed), rel=1e-4)


def test_notes_the_moment():
    model = ng.fit(net(bias_initializer=ng.Constant(-50.0)), X, Y, epochs=3, callbacks=[ng.Watch(every=2)])
    (event,) = model.history.events
    assert event["epoch"] == 1
    assert event["finding"] == "dead_units"
    assert "dense_1" in event["message"]


def test_events_are_kept_in_the_file(tmp_path):
    model = ng.fit(net(bias_initializer=ng.Constant(-50.0)), X, Y, epochs=2, callbacks=[ng.Watch(every=2)])
    assert ng.load(model.save(tmp_path / "m.safetensors")).history.events == model.history.events


def test_watches_several_starts_and_goes_on_from_a_checkpoint(tmp_path):
    watch = ng.Watch(every=2)
    ng.fit(net(), X, Y, epochs=2, starts=3, callbacks=[watch])
    assert len(watch.records) == 2

    def run(epochs):
        watch = ng.Watch(every=2)
        return ng.fit(net(), X, Y, epochs=4, callbacks=[watch, *epochs], checkpoint=tmp_path), watch

    class Stop(ng.Callback):
        def on_epoch(self, run):
            if run.epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([Stop()])
    model, again = run([])
    assert len(model.history) == 4
    assert len(again.records) >= 2
    assert set(again.records[-1]) == {"dense_1", "dense_2"}


def test_refuses_what_is_no_number_of_steps():
    with pytest.raises(ng.NetgradError, match="every"):
        ng.Watch(every=0)
