"""The list of all estimators, from which the tests that every one of them must pass are made."""

from __future__ import annotations

from typing import TypeVar

ESTIMATORS: list[type] = []

T = TypeVar("T", bound=type)


def estimator(cls: T) -> T:
    """Class decorator: put an estimator on the list."""
    ESTIMATORS.append(cls)
    return cls
