"""A batch: examples as every step of training sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax


class Batch(NamedTuple):
    """Examples, all with N first: inputs x and targets y by name; weights by output and lengths by input, if any."""

    x: dict[str, Any]
    y: dict[str, Any]
    weights: dict[str, Any] = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    lengths: dict[str, Any] = {}  # noqa: RUF012

    @property
    def size(self) -> int:
        """N."""
        return next(iter(self.x.values())).shape[0]

    def take(self, index: Any) -> Batch:
        """These examples only; ``index`` is a slice or an array of numbers."""
        return jax.tree.map(lambda v: v[index], self)
