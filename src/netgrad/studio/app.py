"""The studio's routes: the page, what it is made of, and one WebSocket that carries commands in and frames out."""

from __future__ import annotations

import contextlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from netgrad.errors import NetgradError
from netgrad.serving.guard import Hosts, fault
from netgrad.studio import design, runs
from netgrad.studio.examples import TITLES, gallery
from netgrad.studio.extra import starlette
from netgrad.studio.lessons import LESSONS
from netgrad.studio.session import Audience

STATIC = Path(__file__).parent / "static"
LONGEST_COMMAND = 2**16  # characters
FROM_PAGE = frozenset(
    {"design", "code", "play", "pause", "step", "epoch", "reset", "rate", "speed", "select"}
    | {"diagnose", "try", "keep", "drop"}
)
# No request leaves the machine: the browser itself refuses any other source.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)


class Guard:
    """Turns away whoever calls the server by a stranger's name, comes from another page, or does not know the token."""

    def __init__(self, app: Any, hosts: Hosts, token: str, stranger: Callable[[], Any]):
        self.app, self.hosts, self.token, self.stranger = app, hosts, token, stranger
        self.met = False  # whether a page of an earlier studio has asked

    def refusal(self, scope: Any) -> tuple[int, str] | None:
        """The status and the line with which a request is turned away; None where it is not."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if turned_away := fault(scope | {"http_version": "1.1"}, self.hosts):
            return turned_away
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return 403, f"a page of {origin[:60]!r} may not talk to this server"
        if scope["path"].startswith("/static/"):
            return None  # the same for all who installed netgrad
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            if given and not self.met:
                self.met = True
                self.stranger()
            return 403, "this address lacks its token: open the whole address that netgrad printed"
        return None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan" or (refused := self.refusal(scope)) is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": refused[1][:120]})
        else:
            await PlainTextResponse(refused[1] + "\n", refused[0])(scope, receive, send)


def application(
    session: Audience, hosts: Hosts, token: str, folder: Path, stranger: Callable[[], Any] = lambda: None
) -> Any:
    """The studio as an ASGI application.

    session: what trains, and who is told of it. folder: where runs are kept. stranger: called when the first page asks
    with another token, as those do that an earlier studio opened here.
    """
    made = starlette()
    source = session.source

    async def page(request: Any) -> Any:
        return made.HTMLResponse((STATIC / "index.html").read_text(encoding="utf-8"), headers=headers)

    headers = {"content-security-policy": POLICY, "referrer-policy": "no-referrer", "cache-control": "no-store"}

    async def offered(request: Any) -> Any:
        return made.JSONResponse(
            {
                "data": TITLES if "gallery" in source else {},
                "activations": design.ACTIVATIONS,
                "initializers": design.INITIALIZERS,
                "optimizers": design.OPTIMIZERS,
                "losses": design.LOSSES,
                "penalties": design.PENALTIES,
                "kinds": {kind: {n: list(v) for n, v in of.items()} for kind, of in design.NUMBERS.items()},
                "lessons": LESSONS,
                "given": "model" in source or "weights" in source,
                "live": "live" in source,
            }
        )

    async def kept(request: Any) -> Any:
        return made.JSONResponse(runs.listed(folder))

    async def one_run(request: Any) -> Any:
        try:
            if request.method == "DELETE":
                runs.delete(folder, request.path_params["name"])
                return made.JSONResponse({})
            path = runs.model_file(folder, request.path_params["name"])
        except NetgradError as error:
            return made.JSONResponse({"error": str(error)}, 404)
        return made.FileResponse(path, filename=f"{request.path_params['name']}.safetensors")

    async def events(request: Any) -> Any:
        name = request.path_params["name"]
        try:
            path = runs.event_file(folder, name)
        except (NetgradError, OSError) as error:
            return made.JSONResponse({"error": str(error)}, 404)
        return made.FileResponse(path, filename=f"{runs.EVENTS}.{name}")

    async def as_csv(request: Any) -> Any:
        name = request.path_params["name"]
        try:
            data = gallery(name)
            if data.over_time or data.reconstructs:
                raise NetgradError(f"{name} is no table with a column to predict")
        except NetgradError as error:
            return made.JSONResponse({"error": str(error)}, 404)
        x = data.x.reshape(len(data.x), -1)
        head = [*(data.features or (f"x{i + 1}" for i in range(x.shape[1]))), "y"]
        y = [data.classes[int(label)] for label in data.y] if data.classes else data.y[:, 0].tolist()
        rows = [",".join(map(str, [*row.tolist(), label])) for row, label in zip(x, y, strict=True)]
        return made.PlainTextResponse("\n".join([",".join(head), *rows, ""]), media_type="text/csv")

    async def socket(websocket: Any) -> None:
        import asyncio

        await websocket.accept()
        listener = session.listen()

        async def out() -> None:
            while True:
                for line in await listener.next():
                    await websocket.send_text(line)

        sending = asyncio.create_task(out())
        try:
            while True:
                text = await websocket.receive_text()
                try:
                    await obey(text)
                except NetgradError as error:
                    listener.tell("refused", json.dumps({"kind": "refused", "message": str(error)}))
        except made.WebSocketDisconnect:
            pass
        finally:
            session.listeners.discard(listener)
            sending.cancel()

    async def obey(text: str) -> None:
        try:
            command = json.loads(text) if len(text) <= LONGEST_COMMAND else None
        except (ValueError, RecursionError):
            command = None
        if not isinstance(command, dict):
            raise NetgradError(f"a command is a JSON object of at most {LONGEST_COMMAND:,} characters")
        if command.get("do") == "save":
            command = {"do": "save", "folder": str(folder)}
        elif command.get("do") not in FROM_PAGE:
            raise NetgradError(f"unknown command {str(command.get('do'))[:40]!r}")
        await session.command(command)

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        await session.start()
        yield
        await session.end()

    app = made.Starlette(
        routes=[
            made.Route("/", page),
            made.Route("/api/offered", offered),
            made.Route("/api/runs", kept),
            made.Route("/api/runs/{name}", one_run, methods=["GET", "DELETE"]),
            made.Route("/api/runs/{name}/tensorboard", events, methods=["POST"]),
            made.Route("/api/data/{name}.csv", as_csv),
            made.WebSocketRoute("/ws", socket),
            made.Mount("/static", made.StaticFiles(directory=STATIC)),
        ],
        lifespan=lifespan,
    )
    app.state.session = session
    return Guard(app, hosts, token, stranger)
