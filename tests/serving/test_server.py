"""A real server and real clients: under load, with garbage, with slow and broken connections."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
import sys
import time
import warnings

import httpx
import numpy as np
import pytest
from benchmarks import serving as benchmark

import netgrad as ng
from netgrad.cli import main
from netgrad.serving import serve
from netgrad.serving.connections import Server
from netgrad.serving.server import listen
from netgrad.training.running import compiled_forward

from .clients import GOOD, JSON, command, counters, place, post, refusal, talk
from .conftest import running


def test_concurrent_requests_are_answered_together_and_each_with_its_own(vector_model):
    rng = np.random.default_rng(0)
    examples = [rng.normal(size=(n, 3)) for n in rng.integers(1, 8, 200)] + [rng.normal(size=(150, 3))]

    async def ask_all(url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            bodies = [json.dumps({"instances": x.tolist()}) for x in examples]
            return await asyncio.gather(*[client.post("/predict", content=b, headers=JSON) for b in bodies])

    with running(vector_model) as url:
        compiled = compiled_forward(vector_model.network, vector_model.objective).alone._cache_size()
        answers = asyncio.run(ask_all(url))
        assert compiled_forward(vector_model.network, vector_model.objective).alone._cache_size() == compiled
        count = counters(url)
    for x, answer in zip(examples, answers, strict=True):
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["predictions"], vector_model.predict(x), rtol=1e-5, atol=1e-6)
    assert count["netgrad_requests_total", "/predict", "200"] == len(examples)
    assert count["netgrad_forward_examples_sum",] == sum(map(len, examples))
    assert count["netgrad_forward_examples_count",] < len(examples)
    assert count["netgrad_waiting_requests",] == 0


@pytest.fixture(scope="module")
def priced():
    return benchmark.model()


def test_many_clients_lose_nothing_and_share_passes(priced):
    with running(priced) as url:
        outcome = benchmark.load(url, priced, requests=3000, clients=64)
    assert (outcome.lost, outcome.wrong) == (0, 0)
    assert outcome.together > 4  # examples of a forward pass, of requests of one each
    assert outcome.grown < 64 * 2**20


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("NETGRAD_SLOW"), reason="minutes: run with NETGRAD_SLOW=1")
def test_a_hundred_thousand_requests_lose_nothing_in_flat_memory(priced):
    with running(priced) as url:
        outcome = benchmark.load(url, priced, requests=100_000, clients=64)
    assert (outcome.lost, outcome.wrong) == (0, 0)
    assert outcome.grown < 16 * 2**20


def test_sequences_of_every_length_meet_compiled_programs(label_model):
    x = np.random.default_rng(0).normal(size=(40, 40, 2))

    async def ask_all(url):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            bodies = [json.dumps({"instances": [x[i, : i + 1].tolist()]}) for i in range(40)]
            return await asyncio.gather(
                *[client.post("/predict?probabilities=true", content=b, headers=JSON) for b in bodies]
            )

    with running(label_model) as url:
        program = compiled_forward(label_model.network, label_model.objective).alone
        compiled = program._cache_size()
        answers = asyncio.run(ask_all(url))
        assert program._cache_size() == compiled
    got = [answer.json()["probabilities"][0] for answer in answers]
    np.testing.assert_allclose(got, label_model.predict_proba(x, lengths=np.arange(1, 41)), atol=1e-5)


def test_garbage_is_refused_in_one_line_and_the_server_goes_on(table_model):
    with running(table_model, body=10_000) as url, httpx.Client(base_url=url, headers=JSON) as client:
        assert "no JSON" in refusal(client.post("/predict", content=b"{"), 400)
        assert "has no 'colour'" in refusal(client.post("/predict", json={"instances": [{"size": 1}]}), 400)
        long = {"instances": [{"size": "x" * 9000, "colour": "red"}]}
        assert len(refusal(client.post("/predict", json=long), 400)) < 600
        assert "text/csv" in refusal(client.post("/predict", content=b"1", headers={"content-type": "x/y"}), 415)
        assert "/schema" in refusal(client.get("/none"), 404)
        assert "POST" in refusal(client.get("/predict"), 405)
        assert "true or false" in refusal(client.post("/predict?probabilities=1", content=b"1"), 400)
        assert "larger than 10000 bytes" in refusal(client.post("/predict", content=b"1" * 10_001), 413)
        pieces = (b"1" * 1000 for _ in range(11))  # of unannounced length
        assert "larger than" in refusal(client.post("/predict", content=pieces), 413)
        for raw in (b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"A" * 100_000, post(-1), b"\r\n \r\n"):
            answer, _ = talk(url, raw)
            assert answer.startswith(b"HTTP/1.1 4"), raw[:20]
            assert list(json.loads(answer.split(b"\r\n\r\n")[1])) == ["error"]
        good = client.post("/predict", content=b"size,colour\n50,red\n", headers={"content-type": "text/csv"})
        assert good.json() == {"predictions": ["small"]}
        assert client.get("/schema").json()["classes"] == ["big", "small"]
        assert client.get("/health").json()["status"] == "ok"


def test_slow_and_broken_connections_keep_nobody_out(vector_model):
    with running(vector_model, seconds=0.5, connections=20) as url:
        silent = [socket.create_connection(place(url)) for _ in range(30)]  # more than may be open
        head = talk(url, b"POST /predict HTTP/1.1\r\nHost", b": localhost\r\n", pause=0.1)
        assert head[0] == b""  # dropped: nobody answers half a question
        assert head[1] < 10
        time.sleep(0.6)  # by now the silent ones are gone, too
        assert all(line.recv(1) == b"" for line in silent)
        body, _ = talk(url, post(100, GOOD[:5]))
        assert b" 408 " in body.splitlines()[0]
        assert b"did not arrive within 0.5 seconds" in body
        for _ in range(5):  # gone in the middle of the request
            with socket.create_connection(place(url)) as line:
                line.sendall(post(100, GOOD[:5]))
        for _ in range(5):  # gone before the answer
            with socket.create_connection(place(url)) as line:
                line.sendall(post(len(GOOD), GOOD))
        pipelined, _ = talk(
            url, post(len(GOOD), GOOD) * 2, b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert pipelined.count(b" 200 ") == 3
        # A second request on an open connection that never comes to its end is dropped like a first one.
        answer, seconds = talk(url, post(len(GOOD), GOOD), b"POST /pre", pause=0.2)
        assert answer.count(b" 200 ") == 1
        assert seconds < 10
        assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON).status_code == 200
        assert counters(url)["netgrad_requests_total", "/predict", "499"] >= 1


def test_an_answer_that_takes_too_long_and_too_many_that_wait(vector_model, monkeypatch):
    async def ask(url, n):
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            many = [client.post("/predict", content=GOOD, headers=JSON) for _ in range(n)]
            health = asyncio.create_task(client.get("/health"))
            answers = await asyncio.gather(*many)
            return answers, await health

    with running(vector_model, seconds=0.3, waiting=2, batch=1) as url:
        run = ng.Model.run_batch
        monkeypatch.setattr(ng.Model, "run_batch", lambda *a, **k: (time.sleep(0.6), run(*a, **k))[1])
        answers, health = asyncio.run(ask(url, 8))
        assert health.status_code == 200
        errors = [refusal(answer, 503) for answer in answers]
        assert any("no answer within 0.3 seconds" in e for e in errors)
        assert any("2 requests are waiting" in e for e in errors)
        monkeypatch.undo()
        time.sleep(0.7)
        assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON).status_code == 200


def test_our_own_mistakes_are_not_told_to_the_client(vector_model, monkeypatch, capfd):
    def broken(*_, **__):
        raise RuntimeError("secret")

    with running(vector_model) as url:
        monkeypatch.setattr(ng.Model, "run_batch", broken)
        line = refusal(httpx.post(f"{url}/predict", content=GOOD, headers=JSON), 500)
        assert "secret" not in line
    assert "secret" in capfd.readouterr().err


def test_an_address_that_is_taken_and_one_that_others_reach(vector_model, monkeypatch):
    with listen("127.0.0.1", 0) as taken, pytest.raises(ng.NetgradError, match="--port"):
        serve(vector_model, port=taken.getsockname()[1])
    with pytest.raises(ng.NetgradError, match="cannot listen on 203"):
        serve(vector_model, host="203.0.113.7", port=0)
    monkeypatch.setattr(Server, "run", lambda self, sockets: setattr(self, "started", True))
    with pytest.warns(ng.NetgradWarning, match="other machines"):
        serve(vector_model, host="0.0.0.0", port=0)


def test_numbers_that_are_none_are_not_served(vector_model, tmp_path, capsys):
    bad = vector_model.params["dense_1"] | {"b": np.array([np.inf], np.float32)}
    sick = dataclasses.replace(vector_model, params={"dense_1": bad})
    unsure = dataclasses.replace(vector_model, card={"scores": {"test_loss": float("nan")}})
    for model, why in ((sick, "1 of 1 numbers in b of layer dense_1 is not finite"), (unsure, "its test_loss is nan")):
        with pytest.raises(ng.NetgradError, match=f"is not served: {why}"):
            serve(model, port=0)
        with warnings.catch_warnings(action="ignore"):  # written it is, so that one can look for the reason
            path = model.save(tmp_path / "sick.safetensors")
        assert main(["serve", str(path)]) == 2
        assert "is not served" in capsys.readouterr().err


def test_the_command(vector_model, tmp_path, capsys):
    path = vector_model.save(tmp_path / "sum.safetensors")
    with command(path, "--max-rows", "2", "--allow-host", "models.example") as (process, url):
        assert httpx.get(f"{url}/health", headers={"host": "models.example"}).json()["model file"] == "as loaded"
        assert "--allow-host" in refusal(httpx.get(f"{url}/health", headers={"host": "evil.example"}), 421)
        assert len(httpx.post(f"{url}/predict", content=GOOD, headers=JSON).json()["predictions"]) == 1
        three = {"instances": [[1, 2, 3]] * 3}
        assert "at most 2" in refusal(httpx.post(f"{url}/predict", json=three), 400)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read().strip() == "netgrad: interrupted"
    assert main(["serve", str(path), "--allow-host", "http://models.example"]) == 2
    assert "'http://models.example' is no host's name" in capsys.readouterr().err


def test_without_the_libraries_the_extra_is_named(vector_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ng.NetgradError, match=r"pip install 'netgrad\[serve\]'"):
        serve(vector_model)
