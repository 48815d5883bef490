"""The options that say how a text file of a table is written; all commands that read one have them."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

PANEL = "data"

Separator = Annotated[
    Optional[str],  # noqa: UP045 - typer reads it at run time
    typer.Option(
        help="Between the fields of a CSV file: , ; | or tab.",
        rich_help_panel=PANEL,
        show_default="told from its first lines",
    ),
]
Encoding = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        help="Of a CSV file's text: utf-8, latin-1, ...", rich_help_panel=PANEL, show_default="told from its bytes"
    ),
]
Header = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option(
        "--header/--no-header",
        help="Whether a CSV file's first line names the columns.",
        rich_help_panel=PANEL,
        show_default="unless it holds numbers",
    ),
]
