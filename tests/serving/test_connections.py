"""Connections of every manner: half closed, cut off, too many, and open when the server ends."""

import asyncio
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest

from .clients import GOOD, JSON, command, place, post, talk
from .conftest import running

ASK = post(len(GOOD), GOOD)


def test_a_client_that_has_asked_all_and_shut_its_side_is_answered(vector_model):
    with running(vector_model) as url:
        for questions in (1, 3):
            answer, _ = talk(url, ASK * questions, half=True)
            assert answer.count(b"HTTP/1.1 200 ") == answer.count(b"predictions") == questions
        answer, _ = talk(url, ASK, ASK, pause=0.2, half=True)  # the first is answered by then
        assert answer.count(b"HTTP/1.1 200 ") == 2
        assert talk(url, half=True)[0] == b""
        assert talk(url, ASK[:30], half=True)[0] == b""
        for whole in (0, 1):
            answer, _ = talk(url, ASK * whole + ASK[:-3], half=True)
            assert answer.count(b"HTTP/1.1 200 ") == whole
            assert answer.endswith(b'{"error": "the request ended before its body was complete"}\n')
        assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON).status_code == 200


def test_a_request_cut_off_in_its_body_is_no_mistake_of_ours(vector_model, capfd):
    with running(vector_model, seconds=0.2) as url:
        talk(url, ASK[:-3], half=True)
        broken = post(3).replace(b"Content-Length: 3", b"Transfer-Encoding: chunked")
        assert b"no HTTP request" in talk(url, broken, b"no chunk\r\n", pause=0.1)[0]
        time.sleep(0.5)  # longer than a request may take
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("rest", [3, 2])
def test_a_body_that_nobody_reads_keeps_no_connection_open(vector_model, rest):
    nowhere = post(3).replace(b"/predict", b"/none")
    with running(vector_model, seconds=0.5) as url:
        answer, seconds = talk(url, nowhere, b"1" * rest, pause=0.2)
        assert answer.startswith(b"HTTP/1.1 404 ")
        assert seconds < 20  # else it would be open for ever


def test_a_refusal_reaches_a_client_that_is_still_sending(vector_model):
    with running(vector_model, body=1000) as url:
        for _ in range(5):
            answer, _ = talk(url, post(3_000_000), b"1" * 1_500_000, b"1" * 1_500_000)
            assert answer.startswith(b"HTTP/1.1 413 ")


def test_more_connections_than_may_be_open_are_told_to_come_back(vector_model):
    with running(vector_model, connections=3) as url:
        silent = [socket.create_connection(place(url), timeout=20) for _ in range(3)]
        answer, _ = talk(url, ASK)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert answer.endswith(b'{"error": "3 connections are open: try again later"}\n')
        assert b"retry-after: 1" in answer
        silent.pop().close()
        assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON).status_code == 200
        for line in silent:
            line.close()


async def ask_until_told(url, ended, late):
    """Ask on one connection until the server says that it ends; how often it answered, or what went wrong.

    late: ask nothing before the server is told to end.
    """
    try:
        reader, writer = await asyncio.open_connection(*place(url))
        answers = 0
        if late:
            await ended.wait()
        while True:
            writer.write(ASK)
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readline()
            if not head.startswith(b"HTTP/1.1 200 ") or not body.startswith(b'{"predictions"'):
                return head + body
            answers += 1
            if b"connection: close" in head.lower():
                rest = await reader.read()
                writer.close()
                return answers if rest == b"" else rest
    except (OSError, asyncio.IncompleteReadError) as error:
        return repr(error)


def test_an_end_that_is_asked_for_comes_after_all_that_was_accepted_is_answered(vector_model, tmp_path):
    path = vector_model.save(tmp_path / "sum.safetensors")

    async def run(process, url):
        ended = asyncio.Event()
        tasks = [asyncio.create_task(ask_until_told(url, ended, late=i % 10 == 0)) for i in range(300)]
        await asyncio.sleep(0.25)
        process.send_signal(signal.SIGTERM)
        ended.set()
        return await asyncio.gather(*tasks)

    with command(path) as (process, url):
        idle = [socket.create_connection(place(url), timeout=20) for _ in range(5)]  # that never ask
        answers = asyncio.run(run(process, url))
        assert [answer for answer in answers if not isinstance(answer, int)] == []
        assert min(answers) >= 1
        assert [line.recv(1) for line in idle] == [b""] * 5  # ended, not reset
        assert process.wait(20) == 0
        assert process.stderr.read() == ""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place(url))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads a process's time from /proc")
def test_a_server_without_file_descriptors_waits_for_some_and_goes_on(vector_model, tmp_path):
    path = vector_model.save(tmp_path / "sum.safetensors")
    with command(path, files=64) as (process, url):

        def processor():
            spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(spent[11]) + int(spent[12])  # hundredths of a second

        silent = [socket.create_connection(place(url), timeout=20) for _ in range(150)]
        time.sleep(0.5)
        before = processor()
        time.sleep(2)
        assert processor() - before < 50  # a quarter of the time: it does not try all the while
        for line in silent:
            line.close()
        for _ in range(3):
            assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON, timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert process.stderr.read().strip().splitlines() == [
            "no connection can be accepted (Too many open files): trying again until one can"
        ]
