"""What a page of the report is made of: sections, and numbers as they stand in its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netgrad.report import figures


@dataclass
class Section:
    """A heading, an explanation, and a figure (SVG), a passage of text as it stands, a table (header and rows)."""

    title: str
    text: str = ""
    figure: str = ""
    passage: str = ""
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    wraps: bool = False  # the table's cells hold sentences


def confusion_shown(counts: np.ndarray, classes: Sequence[Any]) -> Section:
    """The counts of `figures.confusion` as a section."""
    right, all_ = int(np.trace(counts)), int(counts.sum())
    alt = f"Confusion matrix of {len(classes)} classes: {right} of {all_} examples on the diagonal"
    return Section(
        "Confusion matrix",
        "Rows are the true classes, columns the predicted ones; shading is the share of the row.",
        figures.svg(figures.confusion_matrix(counts, classes), alt, "confusion"),
    )


def number(value: float) -> str:
    """A number in a cell, without exponents where it is of ordinary size.

    >>> number(152804.7), number(0.98312), number(1.2e-7)
    ('152,805', '0.9831', '1.2e-07')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
