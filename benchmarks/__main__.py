"""`python -m benchmarks`: all works by all contenders in turn; prints and writes tables, JSON and figures.

python -m benchmarks                          everything
python -m benchmarks lenet-1000 mlp-100       the training steps of these works only
python -m benchmarks --contenders netgrad,PyTorch --rounds 3
python -m benchmarks --quick                  whether everything runs: two works, a moment each
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import growth, machine, many, prediction, table, trainings
from benchmarks.contenders import CONTENDERS
from benchmarks.processes import measure
from benchmarks.works import WORKS


def main() -> None:
    """Parse the command line, measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="netgrad beside its alternatives")
    parser.add_argument("works", nargs="*", help=f"works to run, all by default ({', '.join(WORKS)})")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each contender steps in a round")
    parser.add_argument("--quick", action="store_true", help="a moment of each part, to see that all of it runs")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    chosen = parser.parse_args()
    names = chosen.contenders.split(",")
    for kind, given, known in (("contender", names, CONTENDERS), ("work", chosen.works, WORKS)):
        if unknown := [n for n in given if n not in known]:
            parser.error(f"unknown {kind} {unknown[0]!r} (known: {', '.join(known)})")
    works = chosen.works or list(WORKS)
    if chosen.quick:
        chosen.rounds, chosen.seconds, works = 1, 0.02, chosen.works or ["reber-rnn", "mlp-100"]
    chosen.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "machine": machine.description(),
        "matrix_rate": machine.matrix_rate(),
        "copy_bandwidth": machine.copy_bandwidth(),
        "works": {},
    }
    for name in works:
        print(f"{WORKS[name].title} ...", file=sys.stderr, flush=True)
        results["works"][name] = measure(WORKS[name], names, chosen.rounds, chosen.seconds)
    texts = [table.render(results)]
    table.draw(results).savefig(chosen.out / "steps.png", dpi=150)
    if not chosen.works:
        for part in (prediction, many, trainings, growth):
            print(f"{part.__name__} ...", file=sys.stderr, flush=True)
            measured = part.run(names, chosen.rounds, chosen.seconds, chosen.quick)
            results[part.__name__.rpartition(".")[2]] = measured
            texts.append(part.render(measured))
        growth.draw(results["growth"]).savefig(chosen.out / "growth.png", dpi=150)
    text = "\n\n".join(texts)
    print(text)
    (chosen.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (chosen.out / "table.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
