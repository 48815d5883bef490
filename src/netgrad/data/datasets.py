"""Built-in data sets by name, data sets from NPZ files, and the split into training and test examples."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.compiling import as_seed
from netgrad.data.checks import as_examples, as_labels, same_examples
from netgrad.data.files import regular
from netgrad.data.targets import Task
from netgrad.data.text import read_text
from netgrad.errors import DataError, FileError, unknown_name
from netgrad.resources import gib, memory

MOST_NAMES = 10_000  # of classes that are named for all numbers up to the largest


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Examples for training and for testing.

    - x, x_test: inputs, examples first, float32: (N, d), or images (N, height, width, channels) in [0, 1]
    - y, y_test: class labels (N,), int32, or quantities (N,), float32
    - class_names: one for each label, empty for a regression
    - feature_names: one for each of the d inputs, empty for images
    - description: what it is and where it comes from, one line
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    class_names: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    description: str = ""

    @property
    def task(self) -> Task:
        """What the target asks for: "classification" or "regression"."""
        return "classification" if self.class_names else "regression"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.x.shape[1:]

    def flat(self) -> Dataset:
        """The same with every example as one vector: (N, height * width * channels), for dense layers.

        >>> load("digits").flat().shape
        (64,)
        """
        x, x_test = (a.reshape(len(a), -1) for a in (self.x, self.x_test))
        return dataclasses.replace(self, x=x, x_test=x_test)


@dataclasses.dataclass(frozen=True)
class _Download:
    file: str
    url: str
    sha256: str


_MNIST = _Download(
    "mnist.npz",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
)
_TINYSHAKESPEARE = _Download(
    "tinyshakespeare.txt",
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
_TEXTS = {"tinyshakespeare": _TINYSHAKESPEARE}

# Name: scikit-learn's function, and what the data are.
_BUNDLED = {
    "breast_cancer": ("load_breast_cancer", "569 tumours by 30 measurements, malignant or benign"),
    "diabetes": ("load_diabetes", "442 patients by 10 measurements; the disease's progression after a year"),
    "digits": ("load_digits", "1,797 handwritten digits of 8x8 pixels"),
    "iris": ("load_iris", "150 irises of 3 species by 4 lengths"),
    "wine": ("load_wine", "178 wines of 3 growers by 13 measurements"),
}


def names() -> list[str]:
    """The names that `load` knows.

    >>> names()
    ['breast_cancer', 'diabetes', 'digits', 'iris', 'mnist', 'wine']
    """
    return sorted([*_BUNDLED, "mnist"])


def load(name: str, *, test: float = 0.2, seed: int = 0) -> Dataset:
    """A built-in data set, by name.

    "digits", "iris", "wine", "breast_cancer" and "diabetes" come with scikit-learn and are split at random
    (classes in proportion) with the share `test` for testing; measurements are unscaled, pixels in [0, 1].
    "mnist" has its own 10,000 test images. It is looked for in the folder that the environment variable
    NETGRAD_DATA names, otherwise fetched once; either way its checksum must be right.

    Raises `NetgradError` for an unknown name, `FileError` where a file cannot be fetched or was altered.

    >>> digits = load("digits")
    >>> digits.x.shape, digits.x_test.shape, digits.shape, digits.task
    ((1437, 8, 8, 1), (360, 8, 8, 1), (8, 8, 1), 'classification')
    >>> load("irris")
    Traceback (most recent call last):
    netgrad.errors.NetgradError: unknown data set 'irris': did you mean 'iris'? \
(known: breast_cancer, diabetes, digits, iris, mnist, wine)
    """
    if name == "mnist":
        mnist = read_npz(fetch(_MNIST))
        description = "70,000 handwritten digits of 28x28 pixels (LeCun, Cortes and Burges)"
        return dataclasses.replace(mnist, name="mnist", description=description)
    if name not in _BUNDLED:
        raise unknown_name("data set", name, names())
    return _bundled(name, test, seed)


def load_text(name: str | Path) -> str:
    """A built-in text ("tinyshakespeare", looked for and fetched as `load` does), or that of a UTF-8 file.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "line.txt")
    >>> _ = path.write_text("to be")
    >>> load_text(path)
    'to be'
    """
    return read_text(fetch(_TEXTS[str(name)]) if str(name) in _TEXTS else name)


def read_npz(path: str | Path, *, test: float = 0.2, seed: int = 0) -> Dataset:
    """A data set from a NumPy archive that holds x and y, or x_train, y_train, x_test and y_test.

    Bytes (uint8) are taken for pixels: scaled to [0, 1], and a single channel is added to (N, height, width).
    Whole-number targets are class labels, others quantities; labels beyond 10,000 are taken for names, and numbered
    anew. Without test arrays the share `test` is split off.

    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "two.npz")
    >>> np.savez(path, x=np.full((10, 4, 4), 255, np.uint8), y=[0, 1] * 5)
    >>> data = read_npz(path)
    >>> data.x.shape, float(data.x.max()), data.class_names
    ((8, 4, 4, 1), 1.0, ('0', '1'))
    """
    arrays = _arrays(regular(path))
    keys = ["x_train", "y_train", "x_test", "y_test"] if "x_train" in arrays else ["x", "y"]
    for key in keys:
        if key not in arrays:
            raise DataError(
                f"{path} holds the arrays {', '.join(arrays) or 'none'}: "
                "expected x and y, or x_train, y_train, x_test and y_test"
            )
    x, y = _inputs(arrays[keys[0]], keys[0]), _targets(arrays[keys[1]], keys[1])
    if len(keys) == 4:
        x_test, y_test = _inputs(arrays["x_test"], "x_test"), _targets(arrays["y_test"], "y_test")
    else:
        x, x_test, y, y_test = split(x, y, test=test, seed=seed, labels=y)
    same_examples(x=x, y=y)
    same_examples(x_test=x_test, y_test=y_test)
    if y.dtype != np.int32:
        return Dataset(Path(path).stem, x, y, x_test, y_test)
    classes = int(max(y.max(), y_test.max())) + 1
    if classes <= MOST_NAMES:
        return Dataset(Path(path).stem, x, y, x_test, y_test, tuple(map(str, range(classes))))
    known, codes = np.unique(np.concatenate([y, y_test]), return_inverse=True)  # numbers far apart are names
    y, y_test = np.split(codes.astype(np.int32), [len(y)])
    return Dataset(Path(path).stem, x, y, x_test, y_test, tuple(map(str, known.tolist())))


def split(*arrays: Any, test: float | int = 0.2, seed: int = 0, labels: Any = None) -> list[Any]:
    """Training and test parts of arrays with the same examples: x_train, x_test, y_train, y_test, ...

    `test` is the share, or the number, of test examples. With `labels` (N,) of classes each part holds every
    class in proportion, as far as that is possible: a class of a single example is in one of them, and for quantities,
    or parts with fewer examples than classes, the split is plainly random.

    >>> y = np.array([0] * 8 + [1] * 4)
    >>> x_train, x_test, y_train, y_test = split(np.arange(12), y, test=0.25, labels=y)
    >>> np.bincount(y_train), np.bincount(y_test)
    (array([6, 3]), array([2, 1]))
    """
    from sklearn.model_selection import train_test_split

    n = len(arrays[0])
    n_test = int(np.ceil(n * test)) if isinstance(test, float) else test
    if not 0 < n_test < n:
        raise DataError(f"{n_test} of {n} examples for testing: expected at least 1, and at least 1 left to train")
    if len({len(array) for array in arrays}) > 1:
        found = ", ".join(str(len(array)) for array in arrays)
        raise DataError(f"the arrays have {found} examples: expected the same number in each")
    stratify: Any = None
    if labels is not None and not np.issubdtype(np.asarray(labels).dtype, np.floating):
        codes, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
        if counts.max() >= 2:  # a class of one example goes where the largest one does
            codes = np.where(counts[codes] < 2, counts.argmax(), codes)
            if min(n_test, n - n_test) >= len(np.unique(codes)) > 1:
                stratify = codes
    return train_test_split(*arrays, test_size=n_test, random_state=as_seed(seed), stratify=stratify)


def fetch(download: _Download) -> Path:
    """The file in the folder NETGRAD_DATA, or in the cache, into which it is downloaded first if need be."""
    folder = os.environ.get("NETGRAD_DATA")
    if folder and (Path(folder) / download.file).is_file():
        path = Path(folder) / download.file
        if hashlib.sha256(path.read_bytes()).hexdigest() != download.sha256:
            raise FileError(f"{path} is not the published {download.file}: remove it, or fetch {download.url}")
        return path
    import pooch

    try:
        return Path(
            pooch.retrieve(
                download.url, f"sha256:{download.sha256}", fname=download.file, path=pooch.os_cache("netgrad")
            )
        )
    except (OSError, ValueError) as error:  # the network's errors are OSErrors, a wrong checksum a ValueError
        raise FileError(
            f"{download.file} cannot be fetched from {download.url} ({type(error).__name__}): "
            "put the file into a folder and name that folder in the environment variable NETGRAD_DATA"
        ) from error


def _bundled(name: str, test: float, seed: int) -> Dataset:
    from sklearn import datasets

    function, description = _BUNDLED[name]
    loader: Callable[..., Any] = getattr(datasets, function)
    bunch = loader(scaled=False) if name == "diabetes" else loader()
    images = name == "digits"
    x = bunch.images[..., None] / 16 if images else bunch.data
    features = () if images else tuple(str(feature) for feature in bunch.feature_names)
    classes = tuple(str(c) for c in bunch.get("target_names", ()))
    y = bunch.target.astype(np.int32 if classes else np.float32)
    x, x_test, y, y_test = split(x.astype(np.float32), y, test=test, seed=seed, labels=y)
    return Dataset(name, x, y, x_test, y_test, classes, features, f"{description} (scikit-learn)")


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive; refused before they are read where they would not fit into the memory."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            need = sum(_room(archive.zip, entry) for entry in archive.zip.infolist())
            if need > memory() / 2:
                raise DataError(f"its arrays would take {gib(need)}, more than half of this process's memory")
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # zipfile, zlib, pickle and numpy each have errors of their own for broken files
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise FileError(f"{path} cannot be read as NPZ: {reason}") from error


def _room(archive: Any, entry: Any) -> int:
    """The bytes that a member of an archive will take: read, and as the floats that it becomes."""
    with archive.open(entry) as member:
        if member.read(6) != b"\x93NUMPY":
            raise DataError(f"its member {entry.filename!r} is no array: remove it, or write it with numpy.savez")
        version = tuple(member.read(2))
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            return entry.file_size  # of names beyond Latin letters, which numbers have none of
        shape, _, dtype = read[version](member)
    # A thousandth of their size is what compressed zeros take, a quarter what bytes take of the floats they become.
    return max(entry.file_size, math.prod(shape) * dtype.itemsize) + math.prod(shape) * 4


def _inputs(x: np.ndarray, name: str) -> np.ndarray:
    if x.dtype != np.uint8:
        return as_examples(x, name)
    x = x[..., None] if x.ndim == 3 else x
    x = as_examples(x, name)
    return np.divide(x, 255, out=x)


def _targets(y: np.ndarray, name: str) -> np.ndarray:
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return as_labels(y, name=name) if y.dtype.kind in "biu" else as_examples(y, name)
