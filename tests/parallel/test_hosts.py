"""The whole of what groups of processes must bear, `make test-hosts`: a few minutes, so only when asked for."""

import os
import random
import signal
import socket
import time

import numpy as np
import pytest

import netgrad as ng
from tests.parallel.groups import (
    Group,
    after_epoch,
    apart_from_one,
    assert_dealt_out,
    kill,
    last_epoch,
    losses,
    table,
)

pytestmark = pytest.mark.skipif("NETGRAD_HOSTS" not in os.environ, reason="takes minutes: make test-hosts")
WORKS = ("mlp", "normalised", "cnn", "lstm", "transformer", "stream")
KILLS = int(os.environ.get("NETGRAD_KILLS", "20"))
FIT = (
    "--target",
    "y",
    "--hidden",
    "16",
    "--no-report",
    "--batch-size",
    10,
    "--validation",
    0,
    "--schedule",
    "constant",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return table(tmp_path_factory.mktemp("data") / "t.csv", rows=300)


def test_four_processes_are_one(tmp_path):
    """In 24 steps, batches that do not divide among them; of a stream each reads its share of row groups."""
    for work, share in apart_from_one(4, tmp_path, *WORKS).items():
        print(f"{work}: apart by {share:.1e} of the loss")
        assert share < 1e-5, work
    assert_dealt_out(tmp_path, 4)


def test_in_a_job_of_slurm_jax_finds_out_by_itself(tmp_path):
    assert apart_from_one(2, tmp_path, "mlp", slurm=True)["mlp"] < 1e-5


def test_killed_at_random_moments(tmp_path):
    """One of four is killed again and again; the parameters are those of a run that nobody disturbed, to the bit."""
    how = ("--", "fit", table(tmp_path / "t.csv", rows=150), *FIT, "--epochs", 6 * KILLS)
    undisturbed = Group("-n", 4, *how, "--checkpoint", tmp_path / "first", "--out", tmp_path / "whole")
    after_epoch(undisturbed, tmp_path / "first", 2)
    begun = time.monotonic()
    status, _, err = undisturbed.end()
    an_epoch = (time.monotonic() - begun) / (6 * KILLS)
    assert status == 0, err
    chance, folder = random.Random(0), tmp_path / "kept"
    group = Group("-n", 4, "--restart", KILLS, *how, "--checkpoint", folder, "--out", tmp_path / "killed")
    print(f"\nan epoch takes {an_epoch:.2f} s\nkill  process  after epoch  the next epoch is done after")
    for number in range(KILLS):
        after_epoch(group, folder, 1)
        time.sleep(chance.uniform(0, 2 * an_epoch))
        victim = chance.randrange(4)
        before = group.members()
        reached = last_epoch(folder)
        kill(group, victim)
        begun = time.monotonic()
        while len(now := group.members()) < 4 or set(now.values()) & set(before.values()):
            assert time.monotonic() - begun < 60, "it was not noticed"
            time.sleep(0.02)
        at = reached
        reached = last_epoch(folder)
        after_epoch(group, folder, reached + 1)
        print(f"{number + 1:4} {victim:8} {at:12} {time.monotonic() - begun:22.1f} s", flush=True)
    status, _, err = group.end()
    assert status == 0, err
    assert err.count("was ended by signal SIGKILL; starting again") == KILLS
    whole, killed = (ng.load(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    for layer, values in whole.params.items():
        for name, value in values.items():
            np.testing.assert_array_equal(value, killed.params[layer][name])


def test_one_that_hangs_is_ended(data, tmp_path):
    folder = tmp_path / "kept"
    group = Group("-n", 2, "--", "fit", data, *FIT, "--epochs", 100000, "--checkpoint", folder)
    after_epoch(group, folder, 2)
    begun = time.monotonic()
    kill(group, 1, signal.SIGSTOP)
    status, _, err = group.end(60)
    assert status == 1
    assert err.splitlines()[-1] == "netgrad: process 1 gave no sign of life for 10 seconds; the others were ended"
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("gone", ["killed", "frozen"])
def test_a_host_that_is_gone_is_noticed_on_the_other(data, tmp_path, gone):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    folder = tmp_path / "kept"
    how = ("--of", 2, "--", "fit", data, *FIT, "--epochs", 100000, "--checkpoint", folder)
    here, there = (Group("-n", 1, "--coordinator", place, "--process", i, *how) for i in range(2))
    after_epoch(here, folder, 2)
    if gone == "killed":
        kill(there, 1)
        assert there.end(60)[0] == 1
    else:
        frozen = [there.process.pid, there.members()[1]]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
    try:
        status, _, err = here.end(90)
    finally:
        if gone == "frozen":
            for process in frozen:
                os.kill(process, signal.SIGKILL)
            there.end(10)
    assert status == 1
    assert err.splitlines()[-1].startswith("netgrad: the connection to another host's processes was lost")


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_pre_emption_and_control_c_leave_a_checkpoint(data, tmp_path, number, ends):
    folder = tmp_path / "kept"
    how = ("--", "fit", data, *FIT, "--checkpoint", folder, "--out", tmp_path / "out")
    group = Group("-n", 2, *how, "--epochs", 100000)
    after_epoch(group, folder, 2)
    os.kill(group.process.pid, number)
    status, _, _ = group.end(60)
    assert status == ends
    reached = last_epoch(folder)
    status, _, err = Group("-n", 2, *how, "--epochs", reached + 2).end()
    assert status == 0, err
    assert len(losses(tmp_path / "out" / "model.safetensors")) == reached + 2
