"""What options say, as `netgrad.fit` takes it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from netgrad.data.augmentation import AUGMENTATIONS
from netgrad.data.files import regular
from netgrad.errors import FileError, NetgradError, unknown_name
from netgrad.training.restart import Restart
from netgrad.training.tabular import Recipe


def onlookers(log: Path | None) -> list[Any]:
    """The callbacks of every run: control-C, and what --log asks for."""
    from netgrad.cli.interruption import Interruptible
    from netgrad.parallel.processes import first
    from netgrad.training.tracking import JsonLog

    return [Interruptible(), *([JsonLog(log)] if log is not None and first() else [])]


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
        if name not in AUGMENTATIONS:
            raise unknown_name("augmentation", name, AUGMENTATIONS)
        try:
            found[name] = float(value)
        except ValueError:
            raise NetgradError(f"{option} takes amounts such as shift=2,rotation=10: found {word!r}") from None
    return found


def factors(option: str, words: str) -> dict[str, float]:
    """Factors by pattern of layers, as "conv_*=0.1,dense_1=0.5"."""
    found: dict[str, float] = {}
    for word in names(words):
        which, _, value = word.rpartition("=")
        try:
            found[which.strip()] = float(value)
        except ValueError:
            found[""] = 0.0
        if not which.strip() or "" in found:
            raise NetgradError(f"{option} takes factors by layer such as conv_*=0.1,dense_1=0.5: found {word!r}")
    return found


def schedule_of(schedule: str, optimizer: str) -> str | None:
    """The schedule as `netgrad.fit` takes it: none for an optimiser that finds the length of its steps itself."""
    from netgrad.optimizers import SCHEDULES, get
    from netgrad.optimizers.names import takes_schedule

    get(optimizer)  # an unknown name is refused here
    if schedule not in (*SCHEDULES, "plateau"):
        raise unknown_name("schedule", schedule, (*SCHEDULES, "plateau"))
    return schedule if takes_schedule(optimizer) else None


def smoothed(loss: str, share: float) -> Any:
    """The loss of this name, whose targets are smoothed by this share."""
    from netgrad.losses import Smoothed
    from netgrad.registry import find

    if not share:
        return loss
    if not isinstance(found := find("loss", loss), Smoothed):
        raise NetgradError(f"--label-smoothing is for classes, and the loss here is {loss}: leave it out")
    if not 0 <= share < 1:
        raise NetgradError(f"--label-smoothing is a share from 0 to below 1: found {share:g}")
    return replace(found, label_smoothing=share)


def penalties(penalty: str, alpha: float) -> Any:
    """The penalty on the weights, or None where its strength is 0."""
    from netgrad.registry import find

    return replace(find("penalty", penalty), alpha=alpha) if alpha else None


PLAIN = Recipe(
    hidden=(),
    members=1,
    pieces=0,
    dropout=0.0,
    learning_rate=None,
    epochs=40,
    batch_size=32,
    validation=0.1,
    patience=None,
    alpha=1e-4,
)
"""How a network is trained that is no table's by the recipe."""


def changed(how: Recipe, asked: dict[str, Any]) -> Recipe:
    """The recipe with what was asked for on the command line."""
    names = ("dropout", "learning_rate", "epochs", "batch_size", "validation", "patience")
    return replace(how, **{name: asked[name] for name in names if asked[name] is not None})


def training(how: Recipe, asked: dict[str, Any]) -> dict[str, Any]:
    """What `netgrad.fit` is told of the recipe and of the options that go with every kind of data but sequences."""
    return {
        "optimizer": asked["optimizer"],
        "learning_rate": how.learning_rate,
        "schedule": schedule_of(asked["schedule"], asked["optimizer"]),
        "epochs": how.epochs,
        "batch_size": how.batch_size or None,
        "validation": how.validation or None,
        "clip_norm": asked["clip_norm"],
        "patience": how.patience,
        "checkpoint": asked["checkpoint"],
        "dtype": asked["dtype"],
        "callbacks": [*onlookers(asked["log"]), *([Restart(most=asked["restart"])] if asked["restart"] else [])],
        "progress": not asked["quiet"],
        "seed": asked["seed"],
    }


def settled(how: Recipe, plain: bool) -> dict[str, Any]:
    """What the recipe decided, by the options' names, for a model's card."""
    found = {name: value for name, value in vars(how).items() if name not in ("hidden", "members", "pieces")}
    return found if plain else found | {"members": how.members, "pieces": how.pieces, "hidden": list(how.hidden)}


def given(ctx: typer.Context, names: Iterable[str]) -> bool:
    """Whether one of these options stands on the command line."""
    sources = (ctx.get_parameter_source(name) for name in names)
    return any(source is not None and source.name == "COMMANDLINE" for source in sources)


def share_or_file(test: str) -> tuple[float, str | None]:
    """What --test says: a share of the examples, or a file."""
    try:
        share = float(test)
    except ValueError:
        regular(test)
        return 0.0, test
    if not 0 < share < 1:
        raise NetgradError(
            f"--test is the share of examples kept for testing, between 0 and 1, or a file: found {test}"
        )
    return share, None


def form(separator: str | None, encoding: str | None, header: bool | None) -> dict[str, Any]:
    """How a text file is written, as `read_table` takes it."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "blank": " "}
    separator = named.get(separator, separator) if separator is not None else None
    if separator is not None and (len(separator) != 1 or separator in '"\n\r'):
        raise NetgradError(f"--separator is one character, such as ; or tab: found {separator!r}")
    return {"separator": separator, "encoding": encoding, "header": header}


def check_writable(folder: Path) -> None:
    """Refuse a place for results before the work is done, rather than after."""
    at = folder.absolute()
    while not at.exists():
        at = at.parent
    if not at.is_dir() or not os.access(at, os.W_OK):
        reason = "is no folder" if not at.is_dir() else "cannot be written to"
        raise FileError(f"{at} {reason}: name a folder for the results with --out")
