"""The kinds of input, and how many of each are made."""

from .server import Asgi, CsvRequests, Requests, Streams
from .targets import Csv, Gzip, ModelBytes, ModelDescription, ModelHeader, Npz, Parquet, Picture, Tsv

# How many of 100,000 inputs each target gets: those most that cost least and are met most by strangers.
SHARES = {
    Requests: 25_000,
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
    Streams: 5_000,
}
