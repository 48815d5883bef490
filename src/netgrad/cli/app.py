"""The application: its commands, and what becomes of errors and warnings."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from netgrad.cli.exchange import export, import_
from netgrad.cli.fit import fit
from netgrad.cli.inspect import inspect
from netgrad.cli.predict import predict
from netgrad.cli.reproduce import reproduce
from netgrad.cli.sample import sample
from netgrad.cli.serve import serve
from netgrad.errors import NetgradError

app = typer.Typer(
    name="netgrad",
    help="Train networks on the data you have, and see through them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (fit, predict, sample, inspect, serve, export, reproduce):
    app.command()(command)
app.command(name="import")(import_)

# Typer's own errors about the way a command was written (the class above UsageError, wherever it lives).
WrongUsage: Any = typer.BadParameter.__mro__[2]


def _version(asked: bool) -> None:
    if asked:
        import netgrad
        from netgrad import kernels

        print(f"netgrad {netgrad.__version__}, {kernels.status()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Version, and which kernels are active.")
    ] = False,
) -> None:
    """Train networks on the data you have, and see through them."""


def run(arguments: Sequence[str] | None = None) -> int:
    """`netgrad.cli.main`."""
    with warnings.catch_warnings():
        warnings.showwarning = _one_line
        try:
            status = app(args=arguments, prog_name="netgrad", standalone_mode=False)
            sys.stdout.flush()
            return _fail("interrupted", 130) if status == 130 else status or 0  # typer's answer to control-C
        except NetgradError as error:
            return _fail(str(error))
        except WrongUsage as error:
            return _wrong_usage(error)
        except (KeyboardInterrupt, typer.Abort):
            return _fail("interrupted", 130)
        except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            return _fail(f"{error.strerror or error}{place}")
        except MemoryError as error:
            return _fail(f"out of memory: {error or 'use fewer units, fewer rows or a smaller batch'}")


def _fail(message: str, status: int = 2) -> int:
    print(f"netgrad: {' '.join(message.split())}", file=sys.stderr)
    return status


def _wrong_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # a bare `netgrad`
        print(error.format_message(), file=sys.stderr)
        return 2
    path = error.ctx.command_path if getattr(error, "ctx", None) else "netgrad"
    return _fail(f"{error.format_message().rstrip('.')} (see {path} --help)")


def _one_line(message: Any, category: type, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
    print(f"netgrad: warning: {' '.join(str(message).split())}", file=sys.stderr)
