"""`netgrad serve`: a model behind HTTP."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from netgrad.cli.predict import ModelFile


def serve(
    model_file: ModelFile,
    host: Annotated[
        str, typer.Option(help="The address to listen on; by default only this machine reaches it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 for any free one.")] = 8000,
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it at run time
        typer.Option(
            help="A further name that requests may call the server by, such as that of a proxy; may be repeated; "
            "* for any.",
            show_default="the address's own",
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="The most examples of one forward pass.")] = 64,
    max_rows: Annotated[int, typer.Option(min=1, help="The most examples of one request.")] = 10_000,
    max_bytes: Annotated[int, typer.Option(min=1, help="The most bytes of one request.")] = 8 * 2**20,
    max_seconds: Annotated[
        float, typer.Option(min=0.001, help="For a request to arrive, and again for its answer.")
    ] = 30.0,
    max_steps: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it at run time
        typer.Option(min=1, help="The longest sequence.", show_default="as in training, at most 1000"),
    ] = None,
) -> None:
    """Serve a model over HTTP: POST examples as JSON or CSV to /predict; GET /schema, /health and /metrics.

    The programs are compiled before the first request is taken. There is no password: put a proxy that asks for one
    before a server that other machines reach.
    """
    import netgrad as ng
    from netgrad.serving import Limits, ModelFile, serve

    limits = Limits(body=max_bytes, rows=max_rows, seconds=max_seconds, batch=batch, steps=max_steps)
    file = ModelFile(model_file)  # before it is loaded: what replaces it in between is noticed, too
    model = ng.load(model_file)

    def ready(url: str) -> None:
        print(f"serving {model_file.name} at {url} (POST /predict; GET /schema, /health, /metrics)", flush=True)

    serve(model, host, port, limits, ready, allow_host or (), file)
