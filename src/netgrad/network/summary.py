"""What a network will need, before anything is made: shapes, parameters, work and memory of every layer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from netgrad import notebook
from netgrad.errors import shortened
from netgrad.layers.base import Layer
from netgrad.network.building import Node
from netgrad.network.graph import Network
from netgrad.offered import offers
from netgrad.types import Shape

_HEAD = ("layer", "settings", "output", "parameters", "multiply-adds", "connections", "memory")
EXAMPLES_A_WEIGHT = 10  # by the rule of thumb
_LEFT = 3  # columns of text; the others are numbers


@dataclass(frozen=True)
class SummaryRow:
    """One node: its output's shape, parameters (0 where another use of the same layer has them), multiply-adds and
    connections (uses of a weight or bias) of one example, and the memory of its output for one example, in bytes."""

    name: str
    settings: str
    out_shape: Shape
    parameters: int
    operations: int
    connections: int
    memory: int


@dataclass(frozen=True)
class Summary:
    """The table of a network; prints as text, shows as HTML in a notebook."""

    inputs: Mapping[str, Shape]
    rows: tuple[SummaryRow, ...]
    itemsize: int
    examples: int | None = None

    @property
    def note(self) -> str:
        """What the rule of ten examples a weight says of so many; empty where they are enough or not known.

        Source: Pattipati "Backprop Practicalities", N = 10 times the number of weights.
        """
        wanted = EXAMPLES_A_WEIGHT * self.parameters
        if self.examples is None or self.examples >= wanted:
            return ""
        return (
            f"{self.examples:,} examples are fewer than {EXAMPLES_A_WEIGHT} a weight, {wanted:,}: a smaller network, a "
            "penalty or early stopping keeps it from learning them by heart"
        )

    @property
    def parameters(self) -> int:
        """Of all layers together."""
        return sum(row.parameters for row in self.rows)

    @property
    def operations(self) -> int:
        """Multiply-adds of one forward pass of one example."""
        return sum(row.operations for row in self.rows)

    @property
    def connections(self) -> int:
        """Uses of a weight or bias in one forward pass of one example."""
        return sum(row.connections for row in self.rows)

    @property
    def memory(self) -> int:
        """Bytes that the outputs of all layers take for one example; training keeps at least so much."""
        return sum(row.memory for row in self.rows)

    def cells(self) -> list[tuple[str, ...]]:
        """The table as text: head, one row for each input and layer, and the totals."""
        table: list[tuple[str, ...]] = [_HEAD]
        for name, shape in self.inputs.items():
            size = math.prod(shape) * self.itemsize
            table.append((name, "input", show_shape(shape), "", "", "", show_bytes(size)))
        for row in self.rows:
            numbers = (f"{n:,}" for n in (row.parameters, row.operations, row.connections))
            table.append((row.name, row.settings, show_shape(row.out_shape), *numbers, show_bytes(row.memory)))
        numbers = (f"{n:,}" for n in (self.parameters, self.operations, self.connections))
        return [*table, ("total", "", "", *numbers, show_bytes(self.memory))]

    def __str__(self) -> str:
        table = self.cells()
        widths = [max(len(row[i]) for row in table) for i in range(len(_HEAD))]
        lines = []
        for row in table:
            cells = (c.ljust(w) if i < _LEFT else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            lines.append("  ".join(cells).rstrip())
        rule = "-" * max(map(len, lines))
        foot = (
            f"parameters take {show_bytes(self.parameters * self.itemsize)}; work and memory are those of one example"
        )
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1], foot, *filter(None, [self.note])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *body, total = self.cells()
        note = f"<p>{self.note}</p>" if self.note else ""
        return notebook.table(head, body, total, left=_LEFT) + note


@offers("network.summary")
def summarise(network: Network, in_shapes: Shape | Mapping[str, Shape], examples: int | None = None) -> Summary:
    """The summary of a network for inputs of these shapes; nothing is allocated. See `Network.summary`."""
    shapes = network.shapes(in_shapes)
    params = network.param_shapes(in_shapes)
    itemsize = jnp.result_type(float).itemsize
    rows, counted = [], set()
    for node in network.nodes:
        in_shape = network.in_shape(node, shapes)
        own = {} if node.params in counted else {node.params: params.get(node.params, {})}
        counted.add(node.params)
        rows.append(
            SummaryRow(
                node.name,
                describe_layer(node.layer),
                shapes[node.name],
                network.count(own),
                node.layer.operations(in_shape),
                node.layer.connections(in_shape),
                math.prod(shapes[node.name]) * itemsize,
            )
        )
    return Summary({name: shapes[name] for name in network.inputs}, tuple(rows), itemsize, examples)


@offers("network.outline")
def outline(network: Network, most: int = 12) -> str:
    """A network in a few lines: its parts from the first to the last, a network in it as one line.

    >>> import netgrad as ng
    >>> print(outline(ng.Sequential([ng.Residual([ng.Dense(8, activation="tanh")]), ng.Dense(1)], name="small")))
    Sequential small: x -> dense_1
      residual_1  2 layers: Dense, Add
      dense_1     Dense(1)
    """
    parts: dict[str, list[Node]] = {}
    for node in network.nodes:
        parts.setdefault(node.name.split("/")[0], []).append(node)
    rows = []
    for name, nodes in parts.items():
        kinds = list(dict.fromkeys(type(node.layer).__name__ for node in nodes))
        several = f"{len(nodes)} layers: {', '.join(kinds[:4])}{', ...' if len(kinds) > 4 else ''}"
        rows.append((name, describe_layer(nodes[0].layer) if nodes[0].name == name else several))
    if len(rows) > most:
        rows = [*rows[: most - 3], ("...", f"{len(rows) - most + 1} more"), *rows[-2:]]
    width = max(len(name) for name, _ in rows)
    title = f"{type(network).__name__}{f' {network.name}' if network.name else ''}"
    ends = f"{', '.join(network.inputs)} -> {', '.join(network.output_names)}"
    seen = [f"  where {', '.join(view.words for view in network.views)}"] if network.views else []
    lines = [f"{title}: {ends}", *(f"  {n:{width}}  {w}" for n, w in rows), *seen]
    return "\n".join(shortened(line, 120) for line in lines)


@offers("network.table")
def as_html(network: Network) -> str:
    """The layers as a table for notebooks, before the shapes of the inputs are known."""
    out = {node: name for name, node in network.outputs}
    rows = []
    for node in network.nodes:
        name = node.name if node.name == node.params else f"{node.name} (shares {node.params})"
        rows.append((name, describe_layer(node.layer), ", ".join(node.inputs), out.get(node.name, "")))
    return notebook.table(("layer", "settings", "fed by", "output"), rows, left=4)


def describe_layer(layer: Layer) -> str:
    """A layer in a few words: its class and the settings that are not the default, initialisers left out.

    >>> import netgrad as ng
    >>> describe_layer(ng.Conv(6, 5, activation="relu", initializer="he"))
    'Conv(6, 5, activation=relu)'
    """
    shown = []
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.name == "name" or field.name.endswith("initializer") or not field.init:
            continue
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required:
            shown.append(_setting(value))
        elif value != field.default:
            shown.append(f"{field.name}={_setting(value)}")
    return f"{type(layer).__name__}({', '.join(shown)})"


def _setting(value: Any) -> str:
    if isinstance(value, Network):
        return f"{len(value.nodes)} layers"
    name = getattr(value, "registered_name", "")
    return name if name else str(value)


def show_shape(shape: Shape) -> str:
    """A shape as people write it: 28 x 28 x 6."""
    return " x ".join(map(str, shape)) or "1"


def show_bytes(count: float) -> str:
    """A number of bytes with a unit.

    >>> show_bytes(200), show_bytes(13824), show_bytes(3 * 2**30)
    ('200 B', '13.5 KiB', '3.0 GiB')
    """
    if count < 1024:
        return f"{count:.0f} B"
    power = min(int(math.log2(count)) // 10, 3)
    return f"{count / 1024**power:.1f} {('KiB', 'MiB', 'GiB')[power - 1]}"
