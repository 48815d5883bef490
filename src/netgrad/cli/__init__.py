"""The command line, `netgrad`: one file a command, and errors as one line with exit status 2."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `netgrad` with these arguments (`sys.argv` by default) and return the exit status.

    0 where all went well; 1 where `reproduce` found a value that did not come out; 2 for anything that the user can
    put right, told in one line on the standard error; 130 after an interruption.

    >>> main(["fit", "irris"])
    2
    """
    from netgrad.cli.app import run

    return run(arguments)
