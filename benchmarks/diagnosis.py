"""The test bench of the diagnosis: planted faults found, healthy networks alarmed, sick networks repaired.

python -m benchmarks.diagnosis            # both halves, to out/diagnosis.jsonl, row by row; goes on where it was
python -m benchmarks.diagnosis --seeds 1  # a quick look
python -m benchmarks.diagnosis --table    # only the tables, of what is there
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sick import HALVES, Patient, healthy, sick
from netgrad.diagnosis.recipe import Recipe
from netgrad.diagnosis.repair import Attempt, repair

NOTES = ("useless_columns",)  # findings that are never more than that


def recipe(patient: Patient, seed: int) -> Recipe:
    """How this patient is trained."""
    data = patient.examples
    given: dict[str, Any] = {**patient.settings, "seed": seed, "validation": data.held}
    if data.lengths is not None:
        given["lengths"] = data.lengths[0]
    return Recipe(patient.network, given)


def named(attempt: Attempt) -> list[str]:
    """What was found above "note", in order; a run that diverged is found by its error."""
    return [check.registered_name for check in attempt.remedies()]


def examine(patient: Patient, seed: int, treat: bool) -> dict[str, Any]:
    """One network: trained, diagnosed and, where asked, treated."""
    data = patient.examples
    began = time.perf_counter()
    if not treat:
        first = best = Attempt(recipe(patient, seed), data.x, data.y)
        first.examine(data.x, data.y, data.held)
        kept: list[str] = []
    else:
        first, best, kept, *_ = repair(recipe(patient, seed), data.x, data.y, data.held)
    before, after = (a.score if np.isfinite(a.score) else 0.0 for a in (first, best))
    return {
        "patient": patient.name,
        "half": patient.half,
        "fault": patient.fault,
        "seed": seed,
        "found": named(first),
        "notes": [f.name for f in first.diagnosis if f.severity == "note"],
        "says": [str(finding) for finding in first.diagnosis],
        "left": named(best),
        "kept": kept,
        "changes": list(best.recipe.changes),
        "before": before,
        "after": after,
        "possible": first.evidence.possible,
        "seconds": time.perf_counter() - began,
    }


def is_found(row: dict[str, Any]) -> bool:
    """Whether the planted fault is among what was found; a finding that is never more than a note, among those."""
    return row["fault"] in row["found"] + (row["notes"] if row["fault"] in NOTES else [])


def repaired(row: dict[str, Any]) -> bool:
    """Whether the planted fault is gone and the network no longer worse for it: what is left alarms no more."""
    gone = row["fault"] not in row["left"]
    return gone and (row["after"] >= row["before"] + 0.05 or not row["left"])


def table(rows: list[dict[str, Any]], half: str) -> str:
    """Markdown: a line for each kind of finding."""
    own = [row for row in rows if row["half"] == half]
    well = [row for row in own if not row["fault"]]
    faults = list(dict.fromkeys(row["fault"] for row in own if row["fault"]))
    lines = [
        "| finding | found / planted | named first | false alarms / healthy | repaired / found | skill before "
        "| after |",
        "|---|---|---|---|---|---|---|",
    ]
    total: dict[str, list[Any]] = defaultdict(list)
    for fault in faults:
        ill = [row for row in own if row["fault"] == fault]
        found = [row for row in ill if is_found(row)]
        first = [row for row in found if [*row["found"], fault][0] == fault]
        alarms = [row for row in well if fault in row["found"]]
        cured = [row for row in found if repaired(row)]
        no_remedy = fault == "labels_without_relation"
        before, after = (float(np.mean([row[k] for row in ill])) for k in ("before", "after"))
        lines.append(
            f"| {fault.replace('_', ' ')} | {len(found)} / {len(ill)} | {len(first)} | {len(alarms)} / {len(well)} | "
            f"{'none to try' if no_remedy else f'{len(cured)} / {len(found)}'} | {before:.2f} | "
            f"{'' if no_remedy else f'{after:.2f}'} |"
        )
        total["found"] += found
        total["ill"] += ill
        total["first"] += first
        if not no_remedy:
            total["cured"] += cured
            total["treated"] += found
    alarmed = [row for row in well if row["found"]]
    treated = total["treated"]
    before, after = (float(np.mean([row[k] for row in treated])) if treated else 0.0 for k in ("before", "after"))
    lines.append(
        f"| **all** | **{len(total['found'])} / {len(total['ill'])}** | {len(total['first'])} | "
        f"**{len(alarmed)} / {len(well)}** | **{len(total['cured'])} / {len(treated)}** | {before:.2f} | {after:.2f} |"
    )
    return "\n".join(lines)


def main() -> None:
    """Run the bench and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="sick networks of each kind; healthy ones are one more")
    parser.add_argument("--only", default="", help="part of a patient's name or fault")
    parser.add_argument("--half", choices=HALVES, help="one half only")
    parser.add_argument("--no-treatment", action="store_true", help="diagnose, and try no remedies")
    parser.add_argument("--table", action="store_true", help="print the tables of what is there")
    parser.add_argument("--out", type=Path, default=Path("out/diagnosis.jsonl"))
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = {(row["number"], row["patient"], row["seed"]) for row in rows}
    for number, patient in enumerate([*healthy(), *sick()] if not args.table else ()):
        if args.only not in patient.name or args.half not in (None, patient.half):
            continue
        for seed in range(args.seeds + (not patient.fault)):  # the healthy ones are fewer kinds
            if (number, patient.name, seed) in done:
                continue
            row = {"number": number, **examine(patient, seed, bool(patient.fault) and not args.no_treatment)}
            rows.append(row)
            with args.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            right = is_found(row) if patient.fault else not row["found"]
            shown = f"{', '.join(row['found']) or 'nothing'}; skill {row['before']:.2f} -> {row['after']:.2f}"
            shown += (
                f" of {row['possible']:.2f}; left {', '.join(row['left'])}; {row['changes']}" if row["fault"] else ""
            )
            print(
                f"{'   ' if right else '!! '}{patient.half[:6]} {patient.name}: {shown} {row['seconds']:.1f} s",
                flush=True,
            )
    for half in HALVES:
        if any(row["half"] == half for row in rows):
            print(f"\n{half}\n\n{table(rows, half)}")


if __name__ == "__main__":
    main()
