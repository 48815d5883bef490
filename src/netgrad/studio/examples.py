"""What a network in the studio learns from: the gallery of small data sets, a table, or arrays of a user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netgrad.compiling import as_seed
from netgrad.errors import DataError, unknown_name

HELD = 0.25  # the share that is held out
WINDOW, WINDOWS = 40, 4000  # characters of a piece of text, and how many pieces are taken


@dataclass(frozen=True)
class Examples:
    """Examples to train on, and those held out.

    x, x_held: (N, ...), float32. y, y_held: class numbers (N,), int32, or quantities (N, units), float32. classes: the
    names of the classes; none for a regression. features: the names of the inputs of vectors, and of symbols that are
    one-hot. lengths, lengths_held: the valid time-steps (N,) of sequences, where they are unequal. over_time: whether
    the first axis of an example is time. symbols: where x are whole numbers (N, T), what each stands for. asks: the
    loss that they ask for, where `loss` cannot be told from the targets. reconstructs: the targets are the inputs.
    picture: height and width, where an example is a picture as a row of numbers.

    What holds none out has none in ``x_held``.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    x_held: np.ndarray
    y_held: np.ndarray
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    lengths: np.ndarray | None = None
    lengths_held: np.ndarray | None = None
    over_time: bool = False
    symbols: str = ""
    asks: str = ""
    reconstructs: bool = False
    picture: tuple[int, int] = (0, 0)

    @property
    def judged(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """x, y and lengths of those that answers are shown of: those held out, or where there are none all."""
        if len(self.x_held):
            return self.x_held, self.y_held, self.lengths_held
        return self.x, self.y, self.lengths

    @property
    def pictured(self) -> tuple[int, ...]:
        """Height and width of an example as a picture; () where it is none."""
        return self.shape[:2] if len(self.shape) == 3 else self.picture if all(self.picture) else ()

    @property
    def targets(self) -> np.ndarray | None:
        """y, as `netgrad.fit` is given it: None where a network reconstructs."""
        return None if self.reconstructs else self.y

    @property
    def held(self) -> tuple[Any, ...] | None:
        """(x, y, lengths) of those held out, None where there are none."""
        return (self.x_held, self.y_held, self.lengths_held) if len(self.x_held) else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return tuple(self.x.shape[1:])

    @property
    def outputs(self) -> int:
        """The units of a network's last layer."""
        return len(self.classes) or (1 if self.y.ndim == 1 else self.y.shape[-1])

    @property
    def loss(self) -> str:
        """What its networks are trained by where nobody says otherwise."""
        return self.asks or ("softmax_cross_entropy" if self.classes else "squared_error")


def classes_of(model: Any, y: np.ndarray) -> tuple[str, ...]:
    """The names of the classes that these encoded targets are the numbers of; none where they are no classes."""
    if not np.issubdtype(y.dtype, np.integer):
        return ()
    known = None if model.target_encoder is None else model.target_encoder.classes
    return tuple(map(str, known if known else range(int(y.max()) + 1)))


def divided(
    title: str, x: Any, y: Any, classes: tuple[str, ...] = (), features: tuple[str, ...] = (), seed: int = 0,
    lengths: Any = None, **more: Any,
) -> Examples:  # fmt: skip
    """Examples of which some, drawn at random, are held out.

    >>> some = divided("line", np.zeros((8, 1)), np.zeros(8))
    >>> some.x.shape, some.y.shape, some.x_held.shape
    ((6, 1), (6, 1), (2, 1))
    """
    x = np.asarray(x, np.int32 if more.get("symbols") else np.float32)
    y = np.asarray(y, np.int32) if classes else np.asarray(y, np.float32)
    y = y[:, None] if not classes and y.ndim == 1 else y
    if len(x) < 4:
        raise DataError(f"{title} has {len(x)} examples: the studio holds a quarter out, and needs at least 4")
    order = np.random.default_rng(as_seed(seed)).permutation(len(x))
    held, kept = order[: max(1, round(HELD * len(x)))], order[max(1, round(HELD * len(x))) :]
    of_held, of_kept = (None if lengths is None else np.asarray(lengths, np.int32)[part] for part in (held, kept))
    return Examples(title, x[kept], y[kept], x[held], y[held], classes, features, of_kept, of_held, **more)


def _xor(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(-1, 1, (300, 2))
    x += 0.08 * np.sign(x)
    return x, (x[:, 0] * x[:, 1] < 0).astype(int)


def _circles(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(300) % 2
    radius, angle = np.where(y == 0, rng.uniform(0, 0.45, 300), rng.uniform(0.65, 1, 300)), rng.uniform(0, 6.2832, 300)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), y


def _moons(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, t = np.arange(300) % 2, rng.uniform(0, np.pi, 300)
    x = np.column_stack([np.cos(t) - 0.5, np.sin(t) - 0.25]) * np.where(y == 0, 1, -1)[:, None]
    return 0.7 * x + rng.normal(0, 0.08, x.shape), y


def _spiral(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y, t = np.arange(400) % 2, np.sqrt(rng.uniform(0.02, 1, 400))
    angle = 9 * t + np.pi * y
    return np.column_stack([t * np.cos(angle), t * np.sin(angle)]) + rng.normal(0, 0.02, (400, 2)), y


def _clouds(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(300) % 3
    centre = np.array([[-0.5, -0.4], [0.5, -0.4], [0, 0.5]])[y]
    return centre + rng.normal(0, 0.22, (300, 2)), y


def _noisy_moons(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x, y = _moons(rng)
    x, y = x[:80] + rng.normal(0, 0.2, (80, 2)), y[:80].copy()
    wrong = rng.permutation(80)[:8]
    y[wrong] = 1 - y[wrong]
    return x, y


def _sine(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(-1, 1, (120, 1))
    return x, np.sin(2 * np.pi * x[:, 0]) + rng.normal(0, 0.1, 120)


# Names, what the page calls them, and how they are drawn; two inputs and classes, or one and a quantity.
DRAWN: dict[str, tuple[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]]] = {
    "xor": ("XOR: opposite corners alike", _xor),
    "circles": ("Circle in a ring", _circles),
    "moons": ("Two moons", _moons),
    "spiral": ("Two spirals", _spiral),
    "clouds": ("Three clouds", _clouds),
    "noisy_moons": ("Few moons, wrong labels", _noisy_moons),
    "sine": ("A noisy sine", _sine),
}
TITLES = {name: title for name, (title, _) in DRAWN.items()} | {
    "digits": "Handwritten digits, 8 x 8",
    "autoencoder": "Digits, given back from a code",
    "power_plant": "Power plant, four examples",
    "reber": "Reber grammar",
    "embedded_reber": "Embedded Reber grammar",
    "lstm_cell": "Kelleher's LSTM cell",
}
# What the text says of the strings: how many, and how long at least; 100 others are unseen.
STRINGS = {"reber": (400, 30), "embedded_reber": (400, 40)}


def gallery(name: str) -> Examples:
    """A data set of the gallery, the same at every call.

    >>> gallery("xor").x.shape, gallery("sine").y.shape, gallery("digits").shape
    ((225, 2), (90, 1), (8, 8, 1))
    """
    if name in DRAWN:
        title, draw = DRAWN[name]
        x, y = draw(np.random.default_rng(1))
        classes = () if name == "sine" else tuple("ABC"[: int(y.max()) + 1])
        return divided(title, x, y, classes, tuple(f"x{i + 1}" for i in range(x.shape[1])))
    if name == "digits":
        from netgrad.data import datasets

        own = datasets.load("digits")
        return Examples(TITLES[name], own.x, own.y, own.x_test, own.y_test, own.class_names)
    if name == "autoencoder":
        from netgrad.data import datasets

        own = datasets.load("digits")
        flat, unseen = (part.reshape(len(part), -1) for part in (own.x, own.x_test))
        return Examples(TITLES[name], flat, flat, unseen, unseen, reconstructs=True, picture=own.x.shape[1:3])
    if name == "power_plant":
        from netgrad.experiments.power_plant import X, Y

        x, y = np.asarray(X, np.float32), np.asarray(Y, np.float32)[:, None]
        return Examples(TITLES[name], x, y, x[:0], y[:0], (), ("temperature", "humidity"))
    if name in STRINGS:
        return _strings(name)
    if name == "lstm_cell":
        # Two steps: the first fills the memory, the second is the text's h = (1, 1) and x = 4.
        x = np.array([[[0, 0, 0, 1], [1, 1, 4, 0]]], np.float32)
        y = np.zeros((1, 2, 1), np.float32)
        return Examples(TITLES[name], x, y, x[:0], y[:0], (), ("h1", "h2", "x", "fills c"), over_time=True)
    raise unknown_name("data set", name, TITLES)


def _strings(name: str) -> Examples:
    """Strings of a grammar, each symbol with the set of those that may follow."""
    from netgrad.data.reber import SYMBOLS, embedded_reber, reber

    count, least = STRINGS[name]
    draw = {"reber": reber, "embedded_reber": embedded_reber}[name]
    own = draw(count, min_length=least, seed=0)
    unseen = draw(100, min_length=least, seed=1, exclude=own.strings)
    return Examples(
        TITLES[name], own.x, own.y, unseen.x, unseen.y, (), tuple(SYMBOLS), own.lengths, unseen.lengths,
        over_time=True, asks="binary_cross_entropy",
    )  # fmt: skip


def table(path: str | Path, target: str | None) -> Examples:
    """The examples in a table, encoded as `netgrad fit` encodes them."""
    from netgrad.data import TableEncoder, read_table
    from netgrad.data.tables import split_target
    from netgrad.data.targets import TargetEncoder

    rows = read_table(path)
    if target is None:
        raise DataError(f"which column of {Path(path).name} is to be predicted? It has {', '.join(rows.columns[:12])}")
    columns, y = split_target(rows, target)
    columns, y = columns[y.notna()], y[y.notna()]
    encoder, of_target = TableEncoder("robust").fit(columns), TargetEncoder().fit(y)
    classes = tuple(map(str, of_target.classes or ())) if of_target.task == "classification" else ()
    x, labels = encoder.transform(columns), of_target.transform(y)
    return divided(Path(path).name, x, labels, classes, tuple(encoder.feature_names))


def arrays(path: str | Path) -> Examples:
    """The examples that `netgrad.studio` wrote down for the process that trains."""
    with np.load(path) as kept:
        x, y, classes = kept["x"], kept["y"], tuple(kept["classes"].tolist())
        same = "reconstructs" in kept and bool(kept["reconstructs"])
        if "x_held" in kept:
            return Examples("your data", x, y, kept["x_held"], kept["y_held"], classes, reconstructs=same)
    return divided("your data", x, y, classes, reconstructs=same)


def folder(path: str | Path, size: Any = None, channels: int | None = None) -> Examples:
    """The pictures of a folder with a sub-folder for each class, see `netgrad.data.images.read_image_folder`."""
    from netgrad.data.images import read_image_folder

    read = read_image_folder(path, size, channels)
    return divided(Path(path).resolve().name, read.x, read.y, tuple(read.class_names))


def text(path: str | Path) -> Examples:
    """Windows of a text, each symbol with the one that follows it."""
    from netgrad.data.text import Vocabulary, read_text, windows

    written = read_text(path)
    vocabulary = Vocabulary(written)
    if len(written) < 4 * WINDOW + 1:
        raise DataError(f"{Path(path).name} has {len(written)} characters: the studio needs {4 * WINDOW + 1} at least")
    x, y = windows(vocabulary.encode(written), WINDOW)
    title = Path(path).name
    return divided(
        title, x[:WINDOWS], y[:WINDOWS], tuple(vocabulary.symbols), over_time=True, symbols=vocabulary.symbols
    )


def sequences(path: str | Path, target: str | None, id: str, time: str | None) -> Examples:
    """Sequences in a table in long format, a row for each time-step: a target for each, or one all along."""
    from netgrad.data import read_table
    from netgrad.data.encodings import missing_column
    from netgrad.data.sequences import read_sequences

    rows = read_table(path)
    if target is None:
        raise DataError(f"which column of {Path(path).name} is to be predicted? It has {', '.join(rows.columns[:12])}")
    for name in (id, target):
        if name not in rows.columns:
            raise missing_column(name, rows.columns)
    alike = rows.groupby(id, sort=False)[target].nunique(dropna=False).max() == 1
    read = read_sequences(rows, id=id, time=time, target=target, goal="label" if alike else "tag")
    assert read.y is not None
    assert read.target_encoder is not None
    of_target = read.target_encoder
    classes = tuple(map(str, of_target.classes or ())) if of_target.task == "classification" else ()
    features = tuple(read.encoder.feature_names)
    return divided(Path(path).name, read.x, read.y, classes, features, lengths=read.lengths, over_time=True)
