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
            "autoencoder, power_plant, reber, embedded_reber), a table, a folder with a sub-folder of pictures for "
            "each class, a text file, or a model file.",
            show_default="circles, and the lessons",
        ),
    ] = None,
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="Of a table: the column to predict."),
    ] = None,
    id: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(help="Of a table of sequences: the column that tells which one a row belongs to."),
    ] = None,
    time: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(
            help="Of a table of sequences: the column that orders a sequence's rows.", show_default="as they stand"
        ),
    ] = None,
    data: Annotated[
        Optional[str],  # noqa: UP045 - typer reads it at run time
        typer.Option(
            help="Of a model file: the table or the folder of pictures to show it on.", show_default="random inputs"
        ),
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
    from netgrad.errors import NetgradError
    from netgrad.studio.design import Design
    from netgrad.studio.examples import TITLES
    from netgrad.studio.opening import FIRST, LOOKS
    from netgrad.studio.server import serve
    from netgrad.studio.session import Session
    from netgrad.studio.sources import examples

    first, source = Design().plain | {"layers": FIRST}, {"gallery": "circles"}
    if what in TITLES:
        first |= {"data": what} | LOOKS.get(what, {})
    elif what is not None:
        source = _source(what, data)
        for name, given in (("target", target), ("id", id), ("time", time)):
            if given is not None and "table" in source:
                source[name] = given
    for name, given, of_what in (("target", target, "table"), ("id", id, "table"), ("time", time, "id")):
        if given is not None and of_what not in source:
            wanted = "a table" if of_what == "table" else "a table of sequences, with --id"
            raise NetgradError(f"--{name} is of {wanted}: leave it out, or name one")
    if data is not None and "weights" not in source:
        raise NetgradError("--data is of a model file: name the data instead of the model, or leave it out")

    if "gallery" not in source:
        of = examples(source)  # what cannot be used is refused here, in the reader's own line
        first |= {"layers": None} if "weights" in source else LOOKS["reber"] if of.over_time else {}

    def ready(url: str) -> None:
        print(f"studio at {url} (control-C ends it)", flush=True)
        if browser:
            webbrowser.open(url)

    serve(ready, session=Session(source, first), host=host, port=port, hosts=allow_host or (), folder=runs)


def _source(what: str, data: str | None) -> dict[str, str]:
    """Where the examples come from: a folder, a text, a model file with its data, or a table."""
    from netgrad.data.files import regular
    from netgrad.errors import NetgradError
    from netgrad.studio.examples import TITLES

    path = Path(what)
    if path.is_dir():
        return {"folder": str(path.absolute())}
    if not path.suffix:
        raise NetgradError(f"{what!r} is no data set of the gallery and no file: expected {', '.join(TITLES)}")
    regular(what)
    if path.suffix == ".safetensors":
        return {"weights": str(path.absolute())} | ({} if data is None else _source(data, None))
    return {"text" if path.suffix == ".txt" else "table": str(path.absolute())}
