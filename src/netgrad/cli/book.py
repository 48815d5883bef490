"""The experiments as a page in Markdown: of each its text, the command, the values beside the printed ones, figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def book(records: list[dict[str, Any]], seed: int, folder: Path) -> str:
    """The page of these records (`netgrad.cli.reproduce.perform`), to stand in ``folder``."""
    lines = [
        "# What the texts print, and what comes out here",
        "",
        f"Written by `make reproduce`, seed {seed}. Each experiment is a small program in `src/netgrad/experiments`. "
        "Where a text prints a value, it stands beside the one found here, and **NOT** marks one that did not come "
        "out; rows without a printed value are told for their own sake.",
        "",
        *(f"- [{r['title']}](#{r['name']}){_verdict(r)}" for r in records),
    ]
    for record in records:
        lines += ["", *_chapter(record, seed, folder)]
    return "\n".join(lines) + "\n"


def _verdict(record: dict[str, Any]) -> str:
    return {True: "", False: ": **NOT**", None: ": skipped"}[record["ok"]]


def _chapter(record: dict[str, Any], seed: int, folder: Path) -> list[str]:
    name = record["name"]
    lines = [f"## {name}", "", f"{record['title']}. Source: {record['source']}.", ""]
    lines += [f"    netgrad reproduce {name}" + (f" --seed {seed}" if seed else ""), ""]
    if said := record.get("failed") or record.get("skipped"):
        return [*lines, f"It did not run: {said}"]
    lines += ["| quantity | text | here | |", "|---|---|---|---|"]
    marks = {True: "ok", False: "**NOT**", None: ""}
    for row in record["rows"]:
        cells = (row["quantity"], row["text"], row["here"], marks[row["ok"]])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    for note in record["notes"]:
        lines += ["", note]
    for path in record["figures"]:
        lines += ["", f"![{Path(path).stem}]({Path(os.path.relpath(path, folder)).as_posix()})"]
    return lines
