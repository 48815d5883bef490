"""A batch: examples as every step of training sees them, and as they are split into those trained on and held out."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from netgrad.errors import DataError, NetgradError
from netgrad.types import Named


class Batch(NamedTuple):
    """Examples, all with N first: inputs x and targets y by name; weights by output and lengths by input, if any."""

    x: Named
    y: Named
    weights: Named = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    lengths: Named = {}  # noqa: RUF012

    @property
    def size(self) -> int:
        """N."""
        n: int = next(iter(self.x.values())).shape[0]
        return n

    def take(self, index: Any) -> Batch:
        """These examples only; ``index`` is a slice or an array of numbers."""
        taken: Batch = jax.tree.map(lambda v: v[index], self)
        return taken


def split(data: Batch, share: float, seed: int) -> tuple[Batch, Batch]:
    """Training and validation examples, drawn at random; ``share`` of them, at least one, for validation."""
    if not 0 < share < 1:
        raise NetgradError(f"validation must be a share between 0 and 1 or a pair (x, y), found {share}")
    n = data.size
    held = max(1, round(n * share))
    if held >= n:
        many = f"{n} examples are" if n > 1 else "one example is"
        raise DataError(f"{many} too few to hold {share:g} of them out for validation")
    order = np.random.default_rng(seed).permutation(n)
    return data.take(np.sort(order[held:])), data.take(np.sort(order[:held]))
