"""Contenders side by side: one process each, warmed up, then in turn, so that a noisy machine is noisy for all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.works import Work


class Process:
    """A worker process of one contender on one work, or the reason why there is none."""

    def __init__(self, name: str, contender: Contender, work: Work, mode: str, further: dict[str, str] | None = None):
        self.name, self.problem, self.rounds = name, "", []
        self.peak_memory = self.import_seconds = self.first_step_seconds = float("nan")
        command = [sys.executable, "-m", "benchmarks.worker", name, work.name, mode]
        environment = os.environ | contender.environment | (further or {})
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def wait(self) -> None:
        """Until the first step is done."""
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


def measure(
    work: Work, names: list[str], rounds: int, seconds: float, mode: str = "train", start_together: bool = False
) -> dict[str, Any]:
    """All contenders on one work: warmed up, then in turn, ``rounds`` times.

    start_together: all import and compile at the same time, which is soon done but says nothing about import and first
    step.
    """
    processes = []
    for name in names:
        if CONTENDERS[name].applies(work, mode):
            processes.append(Process(name, CONTENDERS[name], work, mode))
            if not start_together:
                processes[-1].wait()
    if start_together:
        for process in processes:
            process.wait()
    for process in processes:
        process.round(seconds)
        process.rounds.clear()
    for _ in range(rounds):
        for process in processes:
            process.round(seconds)
    for process in processes:
        process.close()
    return {process.name: process.result() for process in processes}
