"""The server: who is let in, what is handed to the process that trains, and what becomes of it when that ends."""

import asyncio
import json
import os
import signal
import time

import pytest

pytest.importorskip("wsproto", reason="the extra studio is not installed")
pytest.importorskip("httpx", reason="the server's tests are its clients")

from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from netgrad.errors import NetgradError
from netgrad.serving.guard import Hosts
from netgrad.studio.app import application
from netgrad.studio.session import WAITING, Listener, Session

TOKEN = "secret"
FIRST = {"data": "xor", "layers": [{"kind": "dense", "units": 3, "activation": "tanh"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


STRANGERS = []


@pytest.fixture(scope="module")
def client(folder):
    met = STRANGERS.append
    app = application(Session({"gallery": "xor"}, FIRST), Hosts("127.0.0.1"), TOKEN, folder, lambda: met("one"))
    with TestClient(app, base_url="http://127.0.0.1:7007") as opened:
        opened.studio = app.app.state.session
        yield opened


def hear(socket, kind, most=200):
    """The next message of this kind."""
    for _ in range(most):
        message = json.loads(socket.receive_text())
        if message["kind"] == kind:
            return message
    raise AssertionError(f"no {kind} came")


def socket_of(client):
    return client.websocket_connect(f"ws://127.0.0.1:7007{url('/ws')}")


def url(path):
    return f"{path}?token={TOKEN}"


def test_only_who_has_the_token_gets_in(client):
    assert client.get("/").status_code == 403
    assert STRANGERS == []
    for _ in range(2):
        assert client.get("/?token=guess").status_code == 403
    assert STRANGERS == ["one"]
    assert "lacks its token" in client.get("/api/offered").text
    page = client.get(url("/"))
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/static/index.js").status_code == 200
    assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_strangers_names_and_pages_are_turned_away(client):
    assert client.get(url("/"), headers={"host": "evil.example"}).status_code == 421
    refused = client.get(url("/api/runs"), headers={"origin": "http://evil.example"})
    assert (refused.status_code, "may not talk to this server" in refused.text) == (403, True)
    assert client.get(url("/api/runs"), headers={"origin": "http://127.0.0.1:7007"}).status_code == 200
    here = f"ws://127.0.0.1:7007{url('/ws')}"
    for asked in (
        {"url": "ws://127.0.0.1:7007/ws"},
        {"url": f"ws://evil.example{url('/ws')}"},
        {"url": here, "headers": {"origin": "http://evil.example"}},
    ):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(**asked):
            pass


def test_commands_go_in_and_frames_come_out_to_every_page(client):
    with socket_of(client) as one, socket_of(client) as two:
        assert hear(one, "design")["design"]["data"] == "xor"
        assert hear(one, "frame")["batch"] == 0
        hear(two, "frame")
        one.send_text('{"do": "step"}')
        assert hear(one, "frame")["batch"] == 1
        assert hear(two, "frame")["batch"] == 1
        begun = time.perf_counter()
        for _ in range(10):
            one.send_text('{"do": "step"}')
            hear(one, "frame")
        assert (time.perf_counter() - begun) / 10 < 1  # a page that hung would wait for ever
    with socket_of(client) as again:  # a page that is loaded again
        assert hear(again, "design")
        assert hear(again, "frame")["batch"] == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a command is a JSON object"),
        ("[]", "a command is a JSON object"),
        ("[" * 70_000, "a command is a JSON object of at most 65,536 characters"),
        ('{"do": "dance"}', "unknown command 'dance'"),
        ('{"do": "obey"}', "unknown command 'obey'"),
        ('{"do": "speed", "speed": 7}', "speed is one of"),
    ],
)
def test_what_is_no_command_is_refused_in_one_line(client, text, said):
    with socket_of(client) as socket:
        socket.send_text(text)
        assert said in hear(socket, "refused")["message"]


def test_runs_are_saved_listed_fetched_and_deleted(client, folder):
    with socket_of(client) as socket:
        socket.send_text('{"do": "save", "folder": "/elsewhere"}')  # where is not for the page to say
        name = hear(socket, "saved")["id"]
    assert (folder / name).is_dir()
    assert [run["id"] for run in client.get(url("/api/runs")).json()] == [name]
    assert len(client.get(url(f"/api/runs/{name}")).content) > 100
    exported = client.post(url(f"/api/runs/{name}/tensorboard"))
    assert exported.status_code == 200 or "TensorBoard needs tensorboard" in exported.json()["error"]
    assert "there is no run" in client.post(url("/api/runs/x/tensorboard")).json()["error"]
    assert client.request("DELETE", url(f"/api/runs/{name}")).status_code == 200
    gone = client.get(url(f"/api/runs/{name}"))
    assert (gone.status_code, gone.json()["error"]) == (404, f"there is no run {name!r}")


def test_the_gallery_comes_as_csv(client):
    lines = client.get(url("/api/data/xor.csv")).text.splitlines()
    assert (lines[0], len(lines)) == ("x1,x2,y", 226)
    assert client.get(url("/api/data/sine.csv")).text.startswith("x1,y\n")
    assert "reber is no table with a column to predict" in client.get(url("/api/data/reber.csv")).json()["error"]
    assert "unknown data set" in client.get(url("/api/data/passwd.csv")).json()["error"]
    offered = client.get(url("/api/offered")).json()
    assert "xor" in offered["data"]
    assert len(offered["lessons"]) >= 5


def test_a_process_that_is_killed_begins_again(client):
    with socket_of(client) as socket:
        hear(socket, "frame")
        os.kill(client.studio.process.pid, signal.SIGKILL)
        assert "begins again" in hear(socket, "said")["message"]
        assert hear(socket, "design")["design"]["data"] == "xor"
        assert hear(socket, "frame")["epoch"] == 0


def test_a_slow_page_misses_frames_and_no_message():
    async def slow():
        listener = Listener()
        listener.tell("design", "d")
        for i in range(1000):
            listener.tell("frame", f"f{i}")
        first = await listener.next()
        for i in range(1000):
            listener.tell("said", f"s{i}")
        return first, await listener.next()

    first, said = asyncio.run(slow())
    assert first == ["d", "f999"]
    assert said[-1] == "s999"
    assert len(said) <= WAITING + 1


def test_a_command_to_a_process_that_is_not_there_is_refused():
    with pytest.raises(NetgradError, match="the process that trains is not running"):
        asyncio.run(Session({"gallery": "xor"}, FIRST).command({"do": "step"}))
