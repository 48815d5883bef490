"""`python -m benchmarks.serving`: a served table under load, every answer checked, and what each request cost.

python -m benchmarks.serving                         20,000 requests of 64 clients
python -m benchmarks.serving --requests 100000       what docs/security.md gives the figures of

Server and clients are a process each; the server's processor time and memory are those that its own /metrics states.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import netgrad as ng
from netgrad.errors import NetgradError

KINDS = 500  # different requests, each with its own answer
COMMAND = [sys.executable, "-c", "import sys; from netgrad.cli import main; sys.exit(main())", "serve"]
HEAD = "POST /predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"


def houses(rows: int = 2000) -> tuple[pd.DataFrame, np.ndarray]:
    """A table of ten columns, numbers, categories, a truth value and a date, and a price."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"room {i}": rng.normal(20, 5, rows).round(2) for i in range(6)})
    table["colour"] = rng.choice(["red", "white", "green"], rows)
    table["town"] = rng.choice(["Ulm", "Bonn", "Kiel", "Jena"], rows)
    table["garden"] = rng.random(rows) < 0.5
    table["built"] = pd.Series(pd.date_range("1950-01-01", periods=rows, freq="W")).dt.strftime("%Y-%m-%d")
    return table, table["room 0"].to_numpy() * 3 + table["garden"].to_numpy()


def model() -> ng.Model:
    """Two hidden layers of 32 units on those columns."""
    layers = [ng.Dense(32, activation="relu"), ng.Dense(32, activation="relu"), ng.Dense(1)]
    return ng.fit(ng.Sequential(layers), *houses(), epochs=2)


@dataclass
class Outcome:
    """What came of a run: requests answered rightly, wrongly or not at all, and what they cost the server."""

    requests: int
    wrong: int
    lost: int
    seconds: float
    processor: float  # seconds of the server's processors
    asking: float  # seconds of the clients' processor
    together: float  # examples of a forward pass
    grown: float  # bytes that the server's memory grew by after the first tenth

    def __str__(self) -> str:
        each = [f"{1e6 * spent / self.requests:,.0f}" for spent in (self.processor, self.asking)]
        return (
            f"{self.requests:,} requests, {self.lost} lost, {self.wrong} wrong; {self.requests / self.seconds:,.0f} a "
            f"second, {each[0]} microseconds of the server's processor time each and {each[1]} of the clients'; "
            f"{self.together:.1f} examples a forward pass; memory grew by {self.grown / 2**20:.1f} MiB after the first "
            "tenth"
        )


class Client(asyncio.Protocol):
    """One connection that asks again and again, and compares every answer."""

    def __init__(self, load: Load, first: int):
        self.load, self.place, self.buffer = load, first, bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """The next request, if there is another."""
        if self.load.left == 0:
            self.transport.close()
            return
        self.load.left -= 1
        self.place = (self.place + 1) % len(self.load.questions)
        self.transport.write(self.load.questions[self.place])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(re.search(rb"content-length: (\d+)", self.buffer)[1])  # type: ignore[index]
        if len(self.buffer) < head + 4 + length:
            return
        body = bytes(self.buffer[head + 4 : head + 4 + length])
        right = self.buffer.startswith(b"HTTP/1.1 200 ")
        self.buffer.clear()
        self.load.answered += 1
        if not right or not np.isclose(json.loads(body)["predictions"][0], self.load.answers[self.place], rtol=1e-5):
            self.load.wrong += 1
        self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.open -= 1
        if self.load.open == 0:
            self.load.finished.set()


class Load:
    """So many requests, shared among the clients."""

    def __init__(self, url: str, questions: list[bytes], answers: np.ndarray, requests: int):
        self.host, _, self.port = url.removeprefix("http://").partition(":")
        self.questions, self.answers, self.left = questions, answers, requests
        self.answered = self.wrong = self.open = 0
        self.finished = asyncio.Event()

    async def run(self, clients: int) -> None:
        """All of them, by so many clients at once."""
        loop = asyncio.get_running_loop()
        self.open = clients
        for i in range(clients):
            await loop.create_connection(lambda i=i: Client(self, i * 7), self.host, int(self.port))  # type: ignore[misc]
        await self.finished.wait()


def metrics(url: str) -> dict[str, float]:
    """The server's numbers that have no labels."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#") and "{" not in line}


def load(url: str, served: ng.Model, requests: int, clients: int) -> Outcome:
    """Ask the server at this URL so many times what the model would answer."""
    table = houses()[0].iloc[:KINDS]
    bodies = [json.dumps({"instances": [record]}) for record in table.to_dict("records")]
    host = url.removeprefix("http://")
    questions = [f"{HEAD.format(host=host, length=len(body))}{body}".encode() for body in bodies]
    answers = served.predict(table)

    def part(count: int) -> Load:
        async def run() -> Load:
            some = Load(url, questions, answers, count)
            await some.run(clients)
            return some

        return asyncio.run(run())

    first = part(requests // 10)
    before, began, asked = metrics(url), time.perf_counter(), time.process_time()
    rest = part(requests - requests // 10)
    seconds, asking, after = time.perf_counter() - began, time.process_time() - asked, metrics(url)

    def grew(name: str) -> float:
        return after[name] - before[name]

    return Outcome(
        requests - requests // 10,
        first.wrong + rest.wrong,
        requests - first.answered - rest.answered,
        seconds,
        grew("process_cpu_seconds_total"),
        asking,
        grew("netgrad_forward_examples_sum") / grew("netgrad_forward_examples_count"),
        grew("process_resident_memory_bytes"),
    )


def main() -> None:
    """Parse the command line, serve, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=64)
    chosen = parser.parse_args()
    served = model()
    with tempfile.TemporaryDirectory() as folder:
        path = served.save(Path(folder, "houses.safetensors"))
        process = subprocess.Popen([*COMMAND, str(path), "--port", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise NetgradError("the server did not start: its log says why")
            print(load(line.split()[3], served, chosen.requests, chosen.clients))
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
