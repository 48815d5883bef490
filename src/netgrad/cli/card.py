"""The model card: what a model file says about itself, in plain JSON and without any path of the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from netgrad.cli.sources import Source
from netgrad.network import Network

FILES = ("test", "start")  # settings that may be the path of a file, of which the name is enough
# Settings that say where results come from and go, not what they are.
LOCAL = ("out", "quiet", "no_report", "measure", "checkpoint", "log", "device", "devices")


def make(ctx: typer.Context, source: Source, network: Network, settings: dict) -> dict:
    """The card of a model that was fitted to this source.

    Keys: what, data (name, rows, train, test, description, white), target, task, classes, scores, settings, versions,
    seed, command.
    """
    train, test = len(source.y), len(source.y_test)
    classes = source.target_encoder.classes
    into = f" into {len(classes)} classes" if classes else ""
    return {
        "what": f"{source.task} of {source.target!r}{into} by a network of {len(network.nodes)} layers",
        "data": {
            "name": source.name,
            "rows": train + test,
            "train": train,
            "test": test,
            **({"description": source.description} if source.description else {}),
            **({"white": source.white} if source.white else {}),
        },
        "target": source.target,
        "task": source.task,
        "classes": classes,
        "scores": {},  # once they are measured
        "settings": settings,
        "versions": versions(),
        "seed": settings["seed"],
        "command": command_line(ctx),
    }


def versions() -> dict[str, str]:
    """What the model was made with."""
    import platform

    import jax

    import netgrad

    return {"netgrad": netgrad.__version__, "jax": jax.__version__, "python": platform.python_version()}


def command_line(ctx: typer.Context) -> str:
    """The command that repeats this one: its argument by file name, and each option that is not the default."""
    words = ["netgrad", str(ctx.info_name)]
    for parameter in ctx.command.params:
        value = ctx.params.get(str(parameter.name))
        if parameter.param_type_name == "argument":
            words.append(quoted(Path(str(value)).name))
        elif value == parameter.default or value is None or parameter.name in LOCAL:
            continue
        elif isinstance(value, bool):  # a flag has a name for each of its values, and takes none
            words.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            shown = Path(str(value)).name if parameter.name in FILES else str(value)
            words += [parameter.opts[0], quoted(shown)]
    return " ".join(words)


def quoted(word: str) -> str:
    """A word of a command line, quoted where the shell would split it."""
    import shlex

    return shlex.quote(word)


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they go into the card: without those left to their default of None."""
    return {name: value for name, value in settings.items() if value not in (None, (), "")}
