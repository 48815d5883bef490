"""Tables, NumPy archives and folders of pictures, as people have them on their disks."""

import gzip
import io
import json
import shutil
import zipfile
import zlib

import numpy as np
import pandas as pd

from netgrad.data import TableEncoder, TargetEncoder, read_image_folder, read_npz, read_table

from ..mutate import change_bytes, text
from .base import Target


def table():
    rng = np.random.default_rng(0)
    columns = {"size": rng.uniform(30, 200, 12).round(1), "rooms": rng.integers(1, 5, 12)}
    columns |= {"colour": ["red", "blue", "red"] * 4, "sold": [True, False] * 6, "day": ["2024-01-31"] * 12}
    return pd.DataFrame(columns)


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
            return gzip.compress(super().make(rng), 1, mtime=0)
        return change_bytes(rng, gzip.compress(rng.choice(self.seeds), 1, mtime=0))


class Parquet(Csv):
    """Parquet files."""

    suffix = ".parquet"

    def valid(self):
        seeds = []
        for compression in ("snappy", "gzip", None):
            table().to_parquet(self.path, compression=compression)
            seeds.append(self.path.read_bytes())
        return seeds


class ParquetTypes(Csv):
    """Parquet files whose columns are of types that tables seldom have."""

    suffix = ".parquet"

    def valid(self):
        return []

    def make(self, rng):
        import pyarrow as pa
        import pyarrow.parquet as pq

        n = rng.choice([0, 1, 2, 20])
        columns = [self.column(rng, pa, n) for _ in range(rng.choice([1, 2, 3, 6]))]
        names = [
            rng.choice(["a", "b", "", "a", "x\ny", "é", "__index_level_0__"]) + str(i) * rng.randrange(2)
            for i in range(6)
        ]
        table = pa.Table.from_arrays(columns, names[: len(columns)])
        if rng.random() < 0.3:
            table = table.replace_schema_metadata(
                {b"pandas": rng.choice([b"{}", b"[", b'{"index_columns": ["gone"]}'])}
            )
        file = io.BytesIO()
        try:
            pq.write_table(table, file, compression=rng.choice(["none", "snappy", "zstd", "gzip"]))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # a type that Parquet has not
            return table.schema.serialize().to_pybytes()
        data = file.getvalue()
        return change_bytes(rng, data) if rng.random() < 0.2 else data

    def column(self, rng, pa, n):
        import datetime
        import decimal

        value, kind = rng.choice(
            [
                (b"\x00\xff", pa.binary()),
                (b"ab", pa.binary(2)),
                (b"ab", pa.large_binary()),
                ("é", pa.large_string()),
                ("x" * 3000, pa.string()),
                ([1, 2], pa.list_(pa.int64())),
                ([1.0, 2.0], pa.list_(pa.float32(), 2)),
                ({"a": 1}, pa.struct([("a", pa.int8())])),
                ([("a", 1)], pa.map_(pa.string(), pa.int64())),
                (decimal.Decimal("1.50"), pa.decimal128(38, 2)),
                (decimal.Decimal("9" * 60), pa.decimal256(76, 0)),
                (datetime.date(1, 1, 1), pa.date32()),
                (datetime.date(9999, 12, 31), pa.date64()),
                (datetime.time(23, 59), pa.time64("ns")),
                (datetime.datetime(1500, 1, 1), pa.timestamp("us")),
                (0, pa.timestamp("ns", "Europe/Berlin")),
                (-(2**63), pa.timestamp("s")),
                (datetime.timedelta(days=10**5), pa.duration("ms")),
                (2**64 - 1, pa.uint64()),
                (-(2**63), pa.int64()),
                (1e308, pa.float64()),
                (float("inf"), pa.float32()),
                (float("nan"), pa.float64()),
                (True, pa.bool_()),
                (None, pa.null()),
                ("red", pa.dictionary(pa.int32(), pa.string())),
                (b"\xff", pa.dictionary(pa.int8(), pa.binary())),
                (1.5, pa.dictionary(pa.int8(), pa.float64())),
            ]
        )
        values = [None if rng.random() < 0.1 else value for _ in range(n)]
        if isinstance(kind, pa.DictionaryType):
            return pa.array(values, kind.value_type).dictionary_encode().cast(kind)
        return pa.array(values, kind)


class Npz(Target):
    """NumPy archives: of numbers, and of objects that would run code if they were unpickled."""

    suffix = ".npz"

    def valid(self):
        seeds = []
        for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            for arrays in ({"x": np.eye(10), "y": np.arange(10)}, {"x": np.array([Bomb()], object), "y": np.eye(1)}):
                members = [(f"{name}.npy", as_npy(array)) for name, array in arrays.items()]
                seeds.append(archived(members, compression))
        return seeds

    def make(self, rng):
        if rng.random() < 0.4:
            return super().make(rng)
        if rng.random() < 0.5:
            return self.sound(rng)
        members = []  # a sound archive of unsound arrays
        for name in ("x", "y"):
            shape = rng.choice(["(10,)", "(10, 1)", "(10000000000000,)", "(-1,)", "(2**40, 2**40)", "(1e3,)", "()"])
            kind = rng.choice(["<f8", "|u1", "|O", "<i8", "<U4", "<c16", "<M8[s]", "|S0", "[('a', '<f8')]"])
            head = f"{{'descr': '{kind}', 'fortran_order': {rng.choice(['False', 'True', '1'])}, 'shape': {shape}}}"
            head = change_bytes(rng, head.encode()) if rng.random() < 0.3 else head.encode()
            size = len(head).to_bytes(2, "little")
            body = bytes(rng.choice([0, 80, 1000]))
            members.append((f"{name}.npy", b"\x93NUMPY\x01\x00" + size + head + body))
        return archived(members, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))

    def sound(self, rng):
        """Arrays as NumPy writes them, that make an odd data set."""
        n = rng.choice([0, 1, 2, 10, 30])
        kinds = [
            np.uint8,
            np.int64,
            np.float16,
            np.float32,
            np.longdouble,
            ">f8",
            np.bool_,
            np.complex64,
            "U3",
            "M8[s]",
        ]
        x = np.ones(rng.choice([(n,), (n, 3), (n, 4, 4), (n, 4, 4, 1), (n, 0), (n, 1, 1, 1, 1), ()]))
        classes = [[0, 1], [0, 2_000_000_000], [-5, 3], [2**62, 1], [1e300, -1e300], [np.nan, 1], [0.5, np.inf], [0]]
        y = np.resize(np.array(rng.choice(classes)), rng.choice([n, n, n, n + 1]))
        x = x.astype(rng.choice(kinds))
        arrays = {rng.choice(["x", "x", "x", "x_train"]): x, rng.choice(["y", "y", "y", "y_train", "z"]): y}
        if rng.random() < 0.2:
            arrays |= {"x_test": x, "y_test": y, "x_train": x, "y_train": y}
        members = [(f"{name}.npy", as_npy(array)) for name, array in arrays.items()]
        if rng.random() < 0.2:  # a member that is no array
            members.append((rng.choice(["x", "notes.txt", "other.npy", "x.npy/", "../x.npy"]), b"no array"))
        return archived(members, zipfile.ZIP_STORED)

    def take(self, data):
        TargetEncoder().fit(read_npz(self.path).y)


def as_npy(array):
    """An array as NumPy writes it."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def archived(members, compression):
    """A zip archive of these (name, bytes), without the time at which it was made."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


class Bomb:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("echo unpickled",)


class Pictures(Target):
    """Folders of pictures: PNG, JPEG, GIF, BMP, WEBP and TIFF under any name, with some bytes changed."""

    suffix = ""
    room = 1000  # one that claims all the pixels that a picture may have is decoded

    def valid(self):
        from PIL import Image

        pixels = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
        seeds = []
        kinds = [
            ("PNG", "RGB"),
            ("PNG", "P"),
            ("JPEG", "RGB"),
            ("PNG", "L"),
            ("JPEG", "CMYK"),
            ("PNG", "1"),
            ("PNG", "LA"),
        ]
        kinds += [("GIF", "P"), ("BMP", "RGB"), ("WEBP", "RGBA"), ("TIFF", "RGB"), ("TIFF", "F"), ("PNG", "I;16")]
        for kind, mode in kinds:
            picture = Image.fromarray(pixels)
            picture = Image.fromarray(pixels[..., 0].astype(np.uint16)) if mode == "I;16" else picture.convert(mode)
            file = io.BytesIO()
            more = {"save_all": True, "append_images": [picture] * 3} if kind == "GIF" else {}
            picture.save(file, kind, **more)
            seeds.append(file.getvalue())
        return seeds

    def make(self, rng):
        files, parts = [], []
        for i in range(rng.choice([2, 2, 3, 6])):
            picture = rng.choice(self.seeds)
            if rng.random() < 0.5:
                picture = self.claiming(rng, picture) if rng.random() < 0.3 else change_bytes(rng, picture, self.seeds)
            suffix = rng.choice([".png", ".jpg", ".jpeg", ".PNG", ".gif", ".bmp", ".webp", ".tif", ".txt"])
            files.append([rng.choice(["a", "b"]) if i > 1 else "ab"[i], f"{i}{suffix}", len(picture)])
            parts.append(picture)
        head = {"files": files, "size": rng.choice([None, 6, 6, 6])}
        return text(head).encode() + b"\n" + b"".join(parts)

    def claiming(self, rng, picture):
        """A PNG or BMP that claims to be large."""
        at, order = (16, "big") if picture[:4] == b"\x89PNG" else (18, "little")
        size = rng.choice([0, 1, 5000, 20_000, 2**31 - 1]).to_bytes(4, order) * 2
        picture = picture[:at] + size + picture[at + 8 :]
        if order == "big":
            picture = picture[:29] + zlib.crc32(picture[12:29]).to_bytes(4, "big") + picture[33:]
        return picture

    def put(self, data):
        head, _, rest = data.partition(b"\n")
        shutil.rmtree(self.path, ignore_errors=True)
        self.size, at = None, 0
        try:
            head = json.loads(head)
            for folder, name, size in head["files"]:
                (self.path / folder).mkdir(parents=True, exist_ok=True)
                (self.path / folder / name).write_bytes(rest[at : at + size])
                at += size
            self.size = head["size"]
        except (ValueError, KeyError, TypeError):  # shortened while it was searched for the smallest harmful one
            self.path.mkdir(exist_ok=True)

    def take(self, data):
        read_image_folder(self.path, size=self.size)
