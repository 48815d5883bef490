"""`netgrad launch`: several processes train as one does, and a fault is one line and no result lost."""

import socket
import sys

import numpy as np
import pytest

from tests.parallel.groups import Group, after_epoch, events, kill, losses, table

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
FIT = ("--target", "y", "--hidden", "8", "--no-report", "--batch-size", 10, "--validation", 0)


def test_two_processes_are_one_and_a_dead_one_is_replaced(netgrad, tmp_path):
    """One group: killed in the middle, started again, and at its end the same as a run that nobody disturbed."""
    data, folder = table(tmp_path / "t.csv"), tmp_path / "kept"
    assert netgrad("fit", data, *FIT, "--epochs", 40, "--out", tmp_path / "one").status == 0
    how = (*FIT, "--epochs", 40, "--checkpoint", folder, "--log", tmp_path / "log", "--out", tmp_path / "two")
    group = Group("-n", 2, "--restart", 1, "--", "fit", data, *how)
    after_epoch(group, folder, 2)
    kill(group, 1)
    status, out, err = group.end()
    assert status == 0, err
    assert "netgrad: process 1 was ended by signal SIGKILL; starting again" in err.splitlines()
    assert out.count("test r2") + out.count("test rmse") <= 1  # the first process shows it, and no other
    assert (tmp_path / "two" / "model.safetensors").exists()
    assert events(tmp_path / "log").count("start") == 2
    np.testing.assert_allclose(losses(tmp_path / "two/model.safetensors"), losses(tmp_path / "one/model.safetensors"),
                               rtol=1e-4)  # fmt: skip


def test_processes_with_other_data_are_refused_in_one_line(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    groups = []
    for i, folder in enumerate(("first", "second")):
        table(tmp_path / folder / "t.csv", seed=i)
        where = ("-n", 1, "--coordinator", place, "--process", i, "--of", 2, "--", "fit", "t.csv", *FIT, "--epochs", 2)
        groups.append(Group(*where, cwd=tmp_path / folder))
    (status, _, err), (other, _, _) = (group.end() for group in groups)
    assert (status, other) == (2, 2)
    assert "process 1 of the group has other data than process 0" in err
    assert err.count("\n") == 1


def test_a_coordinator_that_never_comes_and_a_port_that_is_taken(tmp_path):
    data = table(tmp_path / "t.csv")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        here = ("--coordinator", place, "--of", 2, "--wait", 2)
        nobody = Group("-n", 1, *here, "--process", 1, "--", "fit", data, *FIT)
        in_use = Group("-n", 1, *here, "--process", 0, "--", "fit", data, *FIT)
        status, _, err = nobody.end()
        assert (status, err.count("\n")) == (2, 1)
        assert f"process 1 failed: nobody listened at {place} for 2 seconds" in err
        status, _, err = in_use.end()
        assert (status, err.count("\n")) == (2, 1)
        assert f"cannot listen at {place}: Address already in use; name another --coordinator" in err
    status, _, err = Group("-n", 1, *here, "--process", 0, "--", "fit", data, *FIT).end()
    assert (status, err.count("\n")) == (2, 1)
    assert f"the 2 processes of the group did not all come to {place} within 2 seconds" in err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--", "serve", "x"), "netgrad serve is for one process: launch takes fit"),
        (("--coordinator", "here", "--", "fit"), "--coordinator is HOST:PORT, found 'here'"),
        (("--of", 4, "--", "fit"), "--process and --of are for several hosts"),
        (("--coordinator", "h:1", "--process", 3, "--of", 4, "--", "fit"), "processes 3 to 4 are more than --of 4"),
    ],
)
def test_what_cannot_be_launched_is_one_line(netgrad, arguments, line):
    result = netgrad("launch", *arguments)
    assert result.status == 2
    assert line in result.err
