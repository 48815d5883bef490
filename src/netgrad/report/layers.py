"""One row a layer: its size, and mean and spread of z, a and delta over some examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from netgrad.data.checks import valid_steps
from netgrad.network import Copies, Node, Recomputed
from netgrad.regularizers import is_weight
from netgrad.training.model import Model

EXAMPLES = 1000  # what a trace for a summary looks at, at most: enough for two digits, and quick
QUANTITIES = ("z", "a", "delta")


@dataclass(frozen=True)
class LayerRow:
    """A node of the network, or a layer in a stack with all its copies. shape: of one example's output; values: z, a
    and delta, all numbers of each, where there are any; weights: all of its weights."""

    name: str
    layer: str
    shape: tuple[int, ...]
    parameters: int
    values: dict[str, np.ndarray]
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))

    def spread(self, quantity: str) -> tuple[float, float] | None:
        """Mean and standard deviation, or None where the layer has no such quantity."""
        values = self.values.get(quantity)
        return None if values is None else (float(values.mean()), float(values.std()))

    def cell(self, quantity: str) -> str:
        """Mean ± standard deviation, with as many digits as the latter makes meaningful; empty without a quantity.

        >>> LayerRow("dense_1", "Dense", (1,), 2, {"z": np.array([0.12345, 0.34567])}).cell("z")
        '0.23 ± 0.11'
        """
        spread = self.spread(quantity)
        if spread is None:
            return ""
        mean, deviation = spread
        if not 1e-3 <= deviation < 1e4:
            return f"{mean:.1e} ± {deviation:.1e}" if deviation else f"{mean:.3g} ± 0"
        digits = max(0, 1 - math.floor(math.log10(deviation)))
        return f"{mean:z.{digits}f} ± {deviation:.{digits}f}"


def architecture(model: Model) -> list[LayerRow]:
    """The rows without any examples: sizes only."""
    return list(_rows(model, {}))


def traced(model: Model, x: Any, y: Any, lengths: Any = None) -> list[LayerRow]:
    """The rows with the quantities of the first `EXAMPLES` of these examples, as `Model.trace` records them.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Dense(2, activation="tanh"), ng.Dense(1)])
    >>> rows = traced(ng.untrained(net, np.eye(3), [0.1, 0.2, 0.3]), np.eye(3), [0.1, 0.2, 0.3])
    >>> [(row.name, row.shape, row.parameters) for row in rows]
    [('dense_1', (2,), 8), ('dense_2', (1,), 3)]
    """
    lengths = None if lengths is None else _first(lengths)
    trace = model.trace(_first(x), _first(y), lengths=lengths)
    valid = None
    if lengths is not None and not isinstance(lengths, Mapping):
        valid = valid_steps(lengths, np.shape(x)[1])
    return list(_rows(model, trace, valid))


def _rows(model: Model, trace: Any, valid: np.ndarray | None = None) -> Iterator[LayerRow]:
    network, counted = model.network, set[str]()
    shapes = network.shapes(model.shapes)
    for node in network.nodes:
        count = 0 if node.params in counted else network.count({node.params: model.params.get(node.params, {})})
        counted.add(node.params)
        own, fed = model.effective.get(node.params, {}), network.in_shape(node, shapes)
        yield from _of_node(node, own, count, fed, shapes[node.name], trace, valid)


def _of_node(
    node: Node, params: dict, count: int, in_shape: Any, shape: Any, trace: Any, valid: Any, copies: int = 0
) -> Iterator[LayerRow]:
    """The row of a node; where it is a composite after those of the layers in it, with all their copies."""
    if isinstance(node.layer, Copies | Recomputed):
        inner_copies = copies + isinstance(node.layer, Copies)
        inside, block = node.layer.shapes(in_shape), node.layer.block
        for inner in block.nodes:
            part = replace(inner, name=f"{node.name}/{inner.name}")
            own, fed = params.get(inner.params, {}), block.in_shape(inner, inside)
            size = block.count({inner.params: own}) if count and inner.name == inner.params else 0
            count -= size  # what is counted there is not counted here
            yield from _of_node(part, own, size, fed, inside[inner.name], trace, valid, inner_copies)
        params = {}
    leaves = jax.tree_util.tree_leaves_with_path(params)
    weights = [np.asarray(leaf).ravel() for path, leaf in leaves if is_weight(path)]
    found = trace[node.name].values if node.name in trace else {}
    values = {q: v for q in QUANTITIES if (v := _flat(found.get(q), valid, copies)).size}
    flat = np.concatenate(weights) if weights else np.empty(0)
    yield LayerRow(node.name, type(node.layer).__name__, shape, count, values, flat)


def _first(examples: Any) -> Any:
    if isinstance(examples, Mapping):
        return {name: _first(part) for name, part in examples.items()}
    return examples.iloc[:EXAMPLES] if hasattr(examples, "iloc") else examples[:EXAMPLES]


def _flat(value: Any, valid: np.ndarray | None = None, copies: int = 0) -> np.ndarray:
    """All numbers of an array, or of the parts that a layer keeps by name or by input (an LSTM's gates).

    valid (N, T): the time-steps that count; what stands in the padding of sequences is left out. copies: so many axes
    for the copies of stacks stand before those.
    """
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(value)]
    if valid is not None:
        at: Any = (*[slice(None)] * copies, valid)
        leaves = [
            leaf[at] if leaf.ndim > 2 + copies and leaf.shape[copies : copies + 2] == valid.shape else leaf
            for leaf in leaves
        ]
    parts = [leaf.ravel() for leaf in leaves]
    return np.concatenate(parts) if parts else np.empty(0)
