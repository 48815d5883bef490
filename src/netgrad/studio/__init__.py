"""The studio: watch a network learn and look inside it, in the browser; `netgrad studio` and `netgrad.studio` open it.

A page (`static`, made from ``studio-web``) talks to a small server (`app`) that holds one training (`session`), which
runs in a process of its own (`worker`). What is trained is a `Design` on `Examples`; `Trainer` trains it, and `frames`
says what of it is seen. The package can be called: ``netgrad.studio(net, x, y)`` is `netgrad.studio.opening.studio`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from netgrad.studio.design import Design
from netgrad.studio.examples import Examples
from netgrad.studio.trainer import Trainer

__all__ = ["Design", "Examples", "Trainer"]


class _Callable(ModuleType):
    """A package that can be called, since it has the name of the function that its users look for."""

    def __call__(self, *given: Any, **asked: Any) -> Any:
        from netgrad.studio.opening import studio

        return studio(*given, **asked)


sys.modules[__name__].__class__ = _Callable
