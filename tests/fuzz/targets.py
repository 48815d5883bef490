"""The kinds of input: each a class that makes almost valid ones, and does with one what a user would.

A target is made in a folder of its own. ``make(rng)`` gives the bytes of an input, ``take(data)`` uses them; what it
needs on disk is put there by ``put(data)`` before anything is watched.
"""

import gzip
import io
import json
import zipfile
from functools import cache

import numpy as np
import pandas as pd
from rich.console import Console

import netgrad as ng
from netgrad.cli import tables
from netgrad.data import TableEncoder, TargetEncoder, Vocabulary, read_images, read_npz, read_table
from netgrad.report.layers import architecture
from netgrad.serving import Schema
from netgrad.training.files import describe, digest, flatten

from .mutate import change_bytes, change_tree, text


def table():
    rng = np.random.default_rng(0)
    columns = {"size": rng.uniform(30, 200, 12).round(1), "rooms": rng.integers(1, 5, 12)}
    columns |= {"colour": ["red", "blue", "red"] * 4, "sold": [True, False] * 6, "day": ["2024-01-31"] * 12}
    return pd.DataFrame(columns)


@cache
def models():
    """One small model of each kind that files and the server know; training would not change what may go wrong."""
    houses = ng.untrained(ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(2)]), table(), ["a", "b"] * 6)
    houses.history.append({"epoch": 1, "loss": 0.5})
    houses.card = {"what": "a test", "scores": {"test_loss": 0.5}, "classes": ["a", "b"]}
    x = np.random.default_rng(0).normal(size=(4, 20, 2))
    recurrent = ng.Sequential([ng.LSTM(3, returns="last"), ng.Dropout(), ng.Dense(2)])
    signals = ng.untrained(recurrent, x, [0, 1] * 2, lengths=[20, 3] * 2, penalty="l2")
    maps = [ng.Conv(2, 3, activation="relu"), ng.BatchNorm(), ng.MaxPool(2), ng.Flatten(), ng.Dense(3)]
    images = ng.untrained(ng.Sequential(maps), np.random.default_rng(0).normal(size=(6, 8, 8, 1)), [0, 1, 2] * 2)
    vocabulary = Vocabulary("abc ")
    ids = vocabulary.encode("abc " * 4)[None]
    writer = ng.untrained(ng.Sequential([ng.Embedding(4, 3), ng.GRU(3), ng.Dense(4)]), ids[:, :-1], ids[:, 1:])
    writer.card = {"vocabulary": vocabulary.to_config()}
    left, right = ng.Input("left"), ng.Input("right")
    pair = ng.Network([left, right], {"sum": ng.Dense(1)(ng.Add()(left, right))})
    both = ng.untrained(pair, {"left": np.eye(3), "right": np.eye(3)}, {"sum": [0.1, 0.2, 0.3]})
    return [houses, signals, images, writer, both]


class Target:
    """Base: the input is one file."""

    suffix = ""

    def __init__(self, folder):
        self.path = folder / f"input{self.suffix}"
        self.seeds = self.valid()

    def valid(self):
        """Valid inputs, to begin with."""
        raise NotImplementedError

    def make(self, rng):
        return change_bytes(rng, rng.choice(self.seeds), self.seeds)

    def put(self, data):
        self.path.write_bytes(data)

    def take(self, data):
        raise NotImplementedError


class ModelBytes(Target):
    """Model files with some bytes changed."""

    suffix = ".safetensors"

    def valid(self):
        saved = [model.save(self.path) and self.path.read_bytes() for model in models()]
        return saved

    def take(self, data):
        ng.load(self.path)


class ModelHeader(ModelBytes):
    """Model files whose header claims other shapes, types and places."""

    def make(self, rng):
        data = rng.choice(self.seeds)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        about = header.pop("__metadata__")
        changed = change_tree(rng, header)
        if isinstance(changed, dict):
            changed["__metadata__"] = change_tree(rng, about) if rng.random() < 0.1 else about
        head = text(changed).encode()
        claimed = len(head) if rng.random() < 0.9 else rng.choice([0, 2**31, 2**63, 2**64 - 1, len(head) * 2])
        return claimed.to_bytes(8, "little") + head + data[8 + size :]


class ModelDescription(Target):
    """Model files that are signed as ours, with another architecture, other encodings, history or card."""

    suffix = ".safetensors"

    def valid(self):
        made = models()
        self.arrays = [flatten({"params": model.params, "state": model.state}) for model in made]
        self.count = 0
        return [json.loads(json.dumps(describe(model))) for model in made]

    def make(self, rng):
        from safetensors.numpy import save

        which = rng.randrange(len(self.seeds))
        description, arrays = self.seeds[which], self.arrays[which]
        part = rng.choice([None, *description])  # parts that hold little are to be met as often as others
        if part is None or not isinstance(description[part], list | dict):
            changed = change_tree(rng, description)
        else:
            changed = description | {part: change_tree(rng, description[part])}
        if rng.random() < 0.1:
            arrays = {name: value for name, value in arrays.items() if rng.random() < 0.8}
        words = text(changed)
        return save(arrays, {"netgrad": words, "sha256": digest(arrays, words)})

    def take(self, data):
        model = ng.load(self.path)
        self.count += 1
        known = any(model.network == made.network and model.objective == made.objective for made in models())
        if known or self.count % 25 == 0:  # compiling anew takes far longer than reading
            use(model)


def use(model):
    """What a user does with a model that was read: look at it, and predict."""
    repr(model), repr(model.history), model.history.to_frame()
    console = Console(file=io.StringIO())
    console.print(tables.facts(model.card), tables.history(model.history), tables.layers(architecture(model)))
    json.dumps(Schema(model).describe())
    x = table() if model.encoder else {name: np.zeros((2, *shape)) for name, shape in model.shapes.items()}
    model.predict(x)


class Csv(Target):
    """CSV files, read and encoded."""

    suffix = ".csv"

    def valid(self):
        semicolons = table().to_csv(sep=";", index=False).encode()
        return [table().to_csv(index=False).encode(), table().to_csv().encode(), semicolons, b"a,b\n1,2\n"]

    def take(self, data):
        found = read_table(self.path)
        encoder = TableEncoder(missing="impute").fit(found)
        encoder.transform(found)
        TargetEncoder().fit(found[found.columns[0]])


class Tsv(Csv):
    """TSV files."""

    suffix = ".tsv"

    def valid(self):
        return [table().to_csv(sep="\t", index=False).encode()]


class Gzip(Csv):
    """Compressed CSV files: changed before or after they were compressed."""

    suffix = ".csv.gz"

    def make(self, rng):
        if rng.random() < 0.5:
            return gzip.compress(super().make(rng), 1)
        return change_bytes(rng, gzip.compress(rng.choice(self.seeds), 1))


class Parquet(Csv):
    """Parquet files."""

    suffix = ".parquet"

    def valid(self):
        seeds = []
        for compression in ("snappy", "gzip", None):
            table().to_parquet(self.path, compression=compression)
            seeds.append(self.path.read_bytes())
        return seeds


class Npz(Target):
    """NumPy archives: of numbers, and of objects that would run code if they were unpickled."""

    suffix = ".npz"

    def valid(self):
        seeds = []
        for pack in (np.savez, np.savez_compressed):
            for arrays in ({"x": np.eye(10), "y": np.arange(10)}, {"x": np.array([Bomb()], object), "y": np.eye(1)}):
                file = io.BytesIO()
                pack(file, **arrays)
                seeds.append(file.getvalue())
        return seeds

    def make(self, rng):
        if rng.random() < 0.5:
            return super().make(rng)
        file = io.BytesIO()  # a sound archive of unsound arrays
        with zipfile.ZipFile(file, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for name in ("x", "y"):
                shape = rng.choice(["(10,)", "(10, 1)", "(10000000000000,)", "(-1,)", "(2**40, 2**40)", "(1e3,)", "()"])
                kind = rng.choice(["<f8", "|u1", "|O", "<i8", "<U4", "<c16", "<M8[s]", "|S0", "[('a', '<f8')]"])
                head = f"{{'descr': '{kind}', 'fortran_order': {rng.choice(['False', 'True', '1'])}, 'shape': {shape}}}"
                head = change_bytes(rng, head.encode()) if rng.random() < 0.3 else head.encode()
                size = len(head).to_bytes(2, "little")
                archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + size + head + bytes(rng.choice([0, 80, 1000])))
        return file.getvalue()

    def take(self, data):
        read_npz(self.path)


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("echo unpickled",)


class Picture(Target):
    """PNG and JPEG pictures."""

    suffix = ".png"

    def valid(self):
        from PIL import Image

        pixels = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
        seeds = []
        for kind, mode in (("PNG", "RGB"), ("PNG", "P"), ("JPEG", "RGB"), ("PNG", "L"), ("JPEG", "CMYK")):
            file = io.BytesIO()
            Image.fromarray(pixels).convert(mode).save(file, kind)
            seeds.append(file.getvalue())
        return seeds

    def take(self, data):
        read_images([self.path], size=6)
