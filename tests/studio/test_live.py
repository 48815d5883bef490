"""`netgrad.Studio`: a user's own training, shown live."""

import json
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("wsproto", reason="the extra studio is not installed")

import netgrad as ng
from netgrad.errors import DivergenceError, NetgradError
from netgrad.studio import extra, live

X = np.random.default_rng(0).normal(size=(48, 2)).astype(np.float32)
Y = np.where(X[:, 0] > 0, "right", "left")
NET = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)])
SAME = {"batch_size": 16, "validation": (X[:8], Y[:8]), "seed": 1}


@pytest.fixture
def studio(tmp_path):
    made = []

    def opened(**asked):
        made.append(ng.Studio(**{"browser": False, "port": 0, "folder": tmp_path} | asked))
        return made[-1]

    yield opened
    for each in made:
        each.close()


def told(studio, kind):
    """What a page that is opened now hears of this kind."""
    return json.loads(studio.hall.latest[kind])


def until(so, seconds=60):
    end = time.time() + seconds
    while not so():
        assert time.time() < end, "it never came"
        time.sleep(0.01)


def test_a_run_is_shown_and_none_of_its_numbers_changed(studio):
    watched = studio()
    alone = ng.fit(NET, X, Y, epochs=3, **SAME)
    shown = ng.fit(NET, X, Y, epochs=3, callbacks=[watched], **SAME)
    np.testing.assert_array_equal(shown.params["dense_1"]["W"], alone.params["dense_1"]["W"])
    until(lambda: "frame" in watched.hall.latest and told(watched, "frame")["epoch"] == 3)
    design, frame = told(watched, "design"), told(watched, "frame")
    assert design["data"]["classes"] == ["left", "right"]
    assert (design["data"]["examples"], design["data"]["held"]) == (48, 8)
    assert design["settings"]["batch_size"] == "16"
    assert (frame["playing"], frame["batches"]) == (False, 3)
    assert len(frame["field"]["best"]) == 44 * 44
    watched.hall.asked.put({"do": "select", "layer": "dense_1", "unit": 2})  # the run is over, and can be looked into
    until(lambda: told(watched, "frame").get("look", {}).get("unit") == 2)
    watched.hall.asked.put({"do": "select", "layer": "dense_1", "unit": 1})
    assert repr(watched) == f"studio at {watched.url}"
    assert watched._repr_html_().startswith("<iframe")


def test_it_is_held_and_goes_on_step_by_step(studio):
    watched = studio(steps=True, paused=True)
    fitted = threading.Thread(target=ng.fit, args=(NET, X, Y), kwargs={"epochs": 2, "callbacks": [watched], **SAME})
    fitted.start()
    try:
        until(lambda: "frame" in watched.hall.latest and told(watched, "frame")["batch"] == 1)
        time.sleep(0.2)
        assert told(watched, "frame")["epoch"] == 0  # it stands
        watched.hall.asked.put({"do": "step"})
        until(lambda: told(watched, "frame")["batch"] == 2)
        watched.hall.asked.put({"do": "epoch"})
        until(lambda: told(watched, "frame")["epoch"] == 1)
        assert not told(watched, "frame")["playing"]
    finally:
        watched.hall.asked.put({"do": "play"})
        fitted.join(60)
    until(lambda: told(watched, "frame")["epoch"] == 2)
    listener = watched.hall.listen()
    watched.hall.asked.put({"do": "play"})
    until(lambda: any("the training has ended: what it came to" in line for line in listener.messages))


def test_a_page_may_not_lead_it(studio):
    import asyncio

    with pytest.raises(NetgradError, match="this network is trained by a program of your own: change it there"):
        asyncio.run(studio().hall.command({"do": "design"}))


def test_a_page_that_is_closed_lets_a_held_run_go_on(studio):
    watched = studio(paused=True)
    fitted = threading.Thread(target=ng.fit, args=(NET, X, Y), kwargs={"epochs": 2, "callbacks": [watched], **SAME})
    fitted.start()
    until(lambda: "frame" in watched.hall.latest and told(watched, "frame")["epoch"] == 1)
    watched.opened.close()
    fitted.join(60)
    assert not fitted.is_alive()


def test_what_ends_a_run_is_said(studio, monkeypatch):
    watched = studio()
    monkeypatch.setattr(watched.conductor, "do_diagnose", lambda: None)
    listener = watched.hall.listen()
    with pytest.raises(DivergenceError):
        ng.fit(NET, X, X * 1e30, epochs=5, loss="squared_error", learning_rate=1e30, optimizer="sgd",
               callbacks=[watched])  # fmt: skip
    until(lambda: any("the training has ended after epoch 0: DivergenceError" in line for line in listener.messages))


def test_what_it_cannot_show_is_refused(studio):
    two = ng.Network(inputs := [ng.Input("a"), ng.Input("b")], ng.Dense(2)(ng.Concatenate()(*inputs)))
    with pytest.raises(NetgradError, match=r"ng\.Studio shows networks of one input and one output that ng.fit trains"):
        ng.fit(two, {"a": X, "b": X}, Y, epochs=1, callbacks=[studio()])
    other = SimpleNamespace(
        task=SimpleNamespace(title="a task"), history=ng.History(), model=lambda: None, examples=None, held=None
    )
    with pytest.raises(NetgradError, match=r"found a task: ng\.JsonLog and ng\.TensorBoard"):
        live.Watched(other)


def test_a_notebook_shows_the_page_itself(studio, monkeypatch, capsys):
    shown, opened = [], []
    shell = SimpleNamespace(kernel="a kernel")
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=SimpleNamespace(display=shown.append))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert shown == [watched := studio(browser=True)]
    assert (opened, capsys.readouterr().out) == ([], "")
    del shell.kernel  # a terminal
    other = studio(browser=True)
    assert opened == [other.url]
    assert other.url in capsys.readouterr().out
    assert watched.url != other.url


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch):
    def missing():
        raise NetgradError("the studio needs wsproto, which is not installed: pip install 'netgrad[studio]'")

    assert live.starlette is extra.starlette
    monkeypatch.setattr(live, "starlette", missing)
    with pytest.raises(NetgradError, match=r"pip install 'netgrad\[studio\]'"):
        ng.Studio()
