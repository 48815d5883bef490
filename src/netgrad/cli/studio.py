"""`netgrad studio`: watch a network learn, and look inside, in the browser."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Optional

import typer


def studio(
    what: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Argument(
            help="A data set of the gallery (xor, circles, moons, spiral, clouds, noisy_moons, sine, digits, "
            "power_plant, reber, embedded_reber), a table, a folder with a sub-folder of pictures for each class, "
            "a text file, or a model file.",
            show_default="circles, and the lessons",
        ),
    ] = None,
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="Of a table: the column to predict."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; by default only this machine reaches it.")
    ] = "127.0.0.1",
    port: Annotated[
        Optional[int],  # noqa: UP045 - typer reads it at run time
        typer.Option(min=0, max=65535, help="The port to listen on; 0 for any.", show_default="7007 or the next"),
    ] = None,
    allow_host: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="A further name that requests may call the server by; may be repeated.", show_default="none"),
    ] = None,
    runs: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="The folder where runs are kept.", show_default="the user's data folder"),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser, too; its address is printed.")
    ] = True,
) -> None:
    """Watch a network learn, and look inside it, in the browser; with lessons.

    Everything stays on this machine. The address holds a token: without it nobody gets in.
    """
    from netgrad.data.files import regular
    from netgrad.errors import NetgradError
    from netgrad.studio.design import Design
    from netgrad.studio.examples import TITLES, examples
    from netgrad.studio.opening import FIRST
    from netgrad.studio.server import serve
    from netgrad.studio.session import Session

    first, source = Design().plain | {"layers": FIRST}, {"gallery": "circles"}
    if what in TITLES:
        first["data"] = what
    elif what is not None:
        if "." not in what:
            raise NetgradError(f"{what!r} is no data set of the gallery and no file: expected {', '.join(TITLES)}")
        regular(what)
        source = {"table": str(Path(what).absolute())} | ({} if target is None else {"target": target})
        examples(source)  # what cannot be used is refused here, in the reader's own line
    if target is not None and "table" not in source:
        raise NetgradError("--target is of a table: leave it out, or name one")

    def ready(url: str) -> None:
        print(f"studio at {url} (control-C ends it)", flush=True)
        if browser:
            webbrowser.open(url)

    serve(ready, session=Session(source, first), host=host, port=port, hosts=allow_host or (), folder=runs)
