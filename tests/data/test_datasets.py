"""The built-in data sets, where they are looked for, and how examples are split."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from netgrad.data import datasets
from netgrad.data.datasets import Dataset, load, load_text, names, read_npz, split
from netgrad.errors import DataError, FileError, NetgradError

FOLDER = os.environ.get("NETGRAD_DATA", "")


def needs(file):
    """Skip a test where the big file is not at hand."""
    here = bool(FOLDER) and (Path(FOLDER) / file).is_file()
    return pytest.mark.skipif(not here, reason=f"needs {file} in the folder that NETGRAD_DATA names")


@pytest.mark.parametrize("name", [name for name in names() if name != "mnist"])
def test_every_bundled_data_set_is_complete(name):
    data = load(name)
    assert data.name == name
    assert data.description
    assert len(data.x) == len(data.y)
    assert len(data.x_test) == len(data.y_test)
    assert data.x.dtype == data.x_test.dtype == np.float32
    assert data.x_test.shape[1:] == data.shape
    assert len(data.feature_names) in (0, data.shape[-1])
    if data.task == "classification":
        assert data.y.dtype == np.int32
        assert set(data.y) == set(data.y_test) == set(range(len(data.class_names)))
        shares = [np.bincount(y) / len(y) for y in (data.y, data.y_test)]
        np.testing.assert_allclose(*shares, atol=0.02)
    else:
        assert data.y.dtype == np.float32


def test_digits_are_images_in_0_to_1_and_flat_is_the_same_pixels():
    digits = load("digits")
    assert (digits.x.min(), digits.x.max()) == (0, 1)
    np.testing.assert_array_equal(digits.flat().x_test.reshape(-1, 8, 8, 1), digits.x_test)


def test_the_seed_decides_the_split():
    one, same, other = load("iris"), load("iris"), load("iris", seed=1)
    np.testing.assert_array_equal(one.x_test, same.x_test)
    assert (one.x_test != other.x_test).any()
    assert len(load("iris", test=0.5).x) == 75


def test_unknown_names():
    with pytest.raises(NetgradError, match="unknown data set 'minst': did you mean 'mnist'"):
        load("minst")


@needs("mnist.npz")
@pytest.mark.data
def test_mnist():
    mnist = load("mnist")
    assert mnist.x.shape == (60000, 28, 28, 1)
    assert mnist.x_test.shape == (10000, 28, 28, 1)
    assert (mnist.x.min(), mnist.x.max()) == (0, 1)
    assert mnist.class_names == tuple("0123456789")
    np.testing.assert_array_equal(mnist.y[:5], [5, 0, 4, 1, 9])


@needs("tinyshakespeare.txt")
@pytest.mark.data
def test_tinyshakespeare():
    text = load_text("tinyshakespeare")
    assert len(text) == 1115394
    assert text.startswith("First Citizen:\n")


@pytest.mark.parametrize("failure", [ConnectionError("no route\nto host"), ValueError("wrong hash")])
def test_a_failed_download_names_the_way_out(monkeypatch, failure):
    def refuse(*args, **options):
        raise failure

    monkeypatch.setattr("pooch.retrieve", refuse)
    monkeypatch.delenv("NETGRAD_DATA", raising=False)
    with pytest.raises(FileError, match=r"mnist.npz cannot be fetched from https://.*NETGRAD_DATA") as caught:
        load("mnist")
    assert "\n" not in str(caught.value)
    with pytest.raises(FileError, match=r"tinyshakespeare.txt cannot be fetched"):
        load_text("tinyshakespeare")


def test_a_folder_without_the_file_leads_to_the_download(monkeypatch, tmp_path):
    text = tmp_path / "fetched.txt"
    text.write_text("to be")
    asked = []
    monkeypatch.setattr("pooch.retrieve", lambda url, *args, **options: asked.append(url) or str(text))
    monkeypatch.setenv("NETGRAD_DATA", str(tmp_path))
    assert load_text("tinyshakespeare") == "to be"
    assert asked == [datasets._TINYSHAKESPEARE.url]


def test_an_altered_file_in_the_folder_is_refused(monkeypatch, tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"something else")
    monkeypatch.setenv("NETGRAD_DATA", str(tmp_path))
    with pytest.raises(FileError, match=r"is not the published mnist.npz"):
        load("mnist")


def test_npz_with_its_own_test_arrays_keeps_them(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 3))
    np.savez(tmp_path / "d.npz", x_train=x, y_train=np.arange(6) / 2, x_test=x[:2], y_test=[0.0, 0.5])
    data = read_npz(tmp_path / "d.npz")
    np.testing.assert_allclose(data.x, x, rtol=1e-6)
    np.testing.assert_array_equal(data.y_test, [0, 0.5])
    assert data.task == "regression"
    assert data.name == "d"


def test_npz_labels_in_a_column_are_labels(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.eye(10), y=np.arange(10)[:, None] % 2)
    assert read_npz(tmp_path / "d.npz").y.shape == (8,)


def test_npz_files_that_are_no_data_set(tmp_path):
    path = tmp_path / "d.npz"
    with pytest.raises(FileError, match="there is no file"):
        read_npz(path)
    path.write_bytes(b"PK nothing of the kind")
    with pytest.raises(FileError, match="cannot be read as NPZ"):
        read_npz(path)
    np.savez(path, x=np.array([{}], dtype=object), y=[1])
    with pytest.raises(FileError, match="cannot be read as NPZ"):
        read_npz(path)
    np.savez(path, images=np.zeros(3))
    with pytest.raises(DataError, match="holds the arrays images: expected x and y"):
        read_npz(path)
    np.savez(path, x=np.zeros((3, 2)), y=np.zeros(4))
    with pytest.raises(DataError, match="have 3, 4 examples"):
        read_npz(path)
    np.savez(path, x=[["a"], ["b"]], y=[0, 1])
    with pytest.raises(DataError, match="x holds"):
        read_npz(path)
    np.savez(path, x=np.zeros((2, 2)), y=["a", "b"])
    with pytest.raises(DataError, match="y holds"):
        read_npz(path)
    np.savez(path, x=np.zeros((2, 2)), y=[-1, 1])
    with pytest.raises(DataError, match="y holds the label -1"):
        read_npz(path)
    np.savez(path, x_train=np.zeros((3, 2)), y_train=np.zeros(3), x_test=np.zeros((3, 2)), y_test=np.zeros(4))
    with pytest.raises(NetgradError, match="x_test has 3 examples but y_test has 4"):
        read_npz(path)


def test_split_keeps_rows_together_and_loses_none():
    x, y = np.arange(20).reshape(10, 2), np.arange(10)
    parts = split(x, y, test=3, seed=5)
    assert [len(p) for p in parts] == [7, 3, 7, 3]
    np.testing.assert_array_equal(parts[0][:, 0], 2 * parts[2])
    assert sorted([*parts[2], *parts[3]]) == list(range(10))


@pytest.mark.parametrize(
    "labels", [[0] * 9 + [1], list(range(5)) * 2, np.linspace(0, 1, 10)], ids=["single", "many", "quantity"]
)
def test_where_classes_cannot_be_kept_in_proportion_the_split_is_random(labels):
    plain = split(np.arange(10), test=0.2)
    for part, expected in zip(split(np.arange(10), test=0.2, labels=labels), plain, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_splits_that_leave_nothing():
    for test in (0, 5, 1.0, 0.0):
        with pytest.raises(DataError, match="of 5 examples for testing"):
            split(np.arange(5), test=test)
    with pytest.raises(DataError, match="have 5, 4 examples"):
        split(np.arange(5), np.arange(4))


def test_a_data_set_can_be_made_by_hand():
    data = Dataset("mine", np.zeros((2, 3, 3, 1)), np.zeros(2), np.zeros((1, 3, 3, 1)), np.zeros(1))
    assert data.shape == (3, 3, 1)
    assert data.flat().shape == (9,)


def test_an_archive_that_expands_beyond_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("netgrad.data.datasets.memory", lambda: 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((100_000, 10)), y=np.zeros(100_000))
    with pytest.raises(FileError, match="more than half of this process's memory"):
        read_npz(tmp_path / "bomb.npz")
    np.savez(tmp_path / "pixels.npz", x=np.zeros((1000, 20, 20), np.uint8), y=np.zeros(1000))  # floats: 2 MB
    with pytest.raises(FileError, match="more than half of this process's memory"):
        read_npz(tmp_path / "pixels.npz")
    np.savez(tmp_path / "pixels.npz", x=np.zeros((200, 20, 20), np.uint8), y=np.zeros(200))
    assert read_npz(tmp_path / "pixels.npz").x.shape == (160, 20, 20, 1)


def test_a_member_that_is_no_array_is_named(tmp_path):
    path = tmp_path / "d.npz"
    for content in (b"", b"notes", b"\x93NUMPZ" + bytes(100)):
        np.savez(path, x=np.eye(10), y=np.arange(10) % 2)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("notes.npy", content)
        with pytest.raises(FileError, match=r"cannot be read as NPZ: its member 'notes.npy' is no array"):
            read_npz(path)


def test_class_numbers_far_apart_make_as_many_names_as_there_are_classes(tmp_path):
    y = np.array([0, 2_000_000_000, 17] * 10)
    np.savez(tmp_path / "d.npz", x=np.eye(30), y=y)
    data = read_npz(tmp_path / "d.npz")
    assert data.class_names == ("0", "17", "2000000000")
    both = np.concatenate([data.y, data.y_test])
    rows = np.concatenate([data.x, data.x_test]).argmax(axis=1)
    assert [int(data.class_names[label]) for label in both] == y[rows].tolist()


def test_a_class_of_one_example_leaves_the_others_in_proportion():
    labels = np.array([0] * 196 + [1] * 4 + [2])
    for seed in range(5):
        train, test = split(labels, test=0.25, seed=seed, labels=labels)
        assert (np.bincount(train, minlength=3)[1], np.bincount(test, minlength=3)[1]) == (3, 1)
    assert len(split(np.arange(4), test=0.25, labels=np.arange(4))[1]) == 1
