"""The command line, `netgrad`: one file a command, and errors as one line with exit status 2."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `netgrad` with these arguments (`sys.argv` by default) and return the exit status.

    0 where all went well; 2 for anything that the user can put right, told in one line on the standard error; 130 after
    an interruption. 1 where `reproduce` found a value that did not come out, where a prediction or a trained model is
    not finite, where something after training failed (the model is on disk by then), and for the unforeseen, whose
    details go to a log file that the line names.

    >>> main(["fit", "irris"])
    2
    """
    from netgrad.cli.app import run

    return run(arguments)
