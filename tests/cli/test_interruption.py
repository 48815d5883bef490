"""Control-C and kills, at any moment: one line, nothing half-written, and the same command again goes on."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import netgrad as ng
from netgrad.cli import interruption, main
from netgrad.cli.interruption import Interruptible

COMMAND = "import sys; from netgrad_command import main; sys.exit(main())"
posix = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

# Sends the signal when this module is about to be loaded, and where its error is swallowed, too.
LOADING = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.argv = ["netgrad", "--version"]
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                pass
sys.meta_path.insert(0, Finder())
"""


def test_what_is_loaded_is_not_looked_through_for_garbage():
    asked = "import gc, sys; from netgrad_command import main; sys.argv[1:] = ['--version']; main()"
    told = "; print(gc.get_freeze_count() > 10_000, gc.get_threshold()[0])"
    done = subprocess.run([sys.executable, "-c", asked + told], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True 20000"


@posix
@pytest.mark.parametrize("module", ["netgrad", "jax", "netgrad.cli", "typer"])
def test_while_netgrad_is_loaded(module):
    done = subprocess.run(
        [sys.executable, "-c", LOADING + COMMAND, module], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (130, "netgrad: interrupted\n")


@posix
def test_where_interruptions_are_ignored_they_stay_so():
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = subprocess.run(
        [sys.executable, "-c", ignoring + LOADING + COMMAND, "jax"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@posix
def test_an_interruption_that_a_library_swallows(capsys, houses, tmp_path, monkeypatch):
    calls = []

    class Swallowing(interruption.Interruptible):
        def on_start(self, run):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
            except KeyboardInterrupt:
                calls.append("swallowed")

    monkeypatch.setattr(interruption, "Interruptible", Swallowing)
    small = ("--hidden", "3", "--epochs", "50", "-q", "--out", str(tmp_path / "out"))
    assert main(["fit", str(houses), "--target", "price", *small]) == 130
    assert capsys.readouterr().err == "netgrad: interrupted\n"
    assert calls == ["swallowed"]
    assert not (tmp_path / "out").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_in_a_place_that_cannot_raise_it(capsys):
    class Odd:
        def __del__(self):
            raise KeyboardInterrupt

    with interruption.remembered():
        Odd()
    assert capsys.readouterr().err == ""


def test_another_handler_stays():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption.remembered():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@posix
def test_killed_at_random_moments_and_begun_again(netgrad, houses, tmp_path):
    small = ("--target", "price", "--hidden", 3, "--epochs", 300, "--patience", 300, "--no-report", "-q")
    folder, rng, kills = tmp_path / "kept", random.Random(1), 0
    again = ("fit", houses, *small, "--checkpoint", folder, "--out", tmp_path / "again")
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", COMMAND, *map(str, again)])
        before = len(list(folder.glob("epoch-*")))
        while process.poll() is None and len(list(folder.glob("epoch-*"))) <= before:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills
    assert netgrad(*again).status == 0
    assert netgrad("fit", houses, *small, "--out", tmp_path / "whole").status == 0
    one, other = (tmp_path / name / "model.safetensors" for name in ("again", "whole"))
    assert one.read_bytes() == other.read_bytes()


def test_sequences_go_on_too(netgrad, tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("id,v,y\n" + "".join(f"{i // 5},{i % 3},{'ab'[i % 2]}\n" for i in range(40)))
    same = ("fit", path, "--net", "rnn", "--target", "y", "--hidden", 3, "--schedule", "constant", "--no-report", "-q")
    assert netgrad(*same, "--epochs", 2, "--checkpoint", tmp_path / "kept", "--out", tmp_path / "out").status == 0
    assert netgrad(*same, "--epochs", 4, "--checkpoint", tmp_path / "kept", "--out", tmp_path / "out").status == 0
    assert netgrad(*same, "--epochs", 4, "--out", tmp_path / "whole").status == 0
    one, other = (ng.load(tmp_path / name / "model.safetensors") for name in ("out", "whole"))
    assert one.history.rows == other.history.rows


def test_sigterm_leaves_a_checkpoint_of_the_last_whole_epoch(tmp_path):
    def terminate(run):
        if run.epoch == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    net, kept = ng.Sequential([ng.Dense(1)]), ng.Checkpoint(tmp_path, every=10)
    with pytest.raises(SystemExit) as ended:
        ng.fit(net, np.eye(3), [1.0, 2.0, 3.0], epochs=9, callbacks=[Interruptible(), kept, terminate])
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert [path.name for path in sorted(tmp_path.glob("epoch-*"))] == ["epoch-00000003.safetensors"]
    again = ng.fit(net, np.eye(3), [1.0, 2.0, 3.0], epochs=9, callbacks=[ng.Checkpoint(tmp_path, every=10)])
    whole = ng.fit(net, np.eye(3), [1.0, 2.0, 3.0], epochs=9)
    np.testing.assert_array_equal(again.history["loss"], whole.history["loss"])
