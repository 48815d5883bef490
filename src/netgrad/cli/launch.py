"""`netgrad launch`: a command run by several processes that train together."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from netgrad.errors import NetgradError

ALONE = ("launch", "serve", "reproduce", "export", "import", "inspect", "predict", "sample", "studio")


def launch(
    arguments: Annotated[
        list[str], typer.Argument(help="The command, after --: fit DATA ...", metavar="-- COMMAND ...")
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="Processes on this host.")] = 2,
    restart: Annotated[
        int,
        typer.Option(
            min=0, help="After a fault, start again so many times; with --checkpoint it goes on where it was."
        ),
    ] = 0,
    coordinator: Annotated[
        Optional[str],  # noqa: UP045 - typer reads these annotations at run time
        typer.Option(
            metavar="HOST:PORT", help="Where process 0 listens, if there are several hosts.", show_default="this host"
        ),
    ] = None,
    process: Annotated[int, typer.Option(min=0, help="The number of the first process on this host.")] = 0,
    of: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Processes on all hosts.", show_default="those on this one"),
    ] = None,
    wait: Annotated[int, typer.Option(min=1, help="Seconds in which all processes must have come.")] = 60,
) -> None:
    """Run `netgrad fit` in several processes that share each batch: netgrad launch -n 4 -- fit digits.

    Each reads the same data and works through its part of every batch; the first writes the model, and what it shows
    is what one process alone would. On several hosts the command is started on each, with the same --coordinator.
    """
    from netgrad.cli.faults import fail
    from netgrad.parallel.launcher import Launcher

    if arguments[0] in ALONE:
        raise NetgradError(f"netgrad {arguments[0]} is for one process: launch takes fit")
    if coordinator is not None and not coordinator.rpartition(":")[2].isdigit():
        raise NetgradError(f"--coordinator is HOST:PORT, found {coordinator!r}")
    if coordinator is None and (process or of not in (None, n)):
        raise NetgradError("--process and --of are for several hosts: give --coordinator HOST:PORT, too")
    if process + n > (of or n):
        raise NetgradError(f"processes {process} to {process + n - 1} are more than --of {of or n}")
    group = Launcher(arguments, n, lambda line: fail(line), coordinator, process, of, restart, wait)
    raise typer.Exit(group.run())
