"""A design as Python code and as a command line, to copy."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.network import Network
from netgrad.registry import KINDS
from netgrad.studio.examples import Examples

if TYPE_CHECKING:
    from netgrad.studio.design import Design


def expression(layer: Layer, name: str = "") -> str:
    """A layer as it is written in Python, without what is the default.

    >>> import netgrad as ng
    >>> expression(ng.Dense(3, activation="tanh")), expression(ng.Dropout(0.2), "drops")
    ("ng.Dense(3, activation='tanh')", "ng.Dropout(rate=0.2, name='drops')")
    >>> expression(ng.Stack([ng.Dense(4), ng.ReLU()], 3))
    'ng.Stack(ng.Sequential([ng.Dense(4), ng.ReLU()]), 3)'
    """
    return _called(layer, f"name={name!r}" if name else "")


def _called(part: Any, *more: str) -> str:
    parts = []
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name == "name" or value == field.default or value is None:
            continue
        parts.append(_said(value) if field.default is MISSING else f"{field.name}={_said(value)}")
    return f"ng.{type(part).__name__}({', '.join([*parts, *filter(None, more)])})"


def _said(value: Any) -> str:
    if isinstance(value, Network):
        if not in_a_row(value):
            raise NetgradError("a block with forks cannot be written inside of a layer")
        return network_code(value)[0]
    if (kind := getattr(value, "kind", "")) in KINDS:
        called = _called(value)
        return repr(value.registered_name) if called.endswith("()") and kind != "layer" else called
    if isinstance(value, tuple):
        return f"({', '.join(map(_said, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def plain_layers(network: Network) -> list[Layer]:
    """The layer of each node without its name, and without what its place would fill in."""
    source, found = set(network.inputs), []
    for node in network.nodes:
        first = source.issuperset(node.inputs)
        if first and node.layer.hands_on:
            source.add(node.name)
        found.append(_plain(node.layer, first))
    return found


def _plain(layer: Layer, first: bool) -> Layer:
    unnamed: Layer = layer.replace(name=None)
    made = unnamed
    for field in fields(layer):
        if field.default is not MISSING and getattr(made, field.name) != field.default:
            candidate: Layer = made.replace(**{field.name: field.default})
            made = candidate if candidate.placed(first) == unnamed else made
    return made


def written(network: Network) -> list[str]:
    """Each node's layer as an expression, with its name where it would get another by itself."""
    counts: Counter[str] = Counter()
    made = []
    for node, layer in zip(network.nodes, plain_layers(network), strict=True):
        counts[layer.registered_name] += 1
        usual = node.name == f"{layer.registered_name}_{counts[layer.registered_name]}"
        made.append(expression(layer, "" if usual or "/" in node.name else node.name))
    return made


def in_a_row(network: Network) -> bool:
    """Whether each node is fed by the one before, and nothing else."""
    before = network.inputs[0]
    for node in network.nodes:
        if node.inputs != (before,):
            return False
        before = node.name
    return len(network.inputs) == len(network.outputs) == 1 and network.outputs[0][1] == before


def network_code(network: Network) -> list[str]:
    """The lines that make a network of one output, without what its parameters share; the last is the network itself.

    >>> import netgrad as ng
    >>> x = ng.Input()
    >>> h = ng.Dense(2)(x)
    >>> print(*network_code(ng.Network(x, ng.Add()(h, x))), sep=chr(10))
    x = ng.Input()
    dense_1 = ng.Dense(2)(x)
    add_1 = ng.Add()(dense_1, x)
    ng.Network(x, add_1)
    """
    made = written(network)
    if in_a_row(network):
        return [f"ng.Sequential([{', '.join(made)}])"]
    lines = [f"{_identifier(n)} = ng.Input({'' if n == 'x' else repr(n)})" for n in network.inputs]
    for node, layer in zip(network.nodes, made, strict=True):
        lines.append(f"{_identifier(node.name)} = {layer}({', '.join(map(_identifier, node.inputs))})")
    inputs = ", ".join(map(_identifier, network.inputs))
    inputs = inputs if len(network.inputs) == 1 else f"[{inputs}]"
    return [*lines, f"ng.Network({inputs}, {_identifier(network.outputs[0][1])})"]


def _identifier(name: str) -> str:
    return re.sub(r"\W", "_", name)


def code(design: Design, examples: Examples, network: Network, gallery: bool = True, weights: str = "") -> str:
    """The same network and training as Python code; on the gallery it runs as it stands, to the same numbers.

    gallery: otherwise x and y are the reader's own examples. weights: a model file that training begins with.
    """
    asked = design.settings(examples)
    lines = ["import netgrad as ng"]
    if "penalty" in asked:
        asked["penalty"] = f"ng.{type(asked['penalty']).__name__}({design.alpha:g})"
    said = {name: value if name == "penalty" else repr(value) for name, value in asked.items()}
    if weights:
        said["params"] = f"ng.load({weights!r}).params"
    elif design.params == "lstm_cell":
        lines.append("from netgrad.studio.design import lstm_cell")
        said["params"] = "lstm_cell()"
    elif "params" in asked:
        lines.append("from netgrad.experiments import power_plant")
        names = '("dense_1", "dense_2", "dense_3")'
        said["params"] = f"dict(zip({names}, power_plant.params().values()))"
    if gallery:
        lines += ["from netgrad.studio.examples import gallery", "", f"data = gallery({design.data!r})"]
    else:
        lines.append("")
    if in_a_row(network):
        lines += ["net = ng.Sequential([", *(f"    {layer}," for layer in written(network)), "])"]
    else:
        *before, last = network_code(network)
        lines += [*before, f"net = {last}"]
    data = "data." if gallery else ""
    own = f"{data}x" if examples.reconstructs else f"{data}x, {data}y"
    held, judged = "", own
    if examples.held is not None and gallery:
        lengths = "" if examples.lengths is None else ", data.lengths_held"
        judged = "data.x_held" if examples.reconstructs else "data.x_held, data.y_held"
        held = f", validation=({judged}{lengths})" if not examples.reconstructs else f", validation={judged}"
    elif examples.held is not None:
        held = ", validation=0.25"
    if examples.lengths is not None:
        held = f", lengths={data}lengths{held}"
        judged = f"{judged}, lengths={data}lengths{'_held' if gallery else ''}"
    lines += ["model = ng.fit(", f"    net, {own}, epochs=100{held},"]
    lines += [f"    {', '.join(f'{name}={value}' for name, value in said.items())},", ")"]
    return "\n".join([*lines, f"print(model.evaluate({judged}))", ""])


def command(design: Design, data: str) -> str:
    """The nearest `netgrad fit`, for rows of dense layers of one activation; "" where there is none.

    data: what it is told of the data, a file and the target.
    """
    specs = [spec for spec in design.layers or () if spec["kind"] != "dropout"]
    activations = {spec.get("activation") for spec in specs}
    if (
        not data
        or design.layers is None
        or design.whole
        or any(s["kind"] != "dense" for s in specs)
        or len(activations) > 1
    ):
        return ""
    if any(s["initializer"] for s in specs) or design.bias or design.output != "identity":
        return ""
    hidden = ",".join(str(spec["units"]) for spec in specs) or "0"
    dropped = [spec["rate"] for spec in design.layers if spec["kind"] == "dropout"]
    parts = [f"netgrad fit {data} --hidden {hidden}"]
    if activations:
        parts.append(f"--activation {activations.pop()}")
    parts.append(f"--optimizer {design.optimizer} --learning-rate {design.learning_rate:g}")
    if dropped:
        parts.append(f"--dropout {dropped[0]:g}")
    if design.batch_size:
        parts.append(f"--batch-size {design.batch_size}")
    if design.penalty:
        parts.append(f"--penalty {design.penalty} --alpha {design.alpha:g}")
    return " ".join([*parts, f"--seed {design.seed}"])
