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
    assert (design["code"], design["command"]) == ("", "")
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
