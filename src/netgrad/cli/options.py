"""What options say, as `netgrad.fit` takes it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from netgrad.errors import FileError, NetgradError, unknown_name


def onlookers(log: Path | None) -> list[Any]:
    """The callbacks of every run: control-C, and what --log asks for."""
    from netgrad.cli.interruption import Interruptible
    from netgrad.training.tracking import JsonLog

    return [Interruptible(), *([] if log is None else [JsonLog(log)])]


def names(words: str) -> tuple[str, ...]:
    """Names separated by commas."""
    return tuple(word.strip() for word in words.split(",") if word.strip())


def units(option: str, words: str) -> tuple[int, ...]:
    """The units of each hidden layer, as "128,64"; none for "0" or ""."""
    if not all(word.isascii() and word.isdigit() and len(word) < 19 for word in names(words)):
        raise NetgradError(f"{option} takes numbers such as 128,64: found {words!r}")
    return tuple(int(word) for word in names(words) if int(word))


def amounts(option: str, words: str) -> dict[str, float]:
    """How much of each augmentation, as "shift=2,rotation=10"."""
    found: dict[str, float] = {}
    for word in names(words):
        name, _, value = word.partition("=")
        if name not in ("shift", "rotation", "noise"):
            raise unknown_name("augmentation", name, ("shift", "rotation", "noise"))
        try:
            found[name] = float(value)
        except ValueError:
            raise NetgradError(f"{option} takes amounts such as shift=2,rotation=10: found {word!r}") from None
    return found


def schedule_of(schedule: str, optimizer: str) -> str | None:
    """The schedule as `netgrad.fit` takes it: none for an optimiser that finds the length of its steps itself."""
    from netgrad.optimizers import SCHEDULES, get
    from netgrad.optimizers.names import takes_schedule

    get(optimizer)  # an unknown name is refused here
    if schedule not in (*SCHEDULES, "plateau"):
        raise unknown_name("schedule", schedule, (*SCHEDULES, "plateau"))
    return schedule if takes_schedule(optimizer) else None


def penalties(penalty: str, alpha: float) -> Any:
    """The penalty on the weights, or None where its strength is 0."""
    from netgrad.registry import find

    return replace(find("penalty", penalty), alpha=alpha) if alpha else None


def check_writable(folder: Path) -> None:
    """Refuse a place for results before the work is done, rather than after."""
    at = folder.absolute()
    while not at.exists():
        at = at.parent
    if not at.is_dir() or not os.access(at, os.W_OK):
        reason = "is no folder" if not at.is_dir() else "cannot be written to"
        raise FileError(f"{at} {reason}: name a folder for the results with --out")
