"""Model files and weights: bytes, headers, descriptions, and types of numbers that NumPy does not have."""

import io
import json
import zlib
from functools import cache

import numpy as np
import pandas as pd
from rich.console import Console

import netgrad as ng
from netgrad.cli import tables
from netgrad.data import Vocabulary
from netgrad.exchange import from_torch
from netgrad.report.layers import architecture
from netgrad.serving import Schema
from netgrad.training.files import describe, digest, flatten, in_order, read

from ..mutate import change_tree, text
from .base import Target
from .data import table


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
    parts = [ng.Dense(2, name="in"), ng.Stack([ng.Dense(2), ng.LayerNorm()], 2), ng.Ensemble([ng.Dense(2)], 2)]
    seen = ng.Sequential([*parts, ng.Dense(3, name="out")]).tied("out/W", "in/W", transposed=True)
    seen = seen.masked("ensemble_1/dense_1/W", np.ones((2, 2, 2))).frozen("in/b")
    views = ng.fit(seen, np.eye(3), np.eye(3) / 2, epochs=1, keep_optimizer=True)
    line = np.linspace(-1, 1, 9)[:, None]
    sure = ng.fit(ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)]), line, line[:, 0], epochs=1)
    sure = ng.posterior(sure, line, line[:, 0])
    codes = ng.fit(ng.Autoencoder([ng.Dense(4), ng.Gaussian()], [ng.Dense(4)]), np.eye(4), epochs=1)
    attends = [ng.Positions(), ng.Stack([ng.Residual([ng.Attention(heads=2, causal=True)]), ng.LayerNorm()], 2)]
    attends = ng.untrained(ng.Sequential([ng.Embedding(4, 4), *attends, ng.Dense(4)]), ids[:, :-1], ids[:, 1:])
    ahead = ng.fit_forecast(hours(), "y", time="t", horizon=2, window=4, epochs=1).model
    return [houses, signals, images, writer, both, views, sure, codes, attends, ahead]


def hours():
    """A series to forecast."""
    return pd.DataFrame({"t": pd.date_range("2026-01-01", periods=60, freq="h"), "y": np.sin(np.arange(60.0))})


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
    seconds = 60  # some are compiled
    room = 1000

    def valid(self):
        files = [read(model.save(self.path)) for model in models()]
        self.arrays = [arrays for arrays, _ in files]
        return [json.loads(about["netgrad"]) for _, about in files]

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
        return in_order(save(arrays, {"netgrad": words, "sha256": digest(arrays, words)}))

    def take(self, data):
        model = ng.load(self.path)
        known = any(model.network == made.network and model.objective == made.objective for made in models())
        if known or zlib.crc32(data) % 25 == 0:  # compiling anew takes far longer than reading
            use(model)


def use(model):
    """What a user does with a model that was read: look at it, and predict."""
    repr(model), repr(model.history), model.history.to_frame()
    console = Console(file=io.StringIO())
    console.print(tables.facts(model.card), tables.history(model.history), tables.layers(architecture(model)))
    if "forecast" in model.card:
        ng.Forecaster.of(model).predict(hours())
        return
    json.dumps(Schema(model).describe())
    x = table() if model.encoder else {name: np.zeros((2, *shape)) for name, shape in model.shapes.items()}
    model.predict(x)
    if model.posterior is not None:
        model.predict(x, spread=True)


NAMES = [
    "a\nb",
    "a\nb.weight",
    "",
    "0.weight",
    "x" * 3000,
    "1.é",
    "²." * 3 + "weight",
    "9" * 5000 + ".bias",
    "x.weight_ih_l9999999",
]
TYPES = ["BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "C64", "F64", "I64", "U64", "f32", "X"]
TYPES += ["F8_E5M2", "F8_E4M3", "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2"]
SIZES = {"8": 1, "BOOL": 1, "16": 2, "32": 4, "64": 8}


class TensorTypes(Target):
    """Safetensors files of types that NumPy has not, of odd shapes and places: weights from PyTorch, and models."""

    suffix = ".safetensors"

    def valid(self):
        net = ng.Sequential([ng.Dense(3, activation="relu"), ng.BatchNorm(), ng.Dense(2)])
        self.model = ng.untrained(net, np.eye(4), [0, 1, 1, 0])
        self.description = json.dumps(describe(self.model))
        own = flatten({"params": self.model.params, "state": self.model.state})
        shapes = {"0.weight": (3, 4), "0.bias": (3,), "2.weight": (2, 3), "2.bias": (2,)}
        norm = {f"1.{name}": (3,) for name in ("weight", "bias", "running_mean", "running_var")}
        return [shapes | norm | {"1.num_batches_tracked": ()}, {name: value.shape for name, value in own.items()}]

    def make(self, rng):
        which = rng.randrange(2)
        kind = rng.choice(TYPES)  # most often all tensors have one type
        header, at = {}, 0
        for name, shape in self.seeds[which].items():
            own = kind if rng.random() < 0.8 else rng.choice(TYPES)
            own = "F32" if rng.random() < 0.5 else own
            shape = list(shape) if rng.random() < 0.9 else [rng.choice([0, 1, 3, 2**31, 2**63])] * rng.choice([0, 1, 2])
            bits = own.split("_")[0].lstrip("BUIFC") if own != "BOOL" else own
            count = min(int(np.prod([n % 100 for n in shape])), 10**4)
            size = count * SIZES.get(bits, 1) if rng.random() < 0.95 else rng.randrange(200)
            start = at if rng.random() < 0.97 else rng.randrange(100)
            name = name if rng.random() < 0.97 else rng.choice(NAMES)
            header[name] = {"dtype": own, "shape": shape, "data_offsets": [start, start + size]}
            at += size
        if which or rng.random() < 0.2:
            header["__metadata__"] = {"netgrad": self.description, "sha256": rng.choice(["", "0" * 64])}
        if rng.random() < 0.2:
            header = change_tree(rng, header)
        head = text(header).encode()
        return len(head).to_bytes(8, "little") + head + rng.randbytes(min(at, 10**5))

    def take(self, data):
        if b"__metadata__" in data:
            ng.load(self.path)
        else:
            from_torch(self.model, self.path)
