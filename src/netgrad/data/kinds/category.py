"""Categories, by their text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from netgrad.data.kinds.base import Kind, register
from netgrad.data.values import text_of

RARE = "(other)"


@register
@dataclasses.dataclass(frozen=True)
class Category(Kind):
    """Categories by their text, as numbers from 0; one that is not known is -1.

    levels: the texts, sorted. rare: whether the last feature stands for all other texts, too rare to be told apart.
    """

    name = "category"
    expected = "a category"
    levels: tuple[str, ...] = ()
    rare: bool = False

    def __post_init__(self):
        object.__setattr__(self, "_codes", {level: float(i) for i, level in enumerate(self.levels)})

    @property
    def example(self) -> Any:
        """The first level."""
        return self.levels[0] if self.levels else ""

    @classmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        return None  # what is no other kind: the encoder looks at how often each text occurs

    def number(self, value: Any) -> float:
        codes: dict[str, float] = self._codes  # type: ignore[attr-defined]
        text = text_of(value)
        if text in codes:
            return codes[text]
        for spelling in spellings(value, text):
            if spelling in codes:
                return codes[spelling]
        return float(len(self.levels)) if self.rare else -1.0

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"={level}" for level in self.levels) + ((f"={RARE}",) if self.rare else ())

    def spread(self, x: np.ndarray) -> np.ndarray:
        return (x[:, None] == np.arange(len(self.levels) + self.rare)).astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        return {"rare": True} if self.rare else {}  # the levels stand beside the kind

    def check(self) -> None:
        if not all(isinstance(level, str) for level in self.levels) or not isinstance(self.rare, bool):
            raise ValueError(f"no categories are {self.levels!s:.60}")


def spellings(value: Any, text: str) -> tuple[str, ...]:
    """Other texts that a value of another type may have been written as: true as TRUE, 7 as 7.0."""
    if isinstance(value, bool):
        return text.upper(), text.lower(), str(int(value))
    if isinstance(value, int | float):
        return (f"{text}.0",)
    if re.fullmatch(r"-?(?:0|[1-9][0-9]*)\.0+", text):
        return (text.split(".")[0],)
    return ()
