"""Numbers as the page gets them: of five digits, and as JSON knows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def number(value: Any) -> float | None:
    """A number of five digits, None where it is not finite or missing: JSON knows no other."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.5g}")


def numbers(values: Any) -> list[Any]:
    """An array as nested lists of `number`s."""
    array = np.asarray(values)
    return [number(v) for v in array.tolist()] if array.ndim == 1 else [numbers(row) for row in array]
