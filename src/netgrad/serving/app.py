"""The ASGI application: /predict, /schema, /health and /metrics, for one model."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError
from netgrad.serving.batching import Batcher, BusyError
from netgrad.serving.guard import Hosts, fault
from netgrad.serving.limits import Limits
from netgrad.serving.modelfile import ModelFile
from netgrad.serving.schema import Schema
from netgrad.training.model import Model

if TYPE_CHECKING:
    from starlette.applications import Starlette

JSON, CSV = "application/json", "text/csv"
LONGEST_ERROR = 500  # characters: an error may quote what the client sent


class RefusedError(Exception):
    """A request that gets no prediction: its status and one line."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


def application(
    model: Model, limits: Limits | None = None, hosts: Hosts | None = None, file: ModelFile | None = None
) -> Starlette:
    """The application that serves this model, for `netgrad.serving.serve` or any other ASGI server.

    hosts: the names that requests may call the server by; None for any, where something before it sees to that.
    file: the file that the model was loaded from, where it is to be said that it has changed since.

    All programs are compiled when the server starts, before it takes its first request. Requests are read in one
    thread, forward passes run in another, so that the server answers /health all the while.

    Errors are JSON, ``{"error": "one line"}``: 400 for what the model cannot take, 404, 405, 408 for a request that
    arrives too slowly, 413 for one too large, 415 for another kind of content, 421 for a name that is not the server's,
    503 where too many wait or the answer takes too long, 500 for our own mistakes, of which the details stay in the
    server's log.

    Raises `NetgradError` for a model whose numbers are not finite.
    """
    from netgrad.serving.extra import starlette

    library = starlette()
    refuse_not_finite(model)
    limits = limits or Limits()
    schema = Schema(model, limits.rows, limits.steps)
    server = _Server(schema, limits, file)

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await asyncio.to_thread(server.batcher.warm_up)
        tasks = [asyncio.create_task(server.batcher.run())]
        if file is not None:
            tasks.append(asyncio.create_task(file.watch()))
        yield
        for task in tasks:
            task.cancel()

    route = library.Route
    routes = [
        route("/predict", server.measured(server.predict), methods=["POST"]),
        route("/schema", server.measured(server.schema_of), methods=["GET"]),
        route("/health", server.measured(server.health), methods=["GET"]),
        route("/metrics", server.metrics_of, methods=["GET"]),
    ]
    handlers: dict[Any, Any] = {library.HTTPException: _http_error, Exception: _own_mistake}
    guard = [library.Middleware(_Guard, hosts=hosts)]
    made = library.Starlette(routes=routes, middleware=guard, exception_handlers=handlers, lifespan=lifespan)
    made.router.redirect_slashes = False  # to whatever the request says is the server's name
    return made


def refuse_not_finite(model: Model) -> None:
    """Raises `NetgradError` where a model's weights, or the scores that its file states, are no finite numbers.

    >>> import netgrad as ng, numpy as np
    >>> model = ng.untrained(ng.Sequential([ng.Dense(1)]), np.eye(3), [0.1, 0.2, 0.3])
    >>> refuse_not_finite(model)
    >>> model.card["scores"] = {"test_loss": float("nan")}
    >>> refuse_not_finite(model)
    Traceback (most recent call last):
    netgrad.errors.NetgradError: this model is not served: its test_loss is nan (`netgrad inspect` shows it)
    """
    why = model.not_finite()
    scores = model.card.get("scores")
    for name, value in scores.items() if isinstance(scores, dict) else ():
        if isinstance(value, float) and not math.isfinite(value):
            why = f"its {name} is {value}"
    if why:
        raise NetgradError(f"this model is not served: {why} (`netgrad inspect` shows it)")


class _Guard:
    """Turns away what `guard.fault` names, before anything else is looked at."""

    def __init__(self, app: Any, hosts: Hosts | None):
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        found = fault(scope, self.hosts) if scope["type"] == "http" else None
        answer = self.app if found is None else error(*found, close=True)
        await answer(scope, receive, send)


class _Server:
    def __init__(self, schema: Schema, limits: Limits, file: ModelFile | None):
        from netgrad.serving.metrics import Metrics

        self.schema, self.limits, self.file = schema, limits, file
        self.batcher = Batcher(schema, limits, lambda examples, seconds: self.metrics.forward(examples, seconds))
        self.metrics = Metrics(lambda: self.batcher.waiting, file)

    def measured(self, answer: Any) -> Any:
        """An endpoint that is counted, and whose refusals are answers."""
        from starlette.requests import ClientDisconnect
        from starlette.responses import Response

        async def endpoint(request: Any) -> Any:
            began, status = time.perf_counter(), 500
            try:
                response = await answer(request)
                status = response.status_code
                return response
            except RefusedError as refusal:
                status = refusal.status
                return error(refusal.status, refusal.message)
            except ClientDisconnect:
                status = 499  # as nginx counts them; nobody is there to read an answer
                return Response(status_code=400)
            finally:
                self.metrics.answered(request.scope["path"], status, time.perf_counter() - began)

        return endpoint

    async def predict(self, request: Any) -> Any:
        """Examples in, predictions out."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in (JSON, CSV):
            raise RefusedError(415, f"Content-Type must be {JSON} or {CSV}, found {kind[:60] or 'none'}")
        asked = request.query_params.get("probabilities", "false").lower()
        if asked not in ("true", "false"):
            raise RefusedError(400, "probabilities must be true or false")
        body = await self.body(request)
        parse = self.schema.parse_json if kind == JSON else self.schema.parse_csv
        try:
            async with asyncio.timeout(self.limits.seconds):
                return reply(await self.answer(parse, body, asked == "true"))
        except TimeoutError:
            raise RefusedError(503, f"no answer within {self.limits.seconds:g} seconds: send fewer examples") from None
        except BusyError:
            raise RefusedError(503, f"{self.limits.waiting} requests are waiting already: try again later") from None
        except NetgradError as mistake:
            raise RefusedError(400, str(mistake)) from None

    async def answer(self, parse: Any, body: bytes, proba: bool) -> dict[str, Any]:
        """Read the request, wait for the forward pass that it shares with others, and put the answer together."""
        linked, lengths, warnings = await self.batcher.submit(lambda: parse(body), len(body))
        answer = self.schema.answer(linked, lengths, proba)
        return answer | ({"warnings": warnings} if warnings else {})

    async def body(self, request: Any) -> bytes:
        """The body of the request, if it is not too large and comes in time."""
        too_large = RefusedError(413, f"the request is larger than {self.limits.body} bytes: send several")
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > self.limits.body:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > self.limits.body:
                        raise too_large
                    parts.append(part)
        except TimeoutError:
            raise RefusedError(408, f"the request did not arrive within {self.limits.seconds:g} seconds") from None
        return b"".join(parts)

    async def schema_of(self, request: Any) -> Any:
        """What the model takes."""
        return reply(self.schema.describe())

    async def health(self, request: Any) -> Any:
        """That the server is up: it takes no request before its programs are compiled."""
        about = {} if self.file is None else {"model file": self.file.state()}
        return reply({"status": "ok", "waiting": self.batcher.waiting} | about)

    async def metrics_of(self, request: Any) -> Any:
        """The counters."""
        from starlette.responses import Response

        return Response(self.metrics.text(), headers={"content-type": self.metrics.content_type})


def reply(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    """A JSON answer, in one line."""
    from starlette.responses import Response

    return Response(json.dumps(content, allow_nan=False) + "\n", status, headers, JSON)


def error(status: int, message: str, close: bool = False) -> Any:
    """A refusal in one line; after one that leaves a request half read, the connection is closed."""
    line = " ".join(message.split())
    line = line if len(line) <= LONGEST_ERROR else line[:LONGEST_ERROR] + "..."
    headers = {"connection": "close"} if close or status in (408, 413) else {}
    headers |= {"retry-after": "1"} if status == 503 else {}
    return reply({"error": line}, status, headers)


async def _http_error(request: Any, exception: Any) -> Any:
    hints = {404: "no such path: there are /predict, /schema, /health and /metrics"}
    hints[405] = f"{request.method} is not for {request.url.path[:60]}: POST /predict, GET the others"
    return error(exception.status_code, hints.get(exception.status_code, str(exception.detail)))


async def _own_mistake(request: Any, exception: Exception) -> Any:
    traceback.print_exception(exception, file=sys.stderr)
    return error(500, f"the server made a mistake ({type(exception).__name__}): its log says more")
