"""How many maps and units the layers of a network have that is made larger or smaller as a whole."""

from __future__ import annotations

from collections.abc import Callable

from netgrad.errors import NetgradError


def widths(size: float, classes: int) -> Callable[..., int]:
    """A function from the published number of maps or units to that of a network ``size`` times as wide, at least 1.

    ``multiple``: what the number must be divided by, such as groups. classes: checked, and nothing else.

    >>> wide = widths(0.25, classes=10)
    >>> wide(64), wide(3), wide(6, multiple=2)
    (16, 1, 2)
    """
    number = isinstance(size, int | float) and not isinstance(size, bool)
    if not number or not 0 < size < float("inf"):
        raise NetgradError(
            f"size multiplies the maps and units of every layer: expected a number over 0, found {size!r}"
        )
    if not isinstance(classes, int) or isinstance(classes, bool) or classes < 1:
        raise NetgradError(f"classes must be a whole number of at least 1, found {classes!r}")

    def wide(published: int, multiple: int = 1) -> int:
        return multiple * max(1, round(size * published / multiple))

    return wide
