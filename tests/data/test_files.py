"""What may be read from: files, and no devices, pipes, sockets or folders, whoever reads."""

import os
import socket

import pytest

from netgrad.data import read_image_folder, read_images, read_npz, read_table, read_text
from netgrad.data.files import regular
from netgrad.errors import FileError


@pytest.fixture
def others(tmp_path, monkeypatch):
    """Links to a device, a pipe and a socket; and what a message calls them."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.mkdir("folder")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield {"/dev/zero": "a device", "pipe": "a pipe", "socket": "a socket", "folder": "a folder"}


READERS = {
    "t.csv": read_table,
    "t.csv.gz": read_table,
    "t.parquet": read_table,
    "t.npz": read_npz,
    "t.txt": read_text,
    "t.png": lambda path: read_images([path]),
}


@pytest.mark.parametrize("name", READERS)
def test_only_files_are_read(others, name):
    for target, what in others.items():
        os.symlink(target, name)
        with pytest.raises(FileError, match=f"{name} is {what}: expected a file"):
            READERS[name](name)
        os.unlink(name)


def test_a_picture_in_a_folder_may_lead_to_a_file_but_not_to_a_device(others, tmp_path):
    from PIL import Image

    for name in ("cat", "dog"):
        (tmp_path / "all" / name).mkdir(parents=True)
    Image.new("L", (2, 2)).save("one.png")
    os.symlink(tmp_path / "one.png", "all/cat/1.png")
    os.symlink(tmp_path / "one.png", "all/dog/1.png")
    assert len(read_image_folder("all").x) == 2
    os.symlink("/dev/zero", "all/dog/2.png")
    with pytest.raises(FileError, match=r"2\.png is a device"):
        read_image_folder("all")


def test_names_that_lead_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    for name, message in (("loop", "cannot be read"), ("a\0b", "cannot be read"), ("none/x", "there is no file")):
        with pytest.raises(FileError, match=message):
            regular(name)
