"""Requests that are turned away whatever they ask: a stranger's name for the server, an uncertain end."""

import asyncio

import httpx
import pytest

import netgrad as ng
from netgrad.serving import Hosts, application

from .clients import GOOD, talk
from .conftest import running

CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(GOOD), GOOD)


def get(path, host, version=b"1.1"):
    header = b"Host: %b\r\n" % host if host else b""
    return b"GET %b HTTP/%b\r\n%bConnection: close\r\n\r\n" % (path, version, header)


@pytest.mark.parametrize(
    ("bound", "name", "allowed"),
    [
        ("127.0.0.1", "localhost:8000", True),
        ("127.0.0.1", "LocalHost.", True),
        ("127.0.0.1", "[::1]:80", True),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example:8000", False),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "[::1", True),
        ("::1", "[::1]:8000", True),
        ("localhost", "localhost", True),
        ("localhost", "127.0.0.1:8000", True),
        ("192.0.2.1", "192.0.2.1:8000", True),
        ("192.0.2.1", "localhost", False),
        ("models", "models:8000", True),
        ("0.0.0.0", "192.0.2.1:8000", True),
        ("0.0.0.0", "localhost", True),
        ("0.0.0.0", "evil.example", False),
        ("::", "[2001:db8::1]:8000", True),
    ],
)
def test_a_server_is_called_by_its_own_names(bound, name, allowed):
    assert Hosts(bound).allows(name) == allowed


def test_further_names_are_named():
    assert Hosts("127.0.0.1", ["models.example"]).allows("Models.example:443")
    assert Hosts("127.0.0.1", ["*"]).allows("anything")
    for wrong in ("http://a", "a:80", "a/b", "", "*.example"):
        with pytest.raises(ng.NetgradError, match="is no host's name"):
            Hosts("127.0.0.1", [wrong])


def test_an_application_alone_leaves_names_to_its_server(vector_model):
    async def ask(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://any.example") as client:
            return (await client.get("/schema")).status_code

    assert asyncio.run(ask(application(vector_model))) == 200
    assert asyncio.run(ask(application(vector_model, hosts=Hosts("127.0.0.1")))) == 421


def test_a_strangers_name_gets_no_answer_and_no_redirect(vector_model):
    with running(vector_model, hosts=["models.example"]) as url:
        for path in (b"/health", b"/schema/", b"/none", b"//evil.example/"):
            answer, _ = talk(url, get(path, b"evil.example"))
            assert answer.startswith(b"HTTP/1.1 421 "), answer
            assert b"not called 'evil.example'" in answer
            assert b"location" not in answer.lower()
        for host in (b"localhost", b"models.example:80", b"127.0.0.1"):
            assert b" 200 " in talk(url, get(b"/health", host))[0]
            answer, _ = talk(url, get(b"/schema/", host))
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert b"location" not in answer.lower()
        assert b" 200 " in talk(url, get(b"/health", None, b"1.0"))[0]  # of before there was Host
        assert b" 400 " in talk(url, get(b"/health", None))[0]


@pytest.mark.parametrize(
    ("version", "headers", "named"),
    [
        (b"1.1", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"Transfer-Encoding and Content-Length"),
        (b"1.1", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"Transfer-Encoding and Content-Length"),
        (b"1.0", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding and HTTP/1.0"),
        (b"1.1", b"Content-Length: 5\r\nContent-Length: 6\r\n", b"no HTTP request"),
        (b"1.1", b"Transfer-Encoding: gzip, chunked\r\n", b"no HTTP request"),
        (b"1.1", b"Transfer-Encoding : chunked\r\n", b"no HTTP request"),
    ],
)
def test_a_request_that_may_end_in_two_places_is_refused_with_all_that_follows(vector_model, version, headers, named):
    start = b"POST /predict HTTP/%b\r\nHost: localhost\r\nContent-Type: application/json\r\n" % version
    with running(vector_model) as url:
        answer, _ = talk(url, start + headers + b"\r\n" + CHUNKED + get(b"/health", b"localhost"))
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert named in answer
        good, _ = talk(url, start + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + CHUNKED)
        assert (b" 200 " in good) == (version == b"1.1")
