"""This checkout beside another one, an older say: every work's step and prediction, in turn, and the ratios of pairs.

python -m benchmarks.before ../older                  everything
python -m benchmarks.before ../older mlp-100 lenet-1000/examples=1 --pairs 20     a step, and a prediction

Both run in this Python, each with its own sources and the kernels that were built into them (`make kernels`). One
does a moment of steps, then the other, and so on; what counts is the median over such pairs, for a noisy machine is
noisy for both.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median

from benchmarks.contenders import CONTENDERS
from benchmarks.prediction import WORKS as PREDICTIONS
from benchmarks.processes import Process
from benchmarks.works import WORKS, find

HERE = Path(__file__).parents[1]


def environment(checkout: Path) -> dict[str, str]:
    """Where a process finds that checkout's package, benchmarks and kernels."""
    built = checkout / "src" / "netgrad" / "kernels"
    if not list(built.glob("netgrad_kernels*")):
        raise SystemExit(f"{checkout} has no kernels in its sources: `make kernels` there builds them")
    paths = os.pathsep.join([str(checkout / "src"), str(checkout)])
    return {"PYTHONPATH": paths, "PYTHONSAFEPATH": "1", "NETGRAD_KERNELS_DIR": str(built)}


def pairs(name: str, mode: str, older: Path, count: int, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds a step, of this checkout and of the older one, pair by pair."""
    both = [
        Process("netgrad", CONTENDERS["netgrad"], find(name), mode, environment(checkout)) for checkout in (HERE, older)
    ]
    for process in both:
        process.wait()
    for turn in range(count + 1):
        for process in both if turn % 2 else reversed(both):
            process.round(seconds)
    for process in both:
        process.close()
        if process.problem:
            raise RuntimeError(process.problem)
    return both[0].rounds[1:], both[1].rounds[1:]


def main() -> None:
    """Parse the command line, measure, print a row a work as it comes."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.before", description="this checkout beside an older one"
    )
    parser.add_argument("older", type=Path, help="the other checkout")
    parser.add_argument(
        "works", nargs="*", help=f"all by default; steps: {', '.join(WORKS)}; predictions: {', '.join(PREDICTIONS)}"
    )
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each steps in a pair")
    chosen = parser.parse_args()
    if not (chosen.older / "src" / "netgrad").is_dir():
        parser.error(f"{chosen.older} is no checkout of netgrad: it has no src/netgrad")
    if unknown := [name for name in chosen.works if name not in (*WORKS, *PREDICTIONS)]:
        parser.error(f"unknown work {unknown[0]!r} (known: {', '.join((*WORKS, *PREDICTIONS))})")
    asked = [(name, "train" if name in WORKS else "predict") for name in chosen.works or (*WORKS, *PREDICTIONS)]
    print(
        "| work | here, ms | older, ms | here / older, median of pairs | middle half |\n|---|---|---|---|---|",
        flush=True,
    )
    for name, mode in asked:
        try:
            here, older = pairs(name, mode, chosen.older.resolve(), chosen.pairs, chosen.seconds)
        except RuntimeError as problem:  # a work that the older one does not know, say
            print(f"| {find(name).title} | | | {problem} | |", flush=True)
            continue
        ratios = sorted(a / b for a, b in zip(here, older, strict=True))
        low, high = ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]
        title = find(name).title + (", prediction" if mode == "predict" else "")
        print(
            f"| {title} | {1e3 * median(here):.3g} | {1e3 * median(older):.3g} | {median(ratios):.3f} "
            f"| {low:.2f} to {high:.2f} |", flush=True
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
