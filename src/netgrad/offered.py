"""What stands above and is asked for from below is found here by name: whoever offers it puts it in.

So nothing is imported upwards: `summary` and `drawing` offer themselves to networks, `netgrad.doors` what training asks
of diagnosis and uncertainty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_OFFERED: dict[str, Callable[..., Any]] = {}

F = TypeVar("F", bound=Callable[..., Any])


def offers(name: str) -> Callable[[F], F]:
    """Decorator: make this function known to those below.

    >>> @offers("double")
    ... def double(x):
    ...     return 2 * x
    >>> offered("double")(3)
    6
    """

    def add(function: F) -> F:
        _OFFERED[name] = function
        return function

    return add


def offered(name: str) -> Callable[..., Any]:
    """The function that was put in under this name."""
    return _OFFERED[name]
