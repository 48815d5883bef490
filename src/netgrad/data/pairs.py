"""Pairs of sequences, a source and its target, as encoders and decoders learn from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from netgrad.data.sequences import pad_sequences
from netgrad.data.text import Vocabulary
from netgrad.errors import DataError, FileError


class Words:
    """The words that a model knows, each with its integer; a text is words with blanks between them.

    >>> words = Words(["two and two", "four"])
    >>> words.encode("two four"), words.decode([1, 0])
    (array([2, 1], dtype=int32), 'four and')
    """

    def __init__(self, texts: Iterable[str]):
        self.symbols = tuple(sorted({word for text in texts for word in text.split()}))
        if not self.symbols:
            raise DataError("a vocabulary of no words: expected texts with at least one")
        self._ids = {word: i for i, word in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> np.ndarray:
        """The integers (words,), int32, of the text's words."""
        words = text.split()
        if unknown := [word for word in words if word not in self._ids]:
            raise DataError(f"the word {unknown[0]!r} is not one of the {len(self)} that the model knows")
        return np.array([self._ids[word] for word in words], np.int32)

    def decode(self, ids: Any) -> str:
        """The text of the integers (T,)."""
        return " ".join(self.symbols[i] for i in np.asarray(ids))

    def to_config(self) -> dict[str, Any]:
        """The words as plain JSON values."""
        return {"words": list(self.symbols)}


class Pairs:
    """Sources and targets as a network with a "source" and a "target" learns from them (teacher forcing).

    sources, targets: texts, as many of these as of those. words: their symbols are words between blanks instead of
    characters; a pair of such for sources and targets; None: as `in_words` says of each.

    Has, for `netgrad.fit(net, pairs.x, pairs.y, lengths=pairs.lengths)`:

    - x: {"source": (N, S), "target": (N, T)}: what stood before each symbol of the target, ``boundary`` before the
      first
    - y: (N, T), the symbols of the target, and ``boundary`` after the last
    - lengths: of both, {"source": (N,), "target": (N,)}
    - source, target: the vocabularies; boundary: the integer that stands for the beginning and the end of a target;
      classes: how many outputs the network has, all of the target's symbols and the boundary

    >>> pairs = Pairs(["3+4", "1+1"], ["seven", "two"])
    >>> pairs.x["target"], pairs.y, pairs.classes
    (array([[7, 3, 0, 5, 0, 1],
           [7, 4, 6, 2, 0, 0]], dtype=int32), array([[3, 0, 5, 0, 1, 7],
           [4, 6, 2, 7, 0, 0]], dtype=int32), 8)
    >>> pairs.lengths["target"]
    array([6, 4], dtype=int32)
    """

    def __init__(
        self, sources: Sequence[str], targets: Sequence[str], *, words: bool | tuple[bool, bool] | None = False
    ):
        texts = sources, targets
        by_words = words if isinstance(words, tuple) else (words, words)
        told = [in_words(own) if which is None else which for which, own in zip(by_words, texts, strict=True)]
        self.source, self.target = (
            Words(own) if which else _characters(own) for which, own in zip(told, texts, strict=True)
        )
        self.x, self.y, self.lengths = self.encoded(sources, targets)

    @property
    def boundary(self) -> int:
        """The integer of the beginning and the end."""
        return len(self.target)

    @property
    def classes(self) -> int:
        """How many outputs the network has."""
        return len(self.target) + 1

    def encoded(self, sources: Sequence[str], targets: Sequence[str]) -> tuple[dict, np.ndarray, dict]:
        """x, y and lengths of other pairs, by the same vocabularies."""
        if len(sources) != len(targets):
            raise DataError(f"{len(sources)} sources and {len(targets)} targets: expected a target for each source")
        source, of_source = self.encoded_sources(sources)
        ids, end = [self.target.encode(text) for text in targets], [self.boundary]
        late, of_target = pad_sequences([np.concatenate([end, own]) for own in ids])
        y, _ = pad_sequences([np.concatenate([own, end]) for own in ids])
        x = {"source": source, "target": late.astype(np.int32)}
        return x, y.astype(np.int32), {"source": of_source, "target": of_target}

    def encoded_sources(self, sources: Sequence[str], least: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Sources (N, S) and their lengths, padded to ``least`` steps at least."""
        ids = [self.source.encode(text) for text in sources]
        if empty := [i for i, own in enumerate(ids) if not len(own)]:
            raise DataError(f"source {empty[0]} is empty: expected at least one symbol")
        padded, lengths = pad_sequences(ids)
        more = max(0, least - padded.shape[1])
        return np.pad(padded, ((0, 0), (0, more))).astype(np.int32), lengths

    def known_part(self, sources: Sequence[str]) -> tuple[list[str], list[str]]:
        """Sources without the symbols that the model does not know, and these symbols, each once.

        >>> Pairs(["one two"], ["12"], words=(True, False)).known_part(["two three one", "four"])
        (['two one', ''], ['three', 'four'])
        """
        if isinstance(self.source, Words):
            split, joined = [text.split() for text in sources], " "
        else:
            split, joined = [list(text) for text in sources], ""
        known = set(self.source.symbols)
        unknown = dict.fromkeys(symbol for own in split for symbol in own if symbol not in known)
        return [joined.join(symbol for symbol in own if symbol in known) for own in split], list(unknown)

    def to_config(self) -> dict[str, Any]:
        """The vocabularies as plain JSON values, for a model's ``card["pairs"]``."""
        return {"source": self.source.to_config(), "target": self.target.to_config()}

    @classmethod
    def from_config(cls, config: Any) -> Pairs:
        """Pairs of these vocabularies without any sequences; raises `FileError` for what `to_config` did not make."""
        pairs = object.__new__(cls)
        try:
            pairs.source, pairs.target = (_vocabulary(config[name]) for name in ("source", "target"))
        except (KeyError, TypeError, AttributeError):
            raise FileError("this is not the description of Pairs: it has no vocabularies") from None
        return pairs


def in_words(texts: Sequence[str]) -> bool:
    """Whether texts are best taken word by word: most have blanks, and words come again, three times on average.

    >>> in_words(["one two two", "two one", "one one"]), in_words(["one two"]), in_words(["12", "21", "11"])
    (True, False, False)
    """
    words = [text.split() for text in texts]
    every = [word for own in words for word in own]
    with_blanks = sum(len(own) > 1 for own in words)
    return 2 * with_blanks > len(words) and len(every) >= 3 * len(set(every))


def _characters(texts: Iterable[str]) -> Vocabulary:
    return Vocabulary("".join(texts))


def _vocabulary(config: dict[str, Any]) -> Any:
    return Words(config["words"]) if "words" in config else Vocabulary.from_config(config)
