"""The kinds of input: each a class that makes almost valid ones, and does with one what a user would.

A target is made in a folder of its own. ``make(rng)`` gives the bytes of an input, ``take(data)`` uses them; what it
needs on disk is put there by ``put(data)`` before anything is watched.
"""

import asyncio
import gzip
import io
import json
import weakref
import zipfile
from functools import cache

import numpy as np
import pandas as pd
from rich.console import Console

import netgrad as ng
from netgrad.cli import tables
from netgrad.data import TableEncoder, TargetEncoder, Vocabulary, read_images, read_npz, read_table
from netgrad.report.layers import architecture
from netgrad.serving import Limits, Schema, application
from netgrad.training.files import describe, digest, flatten

from .mutate import change_bytes, change_tree, odd, text


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


class Requests(Target):
    """JSON requests to the server, of models of every kind."""

    def valid(self):
        self.schemas = [Schema(model, rows=200, steps=50) for model in models()]
        return [schema.example().encode() for schema in self.schemas]

    def make(self, rng):
        which = rng.randrange(len(self.schemas))
        if rng.random() < 0.4:
            body = change_bytes(rng, self.seeds[which], self.seeds)
        else:
            request = json.loads(self.seeds[which])
            request["instances"] *= rng.choice([1, 1, 3, 40])
            if rng.random() < 0.3:
                request["lengths"] = rng.choice([[1], [1] * len(request["instances"]), [2**40], odd(rng)])
            body = text(change_tree(rng, request)).encode()
        return bytes([which]) + body[: Limits().body]

    def put(self, data):
        pass

    def take(self, data):
        self.schemas[data[0]].parse_json(data[1:])


class CsvRequests(Target):
    """CSV requests to the server, of the models that take them: tables, vectors, sequences in long tables."""

    def valid(self):
        vectors = ng.untrained(ng.Sequential([ng.Dense(1)]), np.eye(3), [1.0, 2.0, 3.0])
        long = table().assign(id=[*"aaaabbbbcccc"], time=range(12))
        steps = np.zeros((2, 6, 7))
        sequences = ng.untrained(ng.Sequential([ng.RNN(2), ng.Dense(2)]), steps, np.zeros((2, 6), int), lengths=[6, 2])
        sequences.encoder = TableEncoder().fit(table())
        sequences.card = {"sequences": {"id": "id", "time": "time", "goal": "tag"}}
        self.schemas = [Schema(model, rows=200) for model in (models()[0], vectors, sequences)]
        return [table().to_csv(index=False).encode(), b"a,b,c\n1,2,3\n", long.to_csv(index=False).encode()]

    def make(self, rng):
        which = rng.randrange(len(self.schemas))
        return bytes([which]) + change_bytes(rng, self.seeds[which], self.seeds)

    def put(self, data):
        pass

    def take(self, data):
        self.schemas[data[0]].parse_csv(data[1:])


class Asgi(Target):
    """Whole requests to the application: paths, methods, headers and bodies."""

    def valid(self):
        self.app = application(models()[0], Limits(batch=4, body=20_000, rows=20))
        self.loop = asyncio.new_event_loop()
        self.living = self.app.router.lifespan_context(self.app)
        self.loop.run_until_complete(self.living.__aenter__())
        weakref.finalize(self, _stop, self.loop, self.living)
        return [Schema(models()[0]).example().encode(), table().to_csv(index=False).encode()]

    def make(self, rng):
        body = change_bytes(rng, rng.choice(self.seeds), self.seeds) if rng.random() < 0.7 else rng.choice(self.seeds)
        kinds = ["application/json", "text/csv"]
        kind = rng.choice(kinds if rng.random() < 0.9 else ["text/csv; charset=x", "APPLICATION/JSON", "", "x\x00"])
        others = ["/predict", "/schema", "/health", "/metrics", "/", "/%00", "/pre"]
        common = rng.random() < 0.7
        head = {
            "method": "POST" if common else rng.choice(["GET", "PUT", "HEAD", "OPTIONS", "X"]),
            "path": "/predict" if common else rng.choice(others),
            "query": rng.choice(
                ["", "probabilities=true", "probabilities=", "probabilities=1&probabilities=%ff", "&=&"]
            ),
            "type": kind,
            "length": rng.choice([str(len(body)), "", "-1", "9" * 30, "x", "0"]),
        }
        return text(head).encode() + b"\n" + body

    def put(self, data):
        pass

    def take(self, data):
        head, body = data.split(b"\n", 1)
        status, answer = self.loop.run_until_complete(self.ask(json.loads(head), body))
        assert status < 500, (status, answer[:300])
        if answer and not answer.startswith(b"#"):  # but for the metrics, and to those who have left
            content = json.loads(answer)
            assert (status == 200) == ("error" not in content), (status, answer[:300])

    async def ask(self, head, body):
        """One request, in pieces, without a server between."""
        pieces = [body[i : i + 700] for i in range(0, len(body), 700)] or [b""]
        sent = []

        async def receive():
            if not pieces:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message):
            sent.append(message)

        headers = [(b"content-type", head["type"].encode()), (b"content-length", head["length"].encode())]
        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
        scope |= {"method": head["method"], "path": head["path"], "raw_path": head["path"].encode(), "headers": headers}
        scope |= {"query_string": head["query"].encode(), "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)}
        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def _stop(loop, living):
    """End an application as a server would."""
    loop.run_until_complete(living.__aexit__(None, None, None))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


# How many of 100,000 inputs each target gets: those most that cost least and are met most by strangers.
SHARES = {
    Requests: 30_000,
    ModelBytes: 14_000,
    ModelHeader: 8_000,
    ModelDescription: 10_000,
    Csv: 8_000,
    Tsv: 2_000,
    Gzip: 4_000,
    Parquet: 8_000,
    Npz: 6_000,
    Picture: 4_000,
    CsvRequests: 6_000,
    Asgi: 5_000,
}
