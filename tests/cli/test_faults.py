"""Whatever is raised in a command becomes one line and a status, and of the unforeseen the details are kept."""

import builtins
import os
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pooch
import pytest
import typer

import netgrad as ng
from netgrad.cli import faults, main, sources
from netgrad.errors import NetgradError

SPECIAL = {
    UnicodeDecodeError: ("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UnicodeEncodeError: ("ascii", "\xff", 0, 1, "ordinal not in range"),
    UnicodeTranslateError: ("\xff", 0, 1, "no way"),
    BaseExceptionGroup: ("several", [KeyError("a")]),
    ExceptionGroup: ("several", [ValueError("a"), ValueError("b")]),
}
# Those of Python's own that are no error of a program.
ORDERLY = {SystemExit: 1, KeyboardInterrupt: 130, BrokenPipeError: 0}


def raised():
    """Every kind of exception, with the status that it leads to."""
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            status = ORDERLY.get(kind, 2 if issubclass(kind, OSError | MemoryError) else 1)
            yield kind(*SPECIAL.get(kind, ("what\nhappened",))), status
    yield KeyError(), 1
    yield OSError(), 2
    yield OSError(28, "No space left on device", "a.csv"), 2
    yield MemoryError(), 2
    yield np._core._exceptions._ArrayMemoryError((2**36,), np.dtype(float)), 2
    yield jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 34359738368 bytes."), 2
    yield jax.errors.JaxRuntimeError("INTERNAL: of XLA"), 1
    yield NetgradError("a\nline"), 2
    yield ng.DataError("a line"), 2
    yield typer.BadParameter("of an option"), 2
    yield typer.BadParameter.__mro__[1]("wrongly used"), 2
    yield typer.BadParameter.__mro__[2]("of Typer's"), 2
    yield typer.Abort(), 130
    yield typer.Exit(3), 3
    yield SystemExit(4), 4
    yield SystemExit(), 0
    yield SystemExit("with a word"), 1
    try:  # as where control-C meets a library that is being loaded
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as inner:
            raise ImportError("core cannot be imported") from inner
    except ImportError as error:
        yield error, 130


COMMANDS = {
    "fit": ("fit", "iris"),
    "predict": ("predict", "m", "iris"),
    "sample": ("sample", "m"),
    "inspect": ("inspect", "m"),
    "serve": ("serve", "m"),
    "studio": ("studio", "--no-browser"),
    "export": ("export", "m", "m.onnx"),
    "import": ("import", "m.onnx", "m.safetensors"),
    "reproduce": ("reproduce", "logic"),
    "launch": ("launch", "--", "fit", "iris"),
}


@pytest.fixture
def thrown(monkeypatch):
    """Makes every command throw."""

    def arm(error):
        def throw(*_, **__):
            raise error

        monkeypatch.setattr(sources, "read", throw)
        monkeypatch.setattr(ng, "load", throw)
        monkeypatch.setattr(ng.exchange, "from_onnx", throw)
        monkeypatch.setattr("netgrad.experiments.find", throw)
        monkeypatch.setattr("netgrad.studio.server.serve", throw)
        monkeypatch.setattr("netgrad.parallel.launcher.Launcher", throw)

    return arm


@pytest.fixture
def logs(monkeypatch, tmp_path):
    """The folder that log files go to, in place of the user's own."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    return tmp_path / "netgrad" / "errors"


@pytest.mark.parametrize("command", COMMANDS)
def test_everything_is_one_line(command, thrown, logs, capsys, monkeypatch):
    monkeypatch.setattr(faults, "silence", lambda: None)  # which would close the test's own standard output
    for error, status in raised():
        thrown(error)
        assert main(COMMANDS[command]) == status, error
        out, err = capsys.readouterr()
        assert out == ""
        silent = status in (0, 3, 4)  # said by whoever ended the command so
        assert len(err.splitlines()) == (not silent), (error, err)
        assert silent or err.startswith("netgrad: ")
        assert silent or len(err) > len("netgrad: \n"), repr(error)
        assert ("please report it" in err) == (status == 1 and not isinstance(error, SystemExit))
        if "please report it" in err:
            (place,) = re.findall(r"details in (\S+?\.log)\)", err)
            text = Path(place).read_text()
            assert "Traceback" in text
            assert type(error).__name__ in text
            assert f"jax {jax.__version__}" in text
    assert len(list(logs.iterdir())) == faults.KEPT


def test_every_command_is_here():
    from netgrad.cli.app import app

    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert names == set(COMMANDS)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "netgrad: out of memory: use fewer rows"),
        (MemoryError("Unable to allocate 512. GiB"), "netgrad: out of memory (Unable to allocate 512. GiB): use"),
        (
            jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 34359738368 bytes."),
            "netgrad: out of memory (32.0 GiB at once could not be had): use fewer rows",
        ),
        (jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: no\nmore"), "netgrad: out of memory (RESOURCE_EXHAUSTED: no"),
        (OSError(28, "No space left on device", "a.csv"), "netgrad: No space left on device: a.csv"),
        (OSError("odd"), "netgrad: odd"),
        (OSError(), "netgrad: OSError"),
        (SystemExit("with a word"), "netgrad: with a word"),
        (ValueError("too many\nvalues"), "netgrad: unforeseen ValueError: too many values (details in "),
        (KeyError(), "netgrad: unforeseen KeyError (details in "),
        (typer.BadParameter("of an option"), "netgrad: Invalid value: of an option (see netgrad"),
        (KeyboardInterrupt(), "netgrad: interrupted"),
    ],
    ids=repr,
)
def test_the_words(error, expected, logs, capsys):
    faults.tell(error)
    assert capsys.readouterr().err.startswith(expected)


def test_details_are_never_lost(logs, capsys, monkeypatch, tmp_path):
    logs.parent.write_text("a file where the folder should be")
    monkeypatch.setattr(faults.tempfile, "tempdir", str(tmp_path))
    faults.tell(ValueError("odd"))
    (place,) = re.findall(r"details in (\S+?\.log)\)", capsys.readouterr().err)
    assert Path(place).parent == tmp_path
    assert "ValueError: odd" in Path(place).read_text()
    monkeypatch.setattr(faults.tempfile, "tempdir", str(tmp_path / "none"))
    try:
        raise ValueError("odd")
    except ValueError as error:
        faults.tell(error)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("netgrad: unforeseen ValueError: odd (details above)")


def test_an_error_that_cannot_be_shown(logs, capsys):
    class MuteError(ValueError):
        def __str__(self):
            raise TypeError("I say nothing")

    assert faults.tell(MuteError()) == 1
    assert "unforeseen MuteError" in capsys.readouterr().err


def test_a_closed_standard_error_or_output_is_borne(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    assert faults.tell(NetgradError("unheard")) == 2
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0
    monkeypatch.setattr(sys, "stderr", open(os.devnull))  # noqa: SIM115 - cannot be written to
    assert faults.tell(NetgradError("unheard")) == 2
