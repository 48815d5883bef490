"""Files appear whole and with the user's modes; a folder has one run at a time."""

import errno
import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

import netgrad as ng
from netgrad import writing
from netgrad.writing import FolderLock, write_file

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and pipes are those of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_every_file_has_the_mode_that_the_umask_leaves(tmp_path, mask):
    net = ng.Sequential([ng.Dense(1)])
    before = os.umask(mask)
    try:
        callbacks = [ng.JsonLog(tmp_path / "run.jsonl"), ng.TensorBoard(tmp_path / "board")]
        model = ng.fit(net, np.eye(3), [1.0, 2.0, 3.0], epochs=1, checkpoint=tmp_path / "kept", callbacks=callbacks)
        model.save(tmp_path / "model.safetensors")
        ng.exchange.to_onnx(model, tmp_path / "model.onnx")
        ng.exchange.to_torch(model, tmp_path / "torch.safetensors")
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 7  # the checkpoint and its lock, the log, the events, three models
    assert {mode(path) for path in files} == {0o666 & ~mask}


@posix
def test_a_replaced_file_keeps_its_mode_and_a_link_stays_one(tmp_path):
    path, link = tmp_path / "real", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_file(link, b"new")
    assert link.is_symlink()
    assert (path.read_text(), mode(path)) == ("new", 0o640)
    missing = tmp_path / "to nowhere"
    missing.symlink_to(tmp_path / "later")
    write_file(missing, b"x")
    assert (tmp_path / "later").read_text() == "x"


@posix
def test_what_is_no_plain_file_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_file(pipe, b"through")
    reader.join()
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_nothing_is_left_of_a_file_that_could_not_be_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ng.FileError, match=r"cannot write .*a: No space left"):
        write_file(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b", "file/below"])
def test_places_where_nothing_can_be_written(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(ng.FileError, match="cannot write"):
        write_file(tmp_path / name, b"x")


def test_the_longest_name_works(tmp_path):
    assert write_file(tmp_path / ("x" * 255), b"x").read_bytes() == b"x"


HOLDER = """
import sys
from netgrad.writing import FolderLock
FolderLock(sys.argv[1]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ng.FileError, match=rf"another run \(process {holder.pid}\) is at work in"):
            FolderLock(tmp_path).acquire()
    finally:
        holder.kill()
        holder.communicate()
    lock = FolderLock(tmp_path)
    lock.acquire()
    lock.release()
    lock.release()  # no harm


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def none(handle):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(writing, "_exclusive", none)
    with pytest.warns(ng.NetgradWarning, match="file system without locks"):
        FolderLock(tmp_path).acquire()


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ng.FileError, match="cannot write in"):
        FolderLock(tmp_path / "file").acquire()
