"""What strangers send to the server: bodies, requests, and the bytes of whole connections."""

import asyncio
import json
import logging
import re
import socket
import weakref

import numpy as np
import uvicorn
from uvicorn.server import ServerState

import netgrad as ng
from netgrad.data import TableEncoder
from netgrad.serving import Hosts, Limits, Schema, application
from netgrad.serving.connections import Connection

from ..mutate import change_bytes, change_tree, odd, text
from .base import Target
from .data import table
from .models import models

STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
POST = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
FRAMES = [
    POST + b"application/json\r\nContent-Length: %d\r\n\r\n%b",
    POST + b"text/csv\r\nContent-Length: %d\r\n\r\n%b",
    POST + b"text/csv\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    POST + b"text/csv\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%b",
    POST.replace(b"1.1", b"1.0") + b"application/json\r\nContent-Length: %d\r\n\r\n%b",
]
HEADS = [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"HEAD /schema/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /metrics HTTP/1.1\r\nHost: [::1]:80\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
]


class Requests(Target):
    """JSON requests to the server, of models of every kind."""

    def valid(self):
        served = [model for model in models() if "forecast" not in model.card]
        self.schemas = [Schema(model, rows=200, steps=50) for model in served]
        return [schema.example().encode() for schema in self.schemas]

    def make(self, rng):
        which = rng.randrange(len(self.schemas))
        if rng.random() < 0.4:
            body = change_bytes(rng, self.seeds[which], self.seeds)
        else:
            request = json.loads(self.seeds[which])
            request["instances"] *= rng.choice([1, 1, 3, 40])
            if rng.random() < 0.3:
                request["lengths"] = rng.choice([[1], [1] * len(request["instances"]), [2**40], odd(rng)])
            body = text(change_tree(rng, request)).encode()
        return bytes([which]) + body[: Limits().body]

    def put(self, data):
        pass

    def take(self, data):
        self.schemas[data[0]].parse_json(data[1:])


class CsvRequests(Target):
    """CSV requests to the server, of the models that take them: tables, vectors, sequences in long tables."""

    def valid(self):
        vectors = ng.untrained(ng.Sequential([ng.Dense(1)]), np.eye(3), [1.0, 2.0, 3.0])
        long = table().assign(id=[*"aaaabbbbcccc"], time=range(12))
        steps = np.zeros((2, 6, 7))
        sequences = ng.untrained(ng.Sequential([ng.RNN(2), ng.Dense(2)]), steps, np.zeros((2, 6), int), lengths=[6, 2])
        sequences.encoder = TableEncoder().fit(table())
        sequences.card = {"sequences": {"id": "id", "time": "time", "goal": "tag"}}
        self.schemas = [Schema(model, rows=200) for model in (models()[0], vectors, sequences)]
        return [table().to_csv(index=False).encode(), b"a,b,c\n1,2,3\n", long.to_csv(index=False).encode()]

    def make(self, rng):
        which = rng.randrange(len(self.schemas))
        return bytes([which]) + change_bytes(rng, self.seeds[which], self.seeds)

    def put(self, data):
        pass

    def take(self, data):
        self.schemas[data[0]].parse_csv(data[1:])


class Asgi(Target):
    """Whole requests to the application: paths, methods, headers and bodies."""

    patience = Limits().seconds  # that the server waits for what does not come

    def valid(self):
        self.app = application(
            models()[0], Limits(batch=4, body=20_000, rows=20, seconds=self.patience), Hosts("127.0.0.1")
        )
        self.loop = asyncio.new_event_loop()
        self.living = self.app.router.lifespan_context(self.app)
        self.loop.run_until_complete(self.living.__aenter__())
        weakref.finalize(self, _stop, self.loop, self.living)
        return [Schema(models()[0]).example().encode(), table().to_csv(index=False).encode()]

    def make(self, rng):
        body = change_bytes(rng, rng.choice(self.seeds), self.seeds) if rng.random() < 0.7 else rng.choice(self.seeds)
        kinds = ["application/json", "text/csv"]
        kind = rng.choice(kinds if rng.random() < 0.9 else ["text/csv; charset=x", "APPLICATION/JSON", "", "x\x00"])
        others = ["/predict", "/schema", "/health", "/metrics", "/", "/%00", "/pre"]
        common = rng.random() < 0.7
        head = {
            "method": "POST" if common else rng.choice(["GET", "PUT", "HEAD", "OPTIONS", "X"]),
            "path": "/predict" if common else rng.choice(others),
            "query": rng.choice(
                ["", "probabilities=true", "probabilities=", "probabilities=1&probabilities=%ff", "&=&"]
            ),
            "type": kind,
            "length": rng.choice([str(len(body)), "", "-1", "9" * 30, "x", "0"]),
        }
        return text(head).encode() + b"\n" + body

    def put(self, data):
        pass

    def take(self, data):
        head, body = data.split(b"\n", 1)
        status, answer = self.loop.run_until_complete(self.ask(json.loads(head), body))
        assert status < 500, (status, answer[:300])
        if answer and not answer.startswith(b"#"):  # but for the metrics, and to those who have left
            content = json.loads(answer)
            assert (status == 200) == ("error" not in content), (status, answer[:300])

    async def ask(self, head, body):
        """One request, in pieces, without a server between."""
        pieces = [body[i : i + 700] for i in range(0, len(body), 700)] or [b""]
        sent = []

        async def receive():
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message):
            sent.append(message)

        headers = [(b"content-type", head["type"].encode()), (b"content-length", head["length"].encode())]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
        scope |= {"method": head["method"], "path": head["path"], "raw_path": head["path"].encode(), "headers": headers}
        scope |= {"query_string": head["query"].encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def _stop(loop, living):
    """End an application as a server would."""
    loop.run_until_complete(living.__aexit__(None, None, None))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


class Streams(Asgi):
    """Connections: what comes back is HTTP, nothing is a mistake of the server's, and every connection ends."""

    patience = 0.5

    def valid(self):
        bodies = super().valid()
        self.config = uvicorn.Config(
            self.app, http=Connection, ws="none", log_config=None, timeout_keep_alive=self.patience
        )
        self.faults = []
        self.loop.set_exception_handler(lambda loop, context: self.faults.append(context["message"]))
        log = logging.getLogger("uvicorn.error")
        log.propagate = False
        log.handlers = [Faults(self.faults)]
        return [frame % (len(body), body) for frame in FRAMES for body in bodies] + HEADS

    def make(self, rng):
        stream = b"".join(rng.choice(self.seeds) for _ in range(rng.choice([1, 1, 2, 3])))
        if rng.random() < 0.9:
            stream = change_bytes(rng, stream, self.seeds)
        return bytes([rng.choice([1, 2, 5, 40]), rng.random() < 0.05]) + stream

    def take(self, data):
        answer = self.loop.run_until_complete(asyncio.wait_for(self.talk(data[0], data[1], data[2:]), 20))
        assert not answer or STATUS.match(answer), answer[:100]
        assert b"500" not in STATUS.findall(answer), answer[:300]
        assert not self.faults, self.faults[:3]

    async def talk(self, pieces, left_open, stream):
        """What comes back for a stream that is sent in so many pieces."""

        def made():
            new = Connection(self.config, ServerState(), {}, self.loop)
            new.seconds = self.patience
            return new

        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        await self.loop.connect_accepted_socket(made, theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        answer = asyncio.create_task(reader.read())
        size = max(1, -(-len(stream) // pieces))
        try:
            for start in range(0, len(stream), size):
                writer.write(stream[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            if not left_open:
                writer.write_eof()
        except OSError:  # the server has heard enough
            pass
        try:
            return await answer
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


class Faults(logging.Handler):
    """What the server logs as errors."""

    def __init__(self, faults):
        super().__init__(logging.ERROR)
        self.faults = faults

    def emit(self, record):
        self.faults.append(record.getMessage() + str(record.exc_info))
