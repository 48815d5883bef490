"""Data: encodings of tables and targets, readers, built-in data sets, the texts' grammars, and array checks.

Importing this loads numpy and nothing heavier; pandas, scikit-learn, Pillow and pooch come on first use.
"""

from netgrad.data.augmentation import augment
from netgrad.data.checks import as_examples, as_labels, as_lengths, same_examples, valid_steps
from netgrad.data.datasets import Dataset, load, load_text, names, read_npz, split
from netgrad.data.encodings import TableEncoder
from netgrad.data.images import ImageFolder, read_image_folder, read_images
from netgrad.data.leaks import leaks
from netgrad.data.pairs import Pairs, Words
from netgrad.data.reber import (
    Mistakes,
    ReberStrings,
    count_mistakes,
    embedded_reber,
    is_reber,
    possible_next,
    reber,
)
from netgrad.data.sequences import Sequences, delayed, pad_sequences, read_sequences
from netgrad.data.tables import read_table, split_target
from netgrad.data.targets import TargetEncoder, infer_task
from netgrad.data.text import Vocabulary, read_text, stream_batches, streams, windows
from netgrad.data.values import MISSING

__all__ = [
    "MISSING",
    "Dataset",
    "ImageFolder",
    "Mistakes",
    "Pairs",
    "ReberStrings",
    "Sequences",
    "TableEncoder",
    "TargetEncoder",
    "Vocabulary",
    "Words",
    "as_examples",
    "as_labels",
    "as_lengths",
    "augment",
    "count_mistakes",
    "delayed",
    "embedded_reber",
    "infer_task",
    "is_reber",
    "leaks",
    "load",
    "load_text",
    "names",
    "pad_sequences",
    "possible_next",
    "read_image_folder",
    "read_images",
    "read_npz",
    "read_sequences",
    "read_table",
    "read_text",
    "reber",
    "same_examples",
    "split",
    "split_target",
    "stream_batches",
    "streams",
    "valid_steps",
    "windows",
]
