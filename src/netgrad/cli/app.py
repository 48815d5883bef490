"""The application: its commands, and what becomes of errors and warnings."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from netgrad.cli import interruption
from netgrad.cli.exchange import export, import_
from netgrad.cli.faults import fail, in_options, tell
from netgrad.cli.fit import fit
from netgrad.cli.inspect import inspect
from netgrad.cli.launch import launch
from netgrad.cli.predict import predict
from netgrad.cli.reproduce import reproduce
from netgrad.cli.sample import sample
from netgrad.cli.serve import serve
from netgrad.cli.studio import studio
from netgrad.parallel.processes import GROUP, LOST, join_if_asked, leave, lost

app = typer.Typer(
    name="netgrad",
    help="Train networks on the data you have, and see through them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (fit, launch, predict, sample, inspect, serve, studio, export, reproduce):
    app.command()(command)
app.command(name="import")(import_)


def _version(asked: bool) -> None:
    if asked:
        import jax

        import netgrad
        from netgrad import kernels
        from netgrad.cli.devices import described

        print(f"netgrad {netgrad.__version__}, {kernels.status()}, jax {jax.__version__} on {described()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Version, which kernels are active, and which devices there are.",
        ),
    ] = False,
) -> None:
    """Train networks on the data you have, and see through them."""


def run(arguments: Sequence[str] | None = None) -> int:
    """`netgrad.cli.main`."""
    with warnings.catch_warnings():
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it speaks of its own cache where a home is read-only
        options: dict[str, str] = {}
        grouped = GROUP in os.environ
        warnings.showwarning = said_once(options)
        if sys.stdout is None:  # closed by whoever started the command
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        try:
            # Not by calling the application: that takes the end of a compressed file for the end of what a user types.
            command = typer.main.get_command(app)
            given = sys.argv[1:] if arguments is None else [*arguments]
            options |= options_of(command, given)
            join_if_asked()
            with interruption.remembered(), command.make_context("netgrad", given) as context:
                command.invoke(context)
            sys.stdout.flush()
            return 0
        except BaseException as error:
            status = LOST if grouped and lost(error) else tell(error, options)
            if grouped and status:
                leave(status)
            return status


def options_of(command: Any, given: Sequence[str]) -> dict[str, str]:
    """The options of the command that these arguments name, by the arguments that they stand for."""
    asked = getattr(command, "commands", {}).get(given[0] if given else "")
    return {str(p.name): p.opts[0] for p in asked.params if p.opts[0].startswith("--")} if asked else {}


def said_once(options: Mapping[str, str]) -> Callable[..., None]:
    """What shows warnings: one line each, and none twice, since several steps of a command look at the same rows.

    options: of the command, by the arguments that they stand for.
    """
    said: set[str] = set()

    def show(message: Any, category: type, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
        if str(message) not in said:
            said.add(str(message))
            fail(f"warning: {in_options(str(message), options)}", 0)

    return show
