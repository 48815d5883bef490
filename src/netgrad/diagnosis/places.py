"""Where a layer stands that a finding is about: a node of the network, or one in a copy of a stack's block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax

from netgrad.layers.base import Layer
from netgrad.network import Stack
from netgrad.regularizers import is_weight


class Place(NamedTuple):
    """Where a layer stands. name: the node's, or "stack_1/dense_1[7]" of a copy in a stack; weighted: it has weights;
    end: it makes an output; copy: its numbers."""

    name: str
    layer: Layer
    weighted: bool
    end: bool
    copy: tuple[int, ...] = ()

    @property
    def path(self) -> str:
        """The name without the copy."""
        return self.name.rpartition("[")[0] if self.copy else self.name


def copies(name: str, stack: Stack, params: dict, end: bool, copy: tuple[int, ...] = ()) -> Iterator[Place]:
    """The layers of every copy."""
    last = stack.block.outputs[0][1]
    for i in range(stack.n):
        at = (*copy, i)
        for node in stack.block.nodes:
            own, ends = params.get(node.params, {}), end and node.name == last and i == stack.n - 1
            if isinstance(node.layer, Stack):
                yield from copies(f"{name}/{node.name}", node.layer, own, ends, at)
                continue
            weighted = any(is_weight(path) for path, _ in jax.tree_util.tree_leaves_with_path(own))
            yield Place(f"{name}/{node.name}[{', '.join(map(str, at))}]", node.layer, weighted, ends, at)
