"""The studio from Python, and its address."""

import builtins
import json
import socket

import numpy as np
import pytest

pytest.importorskip("wsproto", reason="the extra studio is not installed")

import netgrad as ng
from netgrad.errors import NetgradError
from netgrad.studio import opening, server
from netgrad.studio.extra import starlette
from netgrad.studio.session import Session
from netgrad.studio.worker import Worker

NET = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)])
X = np.random.default_rng(0).normal(size=(40, 2))
Y = np.where(X[:, 0] > 0, "right", "left")


def test_a_network_and_data_of_ones_own(tmp_path):
    source = opening._written(NET, X, Y, (X[:8], Y[:8]), tmp_path, 0)
    heard = []
    worker = Worker(source, heard.append)
    worker.obey({"do": "design", "design": {"layers": None}})
    design = next(message for message in heard if message["kind"] == "design")
    assert design["data"]["classes"] == ["left", "right"]
    assert design["data"]["held"] == 8
    assert "net, x, y, epochs=100" in design["code"]
    assert design["command"] == ""
    assert design["design"]["layers"] == ({"kind": "dense", "units": 3, "activation": "tanh", "initializer": ""},)
    assert json.dumps(heard[-1])
    worker.obey({"do": "design", "design": {"layers": [{"kind": "dense"}]}})  # another network on the same data
    assert next(m for m in reversed(heard) if m["kind"] == "design")["data"]["classes"] == ["left", "right"]


def test_a_network_of_two_inputs_is_refused(tmp_path):
    a, b = ng.Input("a"), ng.Input("b")
    two = ng.Network([a, b], ng.Dense(1)(ng.Concatenate()(a, b)))
    with pytest.raises(NetgradError, match="the studio shows networks of one input and one output"):
        opening._written(two, {"a": X, "b": X}, X[:, 0], None, tmp_path, 0)
    with pytest.raises(NetgradError, match="studio takes a network before the data"):
        ng.studio(x=X, y=Y)


def test_a_network_whose_layers_stay_as_they_are_is_shown_and_says_why(tmp_path):
    source = opening._written(NET.frozen("dense_1"), X, Y, None, tmp_path, 0)
    heard = []
    Worker(source, heard.append).obey({"do": "design", "design": {"layers": None}})
    assert heard[0]["design"]["layers"] is None
    assert heard[0]["fixed"].startswith("parameters of this network are tied, frozen, masked or normed: change it in")


def test_a_network_that_gives_its_inputs_back_needs_no_targets(tmp_path):
    net = ng.Sequential([ng.Dense(1), ng.Dense(2)])
    source = opening._written(net, X, None, X[:8], tmp_path, 0)
    heard = []
    worker = Worker(source, heard.append)
    worker.obey({"do": "design", "design": {"layers": None}})
    assert worker.at_work.model().objective.reconstructs
    assert heard[0]["data"]["held"] == 8
    assert heard[-1]["kind"] == "frame"


def test_a_page_with_another_token_is_told_of_once():
    config, listening, url = server.prepare(Session({"gallery": "xor"}, {}), port=0)
    listening.close()
    with pytest.warns(ng.NetgradWarning, match=f"a page of another studio asks here.*open {url[:20]}"):
        config.config.app.stranger()


def test_it_opens_shows_itself_and_closes(tmp_path):
    opened = ng.studio(NET, X, Y, browser=False, port=0, folder=tmp_path)
    try:
        assert opened.url.startswith("http://127.0.0.1:")
        assert opened._repr_html_().startswith("<iframe src=")
        assert repr(opened) == f"studio at {opened.url}"
    finally:
        opened.close()
    assert not opened._thread.is_alive()


def test_a_taken_port_is_passed_by(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(server, "PORT", port)
        with server.free("127.0.0.1") as found:
            assert port < found.getsockname()[1] < port + server.NEXT
        monkeypatch.setattr(server, "NEXT", 1)
        with pytest.raises(NetgradError, match="cannot listen on"):
            server.free("127.0.0.1")


def test_an_address_that_others_reach_is_warned_of(tmp_path):
    with pytest.warns(ng.NetgradWarning, match="whoever has the address with its token may train here"):
        _, listening, url = server.prepare(Session({"gallery": "xor"}, {}), "0.0.0.0", 0, folder=tmp_path)
    listening.close()
    assert len(url.partition("token=")[2]) >= 32


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch):
    real = builtins.__import__

    def without(name, *more):
        if name == "wsproto":
            raise ImportError(name=name)
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        NetgradError, match=r"the studio needs wsproto, which is not installed: pip install 'netgrad\[studio\]'"
    ):
        starlette()
