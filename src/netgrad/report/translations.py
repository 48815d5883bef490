"""The report of a model that translates: what it writes beside the truth, and what it looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from netgrad.report.attention import maps
from netgrad.report.section import Section
from netgrad.training.model import Model

SHOWN = 12  # of the mistakes and of the texts that came out right


def sections(
    model: Model, pairs: Any, sources: Sequence[str], truth: Sequence[str], written: Sequence[str]
) -> Iterator[Section]:
    """Mistakes, worst first, some that are right, and the maps of attention of one text.

    pairs: the vocabularies, `netgrad.data.Pairs`; sources, truth and written: texts, their translations, and the
    model's.
    """
    likeness = np.array([alike(own, other) for own, other in zip(written, truth, strict=True)])
    wrong = np.flatnonzero([own != other for own, other in zip(written, truth, strict=True)])
    order = wrong[np.argsort(likeness[wrong], kind="stable")]
    text = f"{len(wrong):,} of {len(truth):,} texts are not as they should be as a whole, "
    text += f"{likeness[wrong].mean():.0%} like it on average; the worst." if len(wrong) else "that is none."
    header = ["source", "true", "written", "alike"]
    rows = [[sources[i], truth[i], written[i], f"{likeness[i]:.0%}"] for i in order[:SHOWN]]
    yield Section("Mistakes", text, header=header if rows else [], rows=rows, wraps=True)
    right = [i for i in range(len(truth)) if written[i] == truth[i]]
    if right:
        rows = [[sources[i], written[i]] for i in right[:SHOWN]]
        yield Section("Some that are right", header=["source", "written"], rows=rows, wraps=True)
    i = right[0] if right else 0
    x, y, lengths = pairs.encoded([sources[i]], [truth[i]])
    labels = {"source": symbols(pairs.source, x["source"][0]), "target": ["begin", *symbols(pairs.target, y[0, :-1])]}
    yield from maps(model, x, y, lengths, labels)


def alike(one: str, other: str) -> float:
    """How much of two texts is the same, from 0 to 1, symbols in their order.

    >>> alike("3 5 5", "3 5 5"), alike("ab", "cd")
    (1.0, 0.0)
    """
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def symbols(vocabulary: Any, ids: Any) -> list[str]:
    """The symbols of these integers, one by one."""
    return [vocabulary.decode([i]) for i in ids]
