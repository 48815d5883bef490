"""What the kernels' inner loops execute on ARM, counted in an emulator: instructions by what they do.

make neon        # builds for ARM, checks the vector code, and prints this table

A processor with NEON that can be timed is not needed: beside the multiply-adds, which no loop can do without,
everything else that it executes is what its registers and instructions cost it.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

KINDS = ("multiply-adds", "divisions", "loads", "stores", "other")
TIMES = 64  # calls whose instructions are counted


def counts(program: Path, plugin: Path, name: str, times: int) -> list[int]:
    """The instructions of a run with that many calls, by kind."""
    command = ["qemu-aarch64", "-plugin", str(plugin.resolve()), "-d", "plugin", str(program), name, str(times)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(number) for number in (ran.stdout + ran.stderr).split()]


def loops(program: Path) -> dict[str, int]:
    """The inner loops that the program knows, and how many vectors a call is about."""
    listed = subprocess.run(["qemu-aarch64", str(program), "--list"], capture_output=True, text=True, check=True).stdout
    return {name: int(vectors) for name, vectors in (line.split(",") for line in listed.splitlines())}


def per_vector(program: Path, plugin: Path, name: str, vectors: int) -> list[float]:
    """Instructions of a call by vector: what more calls add, so that the program's start does not count."""
    few, many = (counts(program, plugin, name, times) for times in (TIMES, 2 * TIMES))
    return [(more - less) / TIMES / vectors for less, more in zip(few, many, strict=True)]


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="tests/kernels/operations.cpp, built for ARM")
    parser.add_argument("--plugin", type=Path, required=True, help="tests/kernels/count_operations.c, built for here")
    given = parser.parse_args()
    print("| inner loop | " + " | ".join(KINDS) + " | all |\n|---" + "|---" * (len(KINDS) + 1) + "|")
    for name, vectors in loops(given.program).items():
        row = per_vector(given.program, given.plugin, name, vectors)
        print(f"| {name} | " + " | ".join(f"{count:.2f}" for count in row) + f" | {sum(row):.2f} |")


if __name__ == "__main__":
    main()
