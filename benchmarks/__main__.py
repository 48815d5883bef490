"""`python -m benchmarks`: run the works by all contenders in turn and print the table of ratios.

python -m benchmarks                          all works, all contenders
python -m benchmarks lenet-1000 mlp-100       these works
python -m benchmarks --contenders netgrad,PyTorch --rounds 3
python -m benchmarks --out out/bench          also writes results.json, table.md and figure.png there
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, table
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.works import WORKS, Work


class Process:
    """A worker process of one contender on one work, or the reason why there is none."""

    def __init__(self, name: str, contender: Contender, work: Work):
        self.name, self.problem, self.rounds = name, "", []
        self.peak_memory = self.import_seconds = self.first_step_seconds = float("nan")
        command = [sys.executable, "-m", "benchmarks.worker", name, work.name]
        environment = os.environ | contender.environment
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        if ready := self._answer():
            self.import_seconds, self.first_step_seconds = ready["import_seconds"], ready["first_step_seconds"]

    def round(self, seconds: float) -> None:
        """Run steps for so long and keep the median of their times."""
        if self.problem:
            return
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        if answer := self._answer():
            self.rounds.append(median(answer["times"]))
            self.peak_memory = answer["peak_memory"]

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None and not self.problem:
            self.process.stdin.close()
        self.process.wait()

    def result(self) -> dict[str, Any]:
        """What was measured; times in seconds, memory in MiB."""
        if self.problem:
            return {"problem": self.problem}
        return {
            "step": median(self.rounds),
            "rounds": self.rounds,
            "import": self.import_seconds,
            "first_step": self.first_step_seconds,
            "peak_memory": self.peak_memory,
        }

    def _answer(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        assert self.process.stderr is not None
        last = [text for text in self.process.stderr.read().splitlines() if text.strip()][-1:]
        self.problem = last[0][:200] if last else f"exit status {self.process.returncode}"
        return None


def measure(work: Work, names: list[str], rounds: int, seconds: float) -> dict[str, Any]:
    """All contenders on one work: warmed up, then in turn, ``rounds`` times."""
    processes = [Process(n, CONTENDERS[n], work) for n in names if CONTENDERS[n].applies(work)]
    for process in processes:
        process.round(seconds)
        process.rounds.clear()
    for _ in range(rounds):
        for process in processes:
            process.round(seconds)
    for process in processes:
        process.close()
    return {process.name: process.result() for process in processes}


def main() -> None:
    """Parse the command line, measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="netgrad beside its alternatives")
    parser.add_argument("works", nargs="*", choices=[[], *WORKS], help=f"works to run ({', '.join(WORKS)})")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each contender steps in a round")
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    chosen = parser.parse_args()
    names = chosen.contenders.split(",")
    if unknown := [n for n in names if n not in CONTENDERS]:
        parser.error(f"unknown contender {unknown[0]!r} (known: {', '.join(CONTENDERS)})")
    results: dict[str, Any] = {
        "machine": machine.description(),
        "matrix_rate": machine.matrix_rate(),
        "copy_bandwidth": machine.copy_bandwidth(),
        "works": {},
    }
    for name in chosen.works or WORKS:
        print(f"{WORKS[name].title} ...", file=sys.stderr, flush=True)
        results["works"][name] = measure(WORKS[name], names, chosen.rounds, chosen.seconds)
    text = table.render(results)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (chosen.out / "table.md").write_text(text + "\n")
    table.draw(results).savefig(chosen.out / "figure.png", dpi=150)


if __name__ == "__main__":
    main()
