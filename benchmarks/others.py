"""The second test bench of the diagnosis: kinds of faults from lists that others published, none of our own making.

python -m benchmarks.others                      # to out/others.jsonl, row by row; goes on where it was
python -m benchmarks.others --only healthy       # a part of it
python -m benchmarks.others --table              # only the table, of what is there

Kinds are re-created in `benchmarks.others_sick`, `benchmarks.others_healthy` has the networks that train well. No
threshold was set on them: those come from `benchmarks.diagnosis`.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import netgrad as ng
from benchmarks.findings import OTHERS
from netgrad.diagnosis.recipe import Recipe
from netgrad.diagnosis.repair import Attempt, repair

WELL = 0.85  # of what a reference reaches: a network that does less on validation examples is no healthy one
WITHIN = 0.02  # of the skill of the network as it should have been built: a repair that comes so near counts


@dataclass(frozen=True)
class Case:
    """One network to be trained and diagnosed.

    kind: what is wrong, in a few words, or what is odd about a healthy one; source: the list it comes from; expected:
    the findings any of which names it, none for a healthy one, "refused" where `netgrad.fit` itself must say it; x, y,
    held: examples; network; settings of the run; properly: the same case without its fault, which says what a repair
    may reach.
    """

    kind: str
    source: str
    expected: tuple[str, ...]
    x: Any
    y: Any
    held: tuple
    network: Any
    settings: dict[str, Any] = field(default_factory=dict)
    properly: Callable[[], Case] | None = None
    base: str = ""

    @property
    def name(self) -> str:
        """Kind and data in one."""
        return f"{self.kind} ({self.base})"

    def recipe(self) -> Recipe:
        """How it is trained."""
        return Recipe(self.network, {"epochs": 20, "seed": 1, "validation": self.held, **self.settings})


def judged(case: Case, treat: bool = True) -> dict[str, Any]:
    """Train, diagnose and, where asked, treat one."""
    began = time.perf_counter()
    row: dict[str, Any] = {
        "name": case.name, "kind": case.kind, "source": case.source, "base": case.base, "expected": case.expected,
        "found": [], "notes": [], "changes": [],
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if treat:
                first, best, *_ = repair(case.recipe(), case.x, case.y, case.held)
            else:
                first = best = Attempt(case.recipe(), case.x, case.y)
                first.examine(case.x, case.y, case.held)
        except ng.NetgradError as error:
            return {**row, "found": ["refused"], "says": [str(error)], "seconds": time.perf_counter() - began}
        if case.properly is not None and treat:
            well = case.properly()
            row["properly"] = worth(Attempt(well.recipe(), well.x, well.y), well)
    row |= {
        "found": [check.registered_name for check in first.remedies()],
        "notes": [f.name for f in first.diagnosis if f.severity == "note"],
        "says": [str(finding) for finding in first.diagnosis],
        "changes": list(best.recipe.changes),
        "before": finite(first.score),
        "after": finite(best.score),
        "possible": first.evidence.possible,
        "seconds": time.perf_counter() - began,
    }
    return row


def worth(attempt: Attempt, case: Case) -> float:
    """The skill of a network on validation examples."""
    attempt.examine(case.x, case.y, case.held)
    return finite(attempt.score)


def finite(score: float) -> float:
    """A score, 0 for a run that diverged."""
    return float(score) if np.isfinite(score) else 0.0


def cases() -> Iterator[Case]:
    """All of them, the healthy ones first."""
    from benchmarks.others_further import further
    from benchmarks.others_healthy import healthy
    from benchmarks.others_sick import sick
    from benchmarks.others_well import well

    yield from healthy()
    yield from well()
    yield from sick()
    yield from further()


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each kind, and what all come to."""
    sick, well = [row for row in rows if row["expected"]], [row for row in rows if not row["expected"]]
    lines = [
        "| kind | re-created from | others that look for it | found | named first | skill before | after |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(row["kind"] for row in sick):
        own = [row for row in sick if row["kind"] == kind]
        before, after = (np.mean([row.get(key, np.nan) for row in own]) for key in ("before", "after"))
        skills = "| |" if np.isnan(before) else f"{before:.2f} | {after:.2f} |"
        found, first = (sum(map(judge, own)) for judge in (is_found, is_first))
        which = f"{kind} | {own[0]['source']} | {', '.join(lookers(own[0])) or 'none'}"
        lines.append(f"| {which} | {found} / {len(own)} | {first} / {len(own)} | {skills}")
    alarmed = [row for row in well if row["found"]]
    treated = [row for row in sick if row["changes"]]
    near = [row for row in treated if "properly" in row]
    good = [row for row in near if row["after"] >= row["properly"] - WITHIN]
    worse = [row for row in treated if row["after"] < row["before"]]
    found, first = (sum(map(judge, sick)) for judge in (is_found, is_first))
    lines.append(f"| **all** | | | **{found} / {len(sick)}** | **{first} / {len(sick)}** | | |")
    lines.append("")
    lines.append(f"Healthy networks alarmed: {len(alarmed)} of {len(well)}" + "".join(
        f"; {row['name']}: {', '.join(row['found'])}" for row in alarmed))  # fmt: skip
    poor = [
        row["name"] for row in well if row.get("before", 0) < WELL * row.get("possible", 0) and row["possible"] > 0.1
    ]
    names = "".join(f"; {name}" for name in poor)
    lines.append(f"\nOf these below {WELL:.0%} of a reference on validation examples: {len(poor)}{names}")
    changed = [row["name"] for row in well if row["changes"]]
    names = "".join(f"; {name}" for name in changed)
    lines.append(f"\nHealthy networks changed: {len(changed)} of {len(well)}{names}")
    lines.append(
        f"\nRepairs within {WITHIN} of the skill of the network without the fault: {len(good)} of {len(near)}; "
        f"that made the network worse: {len(worse)} of {len(treated)}"
    )
    return "\n".join(lines)


def lookers(row: dict[str, Any]) -> list[str]:
    """Other tools that look for this kind of fault, by what their papers and manuals list."""
    named = [tool for name in row["expected"][:1] for tool in OTHERS.get(name, ())]
    return [tool for tool in dict.fromkeys(named) if tool != row["source"]]


def is_found(row: dict[str, Any]) -> bool:
    """Whether the fault is among what was found."""
    return bool(set(row["expected"]) & set(row["found"]))


def is_first(row: dict[str, Any]) -> bool:
    """Whether it is the first of that."""
    return bool(row["found"]) and row["found"][0] in row["expected"]


def main() -> None:
    """Run the bench and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a case's name, or 'healthy' or 'sick'")
    parser.add_argument("--base", default="", help="part of the name of the data")
    parser.add_argument("--no-treatment", action="store_true", help="diagnose, and try no remedies")
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    parser.add_argument("--out", type=Path, default=Path("out/others.jsonl"))
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = {row["name"] for row in rows}
    for case in cases() if not args.table else ():
        kinds = {"healthy": not case.expected, "sick": bool(case.expected)}
        if case.name in done or not kinds.get(args.only, args.only in case.name) or args.base not in case.base:
            continue
        row = judged(case, not args.no_treatment)
        rows.append(row)
        with args.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        right = is_found(row) if case.expected else not row["found"]
        print(f"{'   ' if right else '!! '}{case.name}: {', '.join(row['found']) or 'nothing'} "
              f"{row['seconds']:.1f} s", flush=True)  # fmt: skip
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
