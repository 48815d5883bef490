"""What an experiment is: a small program that computes what a text prints, and sets both side by side."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netgrad.errors import unknown_name


@dataclass(frozen=True)
class Row:
    """One line of the text-against-here table; ``ok`` is None where the text gives no value to hold it against."""

    quantity: str
    text: str
    here: str
    ok: bool | None


@dataclass
class Result:
    """What an experiment found: rows, figures by name (matplotlib), and what must be said about them."""

    rows: list[Row] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def close(self, quantity: str, text: Any, here: Any, atol: float) -> None:
        """A number, or an array of numbers, that must lie within ``atol`` of the printed one."""
        wanted, found = np.asarray(text, float), np.asarray(here, float)
        ok = wanted.shape == found.shape and bool(np.all(np.abs(wanted - found) <= atol))
        self.rows.append(Row(quantity, show(text), show(here, like=atol), ok))

    def holds(self, quantity: str, text: Any, here: Any, ok: bool) -> None:
        """Anything whose agreement ``ok`` the experiment decides itself (a range, an order, a share)."""
        self.rows.append(Row(quantity, show(text), show(here), bool(ok)))

    def most(self, quantity: str, text: Any, values: Any, good: Any, share: float = 0.75) -> None:
        """A value of every start, of which this share must be ``good``: neither a lucky nor an unlucky draw decides.

        Shown as how many of how many, with the median and the ends of the values.
        """
        values, good = np.asarray(values, float), np.asarray(good, bool)
        spread = f"median {np.median(values):.4g}, {values.min():.4g} to {values.max():.4g}"
        self.holds(quantity, text, f"{good.sum()} of {good.size} ({spread})", good.sum() >= share * good.size)

    def tell(self, quantity: str, here: Any) -> None:
        """A measured value that the text has no counterpart for."""
        self.rows.append(Row(quantity, "", show(here), None))

    @property
    def ok(self) -> bool:
        """Whether every value that the text prints came out."""
        return all(row.ok is not False for row in self.rows)


def slow() -> bool:
    """Whether the longest experiments run at the text's full length (NETGRAD_SLOW=1) or shortened to a verdict."""
    return os.environ.get("NETGRAD_SLOW", "") not in ("", "0")


@dataclass(frozen=True)
class Experiment:
    """A named experiment. ``run(seed)`` does the work; ``needs`` names data sets (`netgrad.data.datasets`) that must
    be at hand; ``seconds`` is roughly how long it takes on two cores, shortened where it is one of the longest."""

    name: str
    title: str
    source: str
    run: Callable[[int], Result]
    needs: tuple[str, ...] = ()
    seconds: float = 5


EXPERIMENTS: dict[str, Experiment] = {}


def experiment(name: str, title: str, source: str, needs: tuple[str, ...] = (), seconds: float = 5) -> Callable:
    """Decorator of a function ``(seed) -> Result``: list it under this name."""

    def add(run: Callable[[int], Result]) -> Callable[[int], Result]:
        EXPERIMENTS[name] = Experiment(name, title, source, run, needs, seconds)
        return run

    return add


def find(name: str) -> Experiment:
    """The experiment of this name, or an error with the nearest name."""
    if name not in EXPERIMENTS:
        raise unknown_name("experiment", name, EXPERIMENTS)
    return EXPERIMENTS[name]


def show(value: Any, like: float | None = None) -> str:
    """A value as a table cell; numbers with as many digits as the tolerance ``like`` makes meaningful."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    array = np.asarray(value)
    if array.ndim:
        parts = [show(v, like) for v in array.ravel()[:8]]
        return "[" + ", ".join(parts) + (", ..." if array.size > 8 else "") + "]"
    number = float(array)
    if number == int(number) and abs(number) < 1e9 and (like is None or array.dtype.kind in "iu"):
        return str(int(number))
    if like:
        return f"{number:.{max(0, min(10, 1 - math.floor(math.log10(like))))}f}"
    return f"{number:.6g}"
