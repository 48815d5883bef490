"""Where a layer stands that a finding is about: a node of the network, or one in a copy of a stack's block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax

from netgrad.layers.base import Layer
from netgrad.network import Composite, Copies, Ensemble, Recomputed
from netgrad.regularizers import is_weight


class Place(NamedTuple):
    """Where a layer stands. name: the node's, or "stack_1/dense_1[7]" of a copy in a stack or an ensemble; weighted: it
    has weights; end: it makes an output; copy: its numbers; beside: it stands in an ensemble, not in its first copy."""

    name: str
    layer: Layer
    weighted: bool
    end: bool
    copy: tuple[int, ...] = ()
    beside: bool = False

    @property
    def path(self) -> str:
        """The name without the copy."""
        return self.name.rpartition("[")[0] if self.copy else self.name


def copies(
    name: str, around: Composite, params: dict, end: bool, copy: tuple[int, ...] = (), beside: bool = False
) -> Iterator[Place]:
    """The layers of every copy: of a stack one after the other, of an ensemble side by side; or of the only block."""
    last, parallel = around.block.outputs[0][1], isinstance(around, Ensemble)
    n = around.n if isinstance(around, Copies) else 1
    for i in range(n):
        at, aside = (*copy, i) if isinstance(around, Copies) else copy, beside or (parallel and i > 0)
        for node in around.block.nodes:
            own, ends = params.get(node.params, {}), end and node.name == last and (parallel or i == n - 1)
            if isinstance(node.layer, Copies | Recomputed):
                yield from copies(f"{name}/{node.name}", node.layer, own, ends, at, aside)
                continue
            number = f"[{', '.join(map(str, at))}]" if at else ""
            weighted = any(is_weight(path) for path, _ in jax.tree_util.tree_leaves_with_path(own))
            yield Place(f"{name}/{node.name}{number}", node.layer, weighted, ends, at, aside)
