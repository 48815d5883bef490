"""`netgrad reproduce`: the texts' experiments, each with what the text prints beside what came out here."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from netgrad.cli import interruption
from netgrad.compiling import MOST_SEEDS
from netgrad.errors import FileError, NetgradError
from netgrad.writing import write_file


def reproduce(
    names: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer reads it at run time
        typer.Argument(help="Names of experiments; all by default.", metavar="[NAME]..."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the experiments and stop.")] = False,
    json_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--json", help="Write the rows to this file.", metavar="FILE"),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for the figures, as PNG.", metavar="DIR"),
    ] = None,
    page: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Write all of it as a page in Markdown, with the figures of --out.", metavar="FILE"),
    ] = None,
    at_most: Annotated[
        Optional[float],  # noqa: UP045 - typer reads it at run time
        typer.Option(min=0, help="Leave out the experiments that take longer, by the list.", metavar="SECONDS"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEEDS - 1, help="Everything random comes from it.")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="So many experiments at a time, each in a process.")] = 1,
) -> None:
    """Run the texts' experiments and show every value beside the printed one; status 1 if one did not come out.

    The longest are shortened to what is still a verdict; NETGRAD_SLOW=1 runs them as long as the texts do.
    """
    from netgrad.cli.tables import console
    from netgrad.experiments import EXPERIMENTS, find

    chosen = [find(name) for name in names or EXPERIMENTS]
    if at_most is not None:
        shortest = min(experiment.seconds for experiment in chosen)
        chosen = [experiment for experiment in chosen if experiment.seconds <= at_most]
        if not chosen:
            raise NetgradError(
                f"no experiment takes at most {at_most:g} s: the shortest takes {shortest:g} (raise --at-most)"
            )
    if show:
        console().print(listing(chosen))
        return
    if jobs > 1:
        from netgrad.cli.side_by_side import perform_all

        records = perform_all(chosen, seed, out, jobs)
    else:
        records = [perform(experiment, seed, out) for experiment in chosen]
    if page is not None:
        from netgrad.cli.book import book

        write_file(page, book(records, seed, page.parent).encode())
    if json_file is not None:
        import netgrad

        content = {"netgrad": netgrad.__version__, "seed": seed, "experiments": records}
        write_file(json_file, json.dumps(content, indent=1, ensure_ascii=False).encode())
    wrong = [r["name"] for r in records if r["ok"] is False]
    skipped = [r["name"] for r in records if r["ok"] is None]
    done = len(records) - len(skipped)
    console().print(
        f"{done - len(wrong)} of {done} experiments came out"
        + (f"; not: {', '.join(wrong)}" if wrong else "")
        + (f"; skipped for want of data: {', '.join(skipped)}" if skipped else ""),
        style="bold",
    )
    if wrong:
        raise typer.Exit(1)


def perform(experiment: Any, seed: int, out: Path | None) -> dict[str, Any]:
    """Run one experiment, show it, write its figures; what it found as plain JSON, ``ok`` None where it was skipped."""
    from netgrad.cli.tables import console

    interruption.check()
    screen = console()
    screen.rule(f"[bold]{experiment.name}[/bold]: {experiment.title}", align="left")
    screen.print(experiment.source, style="dim", markup=False)
    record: dict[str, Any] = {"name": experiment.name, "title": experiment.title, "source": experiment.source}
    if reason := missing(experiment.needs):
        screen.print(f"skipped: {reason}", markup=False)
        return record | {"ok": None, "skipped": reason}
    start = time.perf_counter()
    try:
        result = experiment.run(seed)
    except NetgradError as error:
        screen.print(f"failed: {error}", style="bold red", markup=False)
        return record | {"ok": False, "failed": str(error)}
    seconds = time.perf_counter() - start
    screen.print(beside(result))
    for note in result.notes:
        screen.print(note, markup=False)
    drawn = []
    if out is not None:
        for name, fig in result.figures.items():
            stem = name if name.startswith(experiment.name) else f"{experiment.name}-{name}"
            drawn.append(str(figure(fig, out / f"{stem}.png")))
            screen.print(f"figure: {drawn[-1]}", markup=False, soft_wrap=True)
    screen.print(f"{seconds:.1f} s\n", style="dim")
    rows = [{"quantity": r.quantity, "text": r.text, "here": r.here, "ok": r.ok} for r in result.rows]
    return record | {"ok": result.ok, "rows": rows, "notes": result.notes, "figures": drawn}


def missing(needs: tuple[str, ...]) -> str:
    """Why a data set that an experiment needs is not at hand; empty where all are."""
    from netgrad.data import datasets

    for name in needs:
        try:
            datasets.load(name) if name in datasets.names() else datasets.load_text(name)
        except FileError as error:
            return str(error)
    return ""


def beside(result: Any) -> Any:
    """The text-against-here table."""
    from rich.table import Table

    from netgrad.cli.tables import grid

    table: Table = grid()
    table.add_column("quantity", ratio=3)
    table.add_column("text", ratio=3)
    table.add_column("here", ratio=3)
    table.add_column("")
    marks = {True: "[green]ok[/green]", False: "[bold red]NOT[/bold red]", None: ""}
    for row in result.rows:
        table.add_row(*map(escaped, (row.quantity, row.text, row.here)), marks[row.ok])
    return table


def listing(experiments: list[Any]) -> Any:
    """Name, title, source, needed data and rough duration of experiments, for terminals of 80 columns, too."""
    from netgrad.cli.tables import grid

    table = grid()
    table.add_column("name", no_wrap=True)
    table.add_column("what, and where it is from")
    table.add_column("about", justify="right", no_wrap=True)
    for e in experiments:
        needs = f"\nneeds {', '.join(e.needs)}" if e.needs else ""
        table.add_row(e.name, f"{escaped(e.title)}\n[dim]{escaped(e.source)}[/dim]{needs}", f"{e.seconds:g} s")
    return table


def escaped(text: str) -> str:
    """Text in which square brackets are no markup."""
    from rich.markup import escape

    return escape(text)


def figure(fig: Any, path: Path) -> Path:
    """Write a matplotlib figure as PNG."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=150, bbox_inches="tight")
    return write_file(path, buffer.getvalue())
