"""True and false."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from netgrad.data.kinds.base import Kind, register
from netgrad.data.values import text_of

_PAIRS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("on", "off"))
_TRUTH = {word: float(i == 0) for pair in _PAIRS for i, word in enumerate(pair)} | {"1": 1.0, "0": 0.0}


@register
@dataclasses.dataclass(frozen=True)
class Boolean(Kind):
    """True and false in their spellings: true, t, yes, y, on, 1, in small and large letters."""

    name = "boolean"
    expected = "true or false"
    example = True

    @classmethod
    def decide(cls, texts: Sequence[str], decimal: str = ".") -> Kind | None:
        if len(texts) > 8:
            return None
        words = {text.lower() for text in texts}
        both = any(words == set(pair) for pair in _PAIRS)
        return cls() if both or (len(words) == 1 and words <= {"true", "false", "yes", "no"}) else None

    def number(self, value: Any) -> float:
        if isinstance(value, int | float) and value in (0, 1):
            return float(value)
        if isinstance(value, datetime.date | datetime.time) or (word := text_of(value).lower()) not in _TRUTH:
            raise ValueError
        return _TRUTH[word]

    def check(self) -> None:
        """There is nothing to check."""
