"""What is made of each column of a training table: its kind, or why it is left out; every decision can be said."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netgrad.data.kinds import COMPACT, Category, Date, Kind, Number, UnreadableError, decide, decide_texts
from netgrad.data.values import EPOCH, Rows, holds, missing, text_of
from netgrad.errors import DataError

FEW = 20  # rows, up to which nothing is taken for a name of the row
LOOKED_AT = 1000  # different texts, of those asked whether they can be read in two ways
NUMBERS = "numbers the rows"
NAMELY = 0.8  # of the rows have a text of their own, from where on a column of texts names them
SEVERAL = 10  # different numbers at least in a column that is of numbers but for a few words
STRAYS = 3  # of those, different ones that are taken for missing whatever they look like
AMONG_NUMBERS = 0.25  # of the rows, up to which many words among numbers are taken for missing
_NAME_OF_ROW = re.compile(r"(?:.*[\s_.-])?(?:id|ids|uuid|guid|index|rowid|row|nr|no|#)|unnamed: ?0", re.IGNORECASE)
_ROW_NAMES = re.compile(r"row[\s_.-]?(?:names?|labels?|num(?:ber)?s?)|unnamed: ?0", re.IGNORECASE)  # as R writes them
_OF_IDS = re.compile(r"(?:.*[\s_.-])?(?:id|ids|uuid|guid)", re.IGNORECASE)
_NAMELY_ID = re.compile(r".*[a-z]I[dD]")
_WHOLE, _HAS_DIGIT = re.compile(r"[0-9]+").fullmatch, re.compile(r"[0-9]").search
_NUMERIC_LOOK = re.compile(r"[-+(\u2212]?\s*(?:[$€£¥₹]\s*)?[0-9.]*[0-9]")


@dataclass(frozen=True)
class Decision:
    """The kind of a column, None where it is left out; what is to be said about that; words that are missing in it."""

    kind: Kind | None
    note: str = ""
    missing: tuple[str, ...] = ()


def decide_column(
    name: str,
    values: np.ndarray,
    *,
    as_category: bool = False,
    as_number: bool = False,
    of_texts: bool = False,
    keep: bool = False,
    max_categories: int = 100,
    decimal: str = ".",
    words: Collection[str] = (),
    rows: Rows | None = None,
) -> Decision:
    """What is made of a column's values (`values.plain`); words: what means missing where it is no category.

    as_category, as_number: the user has said so; of_texts: it is a category by its type. keep: a column of
    numbers that only names the rows is kept. decimal: the mark of numbers that leave it open. rows: how an error names
    a row.

    >>> from netgrad.data.values import plain
    >>> decide_column("price", plain(["$3.50", "$4"])).kind
    Number(decimal='.', unit='$')
    >>> decide_column("note", plain([f"the {i}th of many words here" for i in range(50)])).note
    "column 'note' holds free text: left out"
    """
    present = values[~missing(values)]
    if not len(present):
        return Decision(None, f"column {name!r} has no values at all: left out")
    if as_category:
        return Decision(_levels(present))
    if (
        not (as_number or keep)
        and _ROW_NAMES.fullmatch(name)
        and len(set(map(text_of, present.tolist()))) == len(values)
    ):
        return Decision(None, f"column {name!r} names each row: left out")
    of_texts = of_texts and not as_number  # what the user says goes before a type
    kind = None if of_texts else decide(values, decimal)
    if isinstance(kind, Date) and (as_number or keep) and kind == Date(COMPACT):
        kind = Number()
    strays: tuple[str, ...] = ()
    absent = {value for value in present.tolist() if isinstance(value, str) and value in words}
    if kind is None and absent and not of_texts:
        kind = decide(np.array([v for v in present.tolist() if v not in absent], object), decimal)
    if kind is None and not of_texts:
        kind, strays = _but_for_strays(name, values, present, decimal, as_number, keep, rows)
    if as_number and not isinstance(kind, Number):
        row = int(np.argmin(missing(values)))
        raise DataError(f"{holds(name, values, row, rows)}: expected numbers, as it was told")
    if kind is None:
        return _of_texts(name, present, max_categories)
    note = _read_as(name, kind, present)
    if strays:
        shown = ", ".join(map(repr, strays[:5])) + (f" and {len(strays) - 5} more words" if len(strays) > 5 else "")
        rows_of = sum(text_of(value) in strays for value in present.tolist()) if len(strays) > STRAYS else 0
        where = f" in {rows_of} of {len(values)} rows" if rows_of else ""
        note = f"column {name!r} holds {shown} among numbers{where}: taken for missing"
    if isinstance(kind, Number) and not (as_number or keep or strays) and (why := _names_rows(name, values, kind)):
        return Decision(None, why)
    return Decision(kind, note, (*strays, *sorted(absent)))


def by_the_others(decided: Mapping[str, Decision], values: Mapping[str, np.ndarray]) -> dict[str, Decision]:
    """The decisions, with 1.234 read as 1234 where other columns leave no doubt that the decimal mark is a comma."""
    marks, open_ones = set(), []
    for name, decision in decided.items():
        if isinstance(decision.kind, Number) and values[name].dtype == object:
            texts = [text for text in dict.fromkeys(values[name].tolist()) if isinstance(text, str)]
            if Number.open_to_both(texts):
                continue
            if decision.kind == Number() and Number.by_thousands(texts):
                open_ones.append((name, texts[0]))
            elif any("," in text or "." in text for text in texts):
                marks.add(decision.kind.decimal)
    found = dict(decided)
    for name, text in open_ones if marks == {","} else ():
        kind = Number(",")
        shown = f"{text!r} as {kind.number(text):.10g}"
        note = f"column {name!r} is read with a point for thousands ({shown}), as other columns have decimal commas"
        found[name] = Decision(kind, note, decided[name].missing)
    return found


def but_for_ranks(decided: Mapping[str, Decision], values: Mapping[str, np.ndarray]) -> dict[str, Decision]:
    """The decisions, with columns kept that each have another order of the numbers from 1 to the rows': ranks.

    One such column alone is a number of the row, in a table that was shuffled.
    """
    numbered = [name for name, decision in decided.items() if NUMBERS in decision.note]
    ranks = []
    for name in numbered:
        x = Number().convert(values[name])
        if not (np.diff(x) > 0).all() and not _NAME_OF_ROW.fullmatch(name):
            ranks.append(name)
    return {**decided, **{name: Decision(Number()) for name in ranks}} if len(ranks) > 1 else dict(decided)


def _levels(present: np.ndarray, only: Sequence[str] | None = None) -> Category:
    found = only if only is not None else {text_of(value) for value in present.tolist()}
    return Category(tuple(sorted(found)), rare=only is not None)


def _but_for_strays(
    name: str, values: np.ndarray, present: np.ndarray, decimal: str, as_number: bool, strict: bool, rows: Rows | None
) -> tuple[Kind | None, tuple[str, ...]]:
    """The kind of most texts, and the words among them that stand for nothing; strict: an error where these are many.

    Many words are missing, too, where they stand in few rows; not beside whole numbers where they hold digits
    themselves: 207, 207a and 5297/23 are names.
    """
    counts = Counter(text_of(value) for value in present.tolist())
    strays = [text for text in counts if not isinstance(decide_texts([text], decimal), Number)]
    numbers = len(counts) - len(strays)
    odd = set(strays)
    readable = [text for text in counts if text not in odd]
    kind = decide_texts(readable, decimal) if numbers else None
    if not as_number and (kind is None or numbers < max(2 if strict else SEVERAL, len(strays))):
        return None, ()
    if kind is not None and (as_number or (len(strays) <= max(STRAYS, numbers // 100) and not strict)):
        return kind, tuple(strays)
    if strict:
        row = next(i for i, value in enumerate(values.tolist()) if value is not None and text_of(value) in odd)
        raise DataError(
            f"{holds(name, values, row, rows)}: expected a number as in most other rows (correct it; "
            "missing_values=WORDS says what means missing, categorical=COLUMNS what is a category)"
        )
    named = all(map(_WHOLE, readable)) and any(map(_HAS_DIGIT, strays))
    few = sum(counts[text] for text in strays) <= AMONG_NUMBERS * len(present)
    return (kind, tuple(strays)) if few and not named else (None, ())


def _of_texts(name: str, present: np.ndarray, max_categories: int) -> Decision:
    """A category, its rare levels grouped where there are many; or nothing to learn from."""
    counts = Counter(text_of(value) for value in present.tolist())
    odd, looked = "", list(counts)[:LOOKED_AT]
    like = [text for text in looked if _NUMERIC_LOOK.match(text)]
    words = [text for text in looked if 2 * len(like) >= len(looked) and not isinstance(decide_texts([text]), Number)]
    if words and 2 * len(words) <= len(looked):
        odd = f" ({words[0]!r} stands among numbers)"
    elif words and len(like) >= 0.9 * len(looked):
        odd = f" ({words[0]!r} is in no form of number, date or time that is known)"
    alone = len(counts) > NAMELY * len(present) and len(present) > FEW
    if len(counts) <= max_categories and not alone:
        note = f"column {name!r} is taken for {len(counts)} categories{odd}" if odd else ""
        return Decision(_levels(present), note)
    if np.mean([len(text.split()) for text in counts]) >= 5:
        return Decision(None, f"column {name!r} holds free text: left out")
    if 2 * len(counts) > len(present):
        what = f"holds {len(counts)} different texts in {len(present)} rows, as names of them do{odd}"
        return Decision(None, f"column {name!r} {what}: left out")
    common = [text for text, count in counts.most_common(max_categories) if count > 1]
    return Decision(
        _levels(present, common),
        f"column {name!r} holds {len(counts):,} categories{odd}: all but the {len(common)} most frequent are one",
    )


def _names_rows(name: str, values: np.ndarray, kind: Number) -> str:
    """Why a column of numbers is no more than a name for each row, if it is."""
    if len(values) <= FEW:
        return ""
    try:
        x = kind.convert(values)
    except UnreadableError:
        return ""
    if np.isnan(x).any() or (x != np.floor(x)).any():
        return ""
    if (different := len(np.unique(x))) < len(x):
        if 2 * different > len(x) and (_OF_IDS.fullmatch(name) or _NAMELY_ID.fullmatch(name)):
            return (
                f"column {name!r} holds {different} different numbers in {len(x)} rows, as names of them do: left out"
            )
        return ""
    if x.min() in (0, 1) and np.ptp(x) == len(x) - 1:
        return f"column {name!r} {NUMBERS}: left out"
    if _NAME_OF_ROW.fullmatch(name) or _NAMELY_ID.fullmatch(name):
        return f"column {name!r} names each row: left out"
    return ""


def names_rows(why: str) -> bool:
    """Whether a column was left out because it names or numbers the rows; why: the note about it.

    >>> names_rows(Decision(None, "column 'no' numbers the rows: left out").note)
    True
    """
    return any(words in why for words in ("names each row", "numbers the rows", "as names of them do"))


def _read_as(name: str, kind: Kind, present: np.ndarray) -> str:
    """What to say about a column of texts that is read otherwise than one might think."""
    if kind == Date(COMPACT):
        day = datetime.date.fromordinal(int(kind.number(first := present.tolist()[0])) + EPOCH)
        return f"column {name!r} is read as dates ({text_of(first)} as {day})"
    texts = [t for t in list(dict.fromkeys(present.tolist()))[:LOOKED_AT] if isinstance(t, str)]
    if not texts:
        return ""
    if isinstance(kind, Number) and (kind != Number() or "," in "".join(texts)):
        shown = f"{texts[0]!r} as {kind.number(texts[0]):.10g}"
        if Number.open_to_both(texts):
            mark = "thousands" if kind.decimal == "." else "decimals"
            return f"column {name!r} is read with a comma for {mark} ({shown}), as none of its numbers tells"
        return f"column {name!r} is read as numbers ({shown})"
    if isinstance(kind, Date) and Date.open_to_both(texts):
        first = "day" if kind.order == "dmy" else "month"
        return f"column {name!r} is read as dates with the {first} first ({texts[0]!r}), as none of them tells"
    return ""
