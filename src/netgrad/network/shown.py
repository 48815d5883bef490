"""What shows a network stands above the graph, and is found here by name: `summary`, `drawing` put themselves in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_VIEWS: dict[str, Callable[..., Any]] = {}

F = TypeVar("F", bound=Callable[..., Any])


def shows(name: str) -> Callable[[F], F]:
    """Decorator: make this function of a network, and what else it takes, known as a view."""

    def add(function: F) -> F:
        _VIEWS[name] = function
        return function

    return add


def view(name: str, network: Any, *args: Any) -> Any:
    """What the view of this name makes of a network."""
    return _VIEWS[name](network, *args)
