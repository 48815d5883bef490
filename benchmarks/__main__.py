"""`python -m benchmarks`: all works by all contenders in turn; prints and writes tables, JSON and figures.

python -m benchmarks                          everything
python -m benchmarks lenet-1000 mlp-100       the training steps of these works only
python -m benchmarks --contenders netgrad,PyTorch --rounds 3
python -m benchmarks --instructions avx2      as on a processor without AVX-512
python -m benchmarks --quick                  whether everything runs: two works, a moment each
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import growth, machine, many, prediction, table, trainings
from benchmarks.contenders import CONTENDERS
from benchmarks.processes import measure
from benchmarks.works import WORKS


def main() -> None:
    """Parse the command line, measure, write, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="netgrad beside its alternatives")
    parser.add_argument("works", nargs="*", help=f"works to run, all by default ({', '.join(WORKS)})")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.3, help="how long each contender steps in a round")
    parser.add_argument("--quick", action="store_true", help="a moment of each part, to see that all of it runs")
    parser.add_argument(
        "--instructions", choices=machine.NARROWER, help="hold every contender to an older instruction set"
    )
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    chosen = parser.parse_args()
    names = chosen.contenders.split(",")
    for kind, given, known in (("contender", names, CONTENDERS), ("work", chosen.works, WORKS)):
        if unknown := [n for n in given if n not in known]:
            parser.error(f"unknown {kind} {unknown[0]!r} (known: {', '.join(known)})")
    works = chosen.works or list(WORKS)
    if chosen.quick:
        chosen.rounds, chosen.seconds, works = 1, 0.02, chosen.works or ["reber-rnn", "mlp-100"]
    if chosen.instructions and os.environ.get("NETGRAD_KERNELS") != chosen.instructions:  # before anything is loaded
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks", *sys.argv[1:]],
            os.environ | machine.NARROWER[chosen.instructions],
        )
    chosen.out.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "machine": f"{machine.description()}, {machine.instruction_set()}",
        "matrix_rate": machine.matrix_rate(),
        "copy_bandwidth": machine.copy_bandwidth(),
        "states": {},
        "works": {},
    }
    parts = [] if chosen.works else [prediction, many, trainings, growth]
    started = time.monotonic()
    for i, name in enumerate(works):
        so_far = (time.monotonic() - started) / 60
        left = f", about {so_far / i * (len(works) - i):.0f} more minutes" if i else ""
        print(f"{i + 1} of {len(works)}{left}: {WORKS[name].title} ...", file=sys.stderr, flush=True)
        before = machine.state()
        results["works"][name] = measure(WORKS[name], names, chosen.rounds, chosen.seconds)
        results["states"][name] = before, machine.state()
        write(results, parts, chosen.out)  # as they come: a run that is ended keeps what it had
    for part in parts:
        print(f"{part.__name__} ...", file=sys.stderr, flush=True)
        results[_key(part)] = part.run(names, chosen.rounds, chosen.seconds, chosen.quick)
        write(results, parts, chosen.out)
    print((chosen.out / "table.md").read_text(), end="")


def write(results: dict[str, Any], parts: list[Any], out: Path) -> None:
    """What there is so far: JSON, Markdown and figures."""
    texts = [table.render(results), *(part.render(results[_key(part)]) for part in parts if _key(part) in results)]
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "table.md").write_text("\n\n".join(texts) + "\n")
    table.draw(results).savefig(out / "steps.png", dpi=150)
    if "growth" in results:
        growth.draw(results["growth"]).savefig(out / "growth.png", dpi=150)


def _key(part: Any) -> str:
    return str(part.__name__.rpartition(".")[2])


if __name__ == "__main__":
    main()
