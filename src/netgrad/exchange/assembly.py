"""From the layers found in an ONNX file to a model: what is not needed goes, what belongs together is put together."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.reader import Found, Reader, Value
from netgrad.layers.base import Layer
from netgrad.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy, SquaredError
from netgrad.network import Network, Node
from netgrad.training.files import LARGEST
from netgrad.training.model import Model
from netgrad.training.objective import Objective

WEIGHED = (ng.Dense, ng.Conv, ng.ConvTranspose)


@dataclass
class Draft:
    """The layers in their order, and the node of each output."""

    found: list[Found]
    ends: dict[str, str]


def assembled(reader: Reader, inputs: list[str], outputs: list[str]) -> Model:
    """The model of what was found."""
    ends = ends_of(reader, inputs, outputs)
    draft = Draft(list(reader.found.values()), ends)
    prune(draft)
    join(draft, lambda before, after: with_bias(reader, before, after))
    join(draft, lambda before, after: with_activation(reader, before, after, draft.ends))
    losses = {name: linked(draft, name) for name in outputs}
    read = {name for f in draft.found for name in f.inputs}
    used = [name for name in inputs if name in read]
    if not used:
        raise NetgradError("no output depends on an input")
    check_lengths(reader, draft.found, used)
    largest = max(math.prod(reader.shapes[name]) for name in [*used, *(f.name for f in draft.found)])
    if largest > LARGEST:
        raise NetgradError(f"one example of it would take arrays of more than {LARGEST:,} numbers")
    nodes = [Node(f.name, f.layer.placed(False), f.inputs, f.params) for f in draft.found]
    network = Network.from_nodes(used, nodes, draft.ends.items())
    shapes = {name: reader.shapes[name] for name in used}
    expected = network.param_shapes(shapes)
    params = {name: reader.params[name] for name in expected}
    if jax.tree.map(np.shape, params) != jax.tree.map(lambda leaf: leaf.shape, expected):
        raise NetgradError("its weights do not have the shapes that its layers need")
    layers = {f.params for f in draft.found}
    state = {name: value for name, value in reader.state.items() if name in layers}
    params, state = jax.tree.map(lambda value: jnp.asarray(value, float), (params, state))
    objective = Objective(tuple((name, losses[name], 1.0) for name in outputs))
    return Model(network, params, state, objective, shapes, card=card(reader, outputs))


def card(reader: Reader, outputs: list[str]) -> dict[str, Any]:
    """What the model file will say; ``examples_axis``: of outputs where the file has the examples not first."""
    axes = {name: value.axes.index(0) for name in outputs if isinstance(value := reader.values[name], Value)}
    moved = {name: axis for name, axis in axes.items() if axis}
    what = {"what": "a network read from an ONNX file", "onnx": {"opset": reader.opset}}
    return what | ({"examples_axis": moved} if moved else {})


def ends_of(reader: Reader, inputs: list[str], outputs: list[str]) -> dict[str, str]:
    """The node of each output, with the axes in the file's order behind that of the examples."""
    ends: dict[str, str] = {}
    for name in outputs:
        value = reader.values.get(name)
        if not isinstance(value, Value):
            why = "is constant" if value is not None else "is computed by nothing that has a layer here"
            raise NetgradError(f"output {name!r} {why}")
        order = sorted(range(len(value.axes)), key=lambda axis: (value.axes[axis] != 0, axis))
        node = reader.arranged(value, order)
        ends[name] = reader.add(ng.Identity(), node) if node in inputs or node in ends.values() else node
    return ends


def prune(draft: Draft) -> None:
    """Leave only the layers that the outputs depend on."""
    wanted, kept = set(draft.ends.values()), []
    for each in reversed(draft.found):
        if each.name in wanted:
            kept.append(each)
            wanted.update(each.inputs)
    draft.found = kept[::-1]


def join(draft: Draft, joined: Callable[[Found, Found], Layer | None]) -> None:
    """Make one layer of two wherever the second alone is fed by the first, and ``joined`` gives that layer."""
    uses = Counter(name for f in draft.found for name in f.inputs)
    uses.update(draft.ends.values())
    known: dict[str, Found] = {}
    now: dict[str, str] = {}  # the names of layers that went into others, and those others
    for found in draft.found:
        each = replace(found, inputs=tuple(now.get(name, name) for name in found.inputs))
        before = known.get(each.inputs[0])
        layer = joined(before, each) if before is not None and uses[before.name] == 1 else None
        if before is None or layer is None:
            known[each.name] = each
        else:
            known[before.name] = replace(before, layer=layer)
            now[each.name], uses[before.name] = before.name, uses[each.name]
    draft.found = list(known.values())
    draft.ends = {name: now.get(node, node) for name, node in draft.ends.items()}


def with_bias(reader: Reader, before: Found, after: Found) -> Layer | None:
    """A constant that is added behind weights is their bias."""
    layer, offset = before.layer, getattr(after.layer, "offset", None)
    if not isinstance(layer, WEIGHED) or layer.bias or layer.activation != ng.Identity():
        return None
    if not isinstance(offset, tuple) or after.layer != ng.Rescaling(offset):
        return None
    reader.params[before.params]["b"] = -np.asarray(offset, np.float32)
    return layer.replace(bias=True)


def with_activation(reader: Reader, before: Found, after: Found, ends: dict[str, str]) -> Layer | None:
    """An activation behind weights is their activation, but where it may be the link function of a loss."""
    layer, f = before.layer, after.layer
    if not isinstance(layer, WEIGHED) or layer.activation != ng.Identity() or not isinstance(f, ng.Activation):
        return None
    if is_link(f) and after.name in ends.values():
        return None
    if after.params in reader.params:
        reader.params[before.params]["activation"] = reader.params[after.params]
    return layer.replace(activation=f)


def is_link(layer: Layer) -> bool:
    """Whether a loss may apply this function itself."""
    return layer in (ng.Softmax(), ng.Logistic())


def linked(draft: Draft, name: str) -> Loss:
    """The loss of an output; the softmax or logistic function at its end is taken off where it is the loss's own."""
    last = next(f for f in draft.found if f.name == draft.ends[name])
    before = last.inputs[0]
    readers = [f for f in draft.found if last.name in f.inputs or before in f.inputs]
    alone = readers == [last] and before not in draft.ends.values()
    if not alone or not is_link(last.layer) or not any(f.name == before for f in draft.found):
        return SquaredError()
    draft.found = [f for f in draft.found if f is not last]
    draft.ends[name] = before
    return SoftmaxCrossEntropy() if last.layer == ng.Softmax() else BinaryCrossEntropy()


def check_lengths(reader: Reader, found: list[Found], inputs: list[str]) -> None:
    """Refuse files that know lengths in one place and forget them in another, where we would go by them.

    A prediction with lengths tells them to every layer behind the input, and pooling or convolution then look at the
    valid steps only.
    """
    if not any(reader.lengths.get(f.name) for f in found):
        return
    lengths_at: dict[str, Any] = dict.fromkeys(inputs, jnp.ones(1, int))
    names = set()
    for f in found:
        shapes = tuple(reader.shapes[name] for name in f.inputs)
        told = tuple(lengths_at[name] for name in f.inputs)
        span = told[0]
        if span is not None and f.name in reader.lengths:
            names.add(reader.lengths[f.name])
        minds = isinstance(f.layer, ng.Conv | ng.ConvTranspose | ng.Pool | ng.GlobalPool | ng.Subsample)
        if len(names) > 1 or (span is not None and minds):
            raise NetgradError(f"its lengths go to some layers along the time axis, but not to {f.name}")
        lengths_at[f.name] = f.layer.out_lengths(*(pair[0] if len(pair) == 1 else pair for pair in (told, shapes)))
