"""The kinds of input: each a class that makes almost valid ones, and does with one what a user would.

A target is made in a folder of its own. ``make(rng)`` gives the bytes of an input, ``take(data)`` uses them; what it
needs on disk is put there by ``put(data)`` before anything is watched. The bytes alone say what is done with them, so
an input that did harm can be taken again.
"""

from .data import Csv, Gzip, Npz, Parquet, ParquetTypes, Pictures, Tsv
from .models import ModelBytes, ModelDescription, ModelHeader, TensorTypes
from .onnx import OnnxBytes, OnnxLies
from .serving import Asgi, CsvRequests, Requests, Streams

# How many of 200,000 inputs each kind gets: those most that cost least and are met most by strangers.
SHARES = {
    Requests: 34_000,
    ModelBytes: 20_000,
    ModelHeader: 12_000,
    ModelDescription: 12_000,
    TensorTypes: 10_000,
    OnnxBytes: 12_000,
    OnnxLies: 14_000,
    Csv: 14_000,
    Tsv: 4_000,
    Gzip: 8_000,
    Parquet: 10_000,
    ParquetTypes: 6_000,
    Npz: 12_000,
    Pictures: 8_000,
    CsvRequests: 8_000,
    Asgi: 6_000,
    Streams: 10_000,
}
