"""How PyTorch's modules arrange their tensors, one layout a kind of layer, and which of them a network needs.

PyTorch keeps weights as (outputs, inputs, window...), gates below each other (LSTM: input, forget, cell, output; GRU:
reset, update, new, where its update gate says what stays, and ours what is replaced), and two biases a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.layers.base import Layer
from netgrad.layers.recurrent import Recurrent
from netgrad.network import Composite, Network, Node
from netgrad.network.composite import Copies
from netgrad.training.model import Model

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """One module's tensors: their shapes by name, and the ways in and out; ``shared``: one number may serve all."""

    shapes: dict[str, tuple[int, ...]]
    take: Callable[[Tensors], tuple[dict[str, Any], dict[str, Any]]]  # tensors -> parameters, state
    give: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, np.ndarray]]
    shared: bool = False

    def misfit(self, tensors: Tensors) -> str | None:
        """Why these tensors are not this module's; None where they are."""
        if set(tensors) != set(self.shapes):
            return f"it holds {', '.join(sorted(tensors))}, expected {', '.join(sorted(self.shapes))}"
        for name, shape in self.shapes.items():
            if tensors[name].shape != shape and not (self.shared and tensors[name].shape == (1,)):
                return f"{name} has shape {tensors[name].shape}, expected {shape}"
        return None


@dataclass(frozen=True)
class Slot:
    """A place in the network that a module's tensors go to: a layer's parameters, or a part ``inside`` them; of a block
    with copies those of one, at these places along the first axes, ``copies``."""

    name: str
    layer: str
    inside: tuple[str, ...]
    layout: Layout
    recurrent: bool = False
    copies: tuple[int, ...] = ()


def slots_of(model: Model) -> list[Slot]:
    """All places of a network, in its order; of a stack copy by copy, "stack_1/0/conv_1"."""
    network, shapes = model.network, model.network.shapes(model.shapes)
    pictures = {name for name in network.inputs if len(shapes[name]) >= 3}
    return list(slots_in(network, model.params, shapes, pictures))


def slots_in(network: Network, params: Mapping[str, Any], shapes: Mapping[str, Any], first: set[str]) -> Iterator[Slot]:
    """The places of a network; ``first``: its inputs that PyTorch has with the channels first."""
    first = channels_first(network, shapes, first)
    for node in network.nodes:
        if node.name != node.params or node.params not in params:
            continue
        in_shape = network.in_shape(node, shapes)
        if isinstance(node.layer, Composite):
            yield from slots_of_block(node, params[node.params], in_shape, node.inputs[0] in first)
            continue
        rows = rows_behind(network, node.inputs[0], shapes, first) if isinstance(node.layer, ng.Dense) else None
        yield from of_layer(node.layer, node.params, in_shape, rows)


def slots_of_block(node: Node, params: Mapping[str, Any], in_shape: Any, first: bool) -> Iterator[Slot]:
    """The places of what is inside a composite, once for each of its copies."""
    layer: Any = node.layer
    if layer.block.views:
        raise NetgradError(
            f"{node.name}: its block has weights that are {layer.block.views[0].words}: PyTorch has none"
        )
    inner = list(slots_in(layer.block, params, layer.shapes(in_shape), set(layer.block.inputs) if first else set()))
    for copy in range(layer.n) if isinstance(layer, Copies) else (None,):
        before = node.name if copy is None else f"{node.name}/{copy}"
        at = () if copy is None else (copy,)
        for slot in inner:
            inside = (slot.layer, *slot.inside)
            yield replace(slot, name=f"{before}/{slot.name}", layer=node.params, inside=inside, copies=at + slot.copies)


def of_layer(layer: Any, name: str, in_shape: Any, rows: Any) -> list[Slot]:
    """The places of one layer."""
    if isinstance(layer, ng.Attention):
        return [Slot(name, name, (), attention(layer, name, in_shape))]
    if in_shape and isinstance(in_shape[0], tuple):
        in_shape = in_shape[0]
    d = in_shape[-1] if in_shape else 0
    f = getattr(layer, "activation", None)
    layout = layout_of(layer, name, in_shape, rows)
    own = [Slot(name, name, (), layout, isinstance(layer, Recurrent | ng.Bidirectional))]
    if isinstance(layer, ng.Bidirectional):
        if layer.units is not None:
            u = 2 * layer.layer.units
            own.append(Slot(f"{name}.output", name, ("output",), dense(u, layer.units, True, None)))
            if isinstance(layer.output.activation, ng.PReLU):
                place = ("output", "activation")
                own.append(Slot(f"{name}.output.activation", name, place, prelu(layer.units)))
    elif isinstance(f, ng.PReLU):
        units = getattr(layer, "units", getattr(layer, "filters", d))
        own.append(Slot(f"{name}.activation", name, ("activation",), prelu(units)))
    return own


def layout_of(layer: Any, name: str, in_shape: Any, rows: Any) -> Layout:
    """The layout of a layer's own parameters, or the one-line refusal."""
    match layer:
        case ng.Dense():
            return dense(in_shape[-1], layer.units, layer.bias, rows)
        case ng.Conv() if layer.depth is None and not layer.flip:
            return windows(layer.filter_shape(in_shape), layer.bias, transposed=False)
        case ng.DepthwiseConv():
            return windows(layer.conv(in_shape).filter_shape(in_shape), layer.bias, transposed=False)
        case ng.ConvTranspose():
            return windows(layer.filter_shape(in_shape), layer.bias, transposed=True)
        case ng.Embedding():
            return plain({"weight": "W"}, {"weight": (layer.symbols, layer.units)})
        case ng.LayerNorm():
            return plain({"weight": "gamma", "bias": "beta"}, {"weight": in_shape[-1:], "bias": in_shape[-1:]})
        case ng.BatchNorm():
            return batch_norm(in_shape[-1])
        case ng.PReLU():
            return prelu(in_shape[-1])
        case ng.Bidirectional():
            return both_ways(recurrent(layer.layer, name, in_shape[-1]))
        case Recurrent():
            return recurrent(layer, name, in_shape[-1])
    special = " with depth or flip" if isinstance(layer, ng.Conv) else ""
    raise NetgradError(f"{name}: {type(layer).__name__}{special} has no module in PyTorch to share weights with")


def plain(names: dict[str, str], shapes: dict[str, tuple[int, ...]]) -> Layout:
    """Tensors that are arranged as ours."""
    return Layout(
        shapes,
        lambda t: ({ours: t[theirs] for theirs, ours in names.items()}, {}),
        lambda p, _: {theirs: np.asarray(p[ours]) for theirs, ours in names.items()},
    )


def attention(layer: Any, name: str, in_shape: Any) -> Layout:
    """in_proj_weight (3u, d), the queries', keys' and values' below each other, or one tensor each where the memory has
    other units; a bias for all three, of which the keys' makes no difference to any softmax; out_proj (u, u)."""
    (_, d), (_, m) = in_shape if isinstance(in_shape[0], tuple) else (in_shape, in_shape)
    u = layer.out_shape(in_shape)[-1]
    if layer.score != "dot" or u != d:
        raise NetgradError(f"{name}: PyTorch's attention has dot products, and as many units as its queries ({d})")
    separate = [f"{part}_proj_weight" for part in "qkv"]
    shapes: dict[str, tuple[int, ...]] = {"in_proj_weight": (3 * u, d)}
    if m != d:
        shapes = dict(zip(separate, ((u, d), (u, m), (u, m)), strict=True))
    shapes["out_proj.weight"] = (u, u)
    if layer.bias:
        shapes |= {"in_proj_bias": (3 * u,), "out_proj.bias": (u,)}

    def take(t: Tensors) -> tuple[dict[str, Any], dict[str, Any]]:
        W = [t[name] for name in separate] if m != d else np.split(t["in_proj_weight"], 3)
        params = {f"W_{part}": own.T for part, own in zip("qkv", W, strict=True)} | {"W_o": t["out_proj.weight"].T}
        if layer.bias:
            b_q, _, b_v = np.split(t["in_proj_bias"], 3)
            params |= {"b_q": b_q, "b_v": b_v, "b_o": t["out_proj.bias"]}
        return params, {}

    def give(p: Mapping[str, Any], _: Any) -> dict[str, np.ndarray]:
        W = [np.asarray(p[f"W_{part}"]).T for part in "qkv"]
        made = dict(zip(separate, W, strict=True)) if m != d else {"in_proj_weight": np.concatenate(W)}
        made["out_proj.weight"] = np.asarray(p["W_o"]).T
        if layer.bias:
            b = np.concatenate([p["b_q"], np.zeros(u, np.float32), p["b_v"]])
            made |= {"in_proj_bias": b, "out_proj.bias": np.asarray(p["b_o"])}
        return made

    return Layout(shapes, take, give)


def prelu(units: int) -> Layout:
    """One slope a unit; a single one, PyTorch's default, is taken for all of them."""
    return Layout(
        {"weight": (units,)},
        lambda t: ({"slope": np.broadcast_to(t["weight"], (units,))}, {}),
        lambda p, _: {"weight": np.asarray(p["slope"])},
        shared=True,
    )


def batch_norm(units: int) -> Layout:
    names = {"weight": "gamma", "bias": "beta"}
    running = {"running_mean": "mean", "running_var": "variance"}
    return Layout(
        dict.fromkeys([*names, *running], (units,)),
        lambda t: ({o: t[n] for n, o in names.items()}, {o: t[n] for n, o in running.items()}),
        lambda p, s: {n: np.asarray({**p, **s}[o]) for n, o in (names | running).items()},
    )


def dense(d: int, units: int, bias: bool, rows: Any) -> Layout:
    """(units, d); ``rows``: for each of our inputs its number among PyTorch's, where they are in another order."""

    def take(t: Tensors) -> tuple[dict[str, Any], dict[str, Any]]:
        W = t["weight"].T
        return {"W": W if rows is None else W[rows]} | ({"b": t["bias"]} if bias else {}), {}

    def give(p: Mapping[str, Any], _: Any) -> dict[str, np.ndarray]:
        W = np.asarray(p["W"])
        if rows is not None:
            W = W[np.argsort(rows)]
        return {"weight": W.T} | ({"bias": np.asarray(p["b"])} if bias else {})

    return Layout({"weight": (units, d)} | ({"bias": (units,)} if bias else {}), take, give)


def windows(shape: tuple[int, ...], bias: bool, transposed: bool) -> Layout:
    """(filters, channels, window...), or (channels, filters, window...) where transposed, for ours
    (window..., channels, filters)."""
    *window, channels, filters = shape
    ours, theirs = ((-2, -1), (0, 1)) if transposed else ((-1, -2), (0, 1))
    sizes = (channels, filters, *window) if transposed else (filters, channels, *window)
    return Layout(
        {"weight": sizes} | ({"bias": (filters,)} if bias else {}),
        lambda t: ({"W": np.moveaxis(t["weight"], theirs, ours)} | ({"b": t["bias"]} if bias else {}), {}),
        lambda p, _: (
            {"weight": np.moveaxis(np.asarray(p["W"]), ours, theirs)} | ({"bias": np.asarray(p["b"])} if bias else {})
        ),
    )


GATES = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate"),
    "gru": ("reset_gate", "update_gate", "candidate"),
}


def recurrent(layer: Recurrent, name: str, d: int) -> Layout:
    """weight_ih_l0 (k, d), weight_hh_l0 (k, u) and two biases (k,), one gate below the other."""
    f = getattr(layer, "activation", None)
    if layer.learned_state:
        raise NetgradError(f"{name} learns its initial state, which PyTorch's modules do not keep: learned_state=False")
    if f is not None and f.registered_name not in ("tanh", "relu"):
        raise NetgradError(f"{name}: PyTorch's RNN has tanh or relu, this one has {f.registered_name}")
    if isinstance(layer, ng.LSTM) and layer.peepholes:
        raise NetgradError(f"{name} is an LSTM with peepholes, which PyTorch's has not")
    if isinstance(layer, ng.GRU) and not layer.reset_after:
        raise NetgradError(
            f"{name} resets before the product with the weights, PyTorch's GRU behind it, and no weights of the one "
            "give the other: build the network with GRU(..., reset_after=True)"
        )
    if not isinstance(layer, ng.RNN | ng.LSTM | ng.GRU):
        raise NetgradError(f"{name}: PyTorch has no {type(layer).__name__}")
    gates, u = GATES.get(layer.registered_name, ("",)), layer.units
    k, after = u * len(gates), isinstance(layer, ng.GRU)

    def take(t: Tensors) -> tuple[dict[str, Any], dict[str, Any]]:
        params: dict[str, Any] = {}
        for i, gate in enumerate(gates):
            W, U, b_ih, b_hh = (t[key][i * u : (i + 1) * u] for key in KEYS)
            b = {"b": b_ih, "b_h": b_hh} if after and gate == "candidate" else {"b": b_ih + b_hh}
            params[gate] = sign(gate, after, {"W_x": W.T, "W_h": U.T} | b)
        return params if gates != ("",) else params[""], {}

    def give(p: Mapping[str, Any], _: Any) -> dict[str, np.ndarray]:
        parts = [sign(gate, after, {n: np.asarray(v) for n, v in (p[gate] if gate else p).items()}) for gate in gates]
        zero = np.zeros(u, np.float32)
        columns = (
            [part["W_x"].T for part in parts],
            [part["W_h"].T for part in parts],
            [part["b"] for part in parts],
            [part.get("b_h", zero) for part in parts],
        )
        return {key: np.concatenate(column) for key, column in zip(KEYS, columns, strict=True)}

    return Layout(dict(zip(KEYS, ((k, d), (k, u), (k,), (k,)), strict=True)), take, give)


KEYS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def sign(gate: str, gru: bool, part: dict[str, Any]) -> dict[str, Any]:
    """A GRU's update gate with the other sign: logistic(-z) = 1 - logistic(z), what stays for what is replaced."""
    return {name: -value for name, value in part.items()} if gru and gate == "update_gate" else part


def both_ways(one: Layout) -> Layout:
    """The same names twice, those of the way back with "_reverse" behind them."""

    def take(t: Tensors) -> tuple[dict[str, Any], dict[str, Any]]:
        there, back = ({key: t[key + end] for key in one.shapes} for end in ("", "_reverse"))
        return {"forward": one.take(there)[0], "backward": one.take(back)[0]}, {}

    def give(p: Mapping[str, Any], s: Any) -> dict[str, np.ndarray]:
        there, back = one.give(p["forward"], s), one.give(p["backward"], s)
        return there | {f"{key}_reverse": value for key, value in back.items()}

    shapes = one.shapes | {f"{key}_reverse": shape for key, shape in one.shapes.items()}
    return Layout(shapes, take, give)


# --- flattened images


def channels_first(network: Network, shapes: Mapping[str, Any], inputs: set[str]) -> set[str]:
    """The values that PyTorch has with the channels before the places: images, volumes, and convolved signals."""
    found = set(inputs)
    convolving = ng.Conv | ng.DepthwiseConv | ng.ConvTranspose | ng.Pool | ng.Subsample
    for node in network.nodes:
        layer, before = node.layer, node.inputs[0] in found
        if isinstance(layer, Composite):
            block, inside = layer.block, layer.shapes(network.in_shape(node, shapes))
            within = channels_first(block, inside, set(block.inputs) if before else set())
            kept = block.outputs[0][1] in within
        else:
            kept = isinstance(layer, convolving) or (before and keeps_places(layer))
        if kept:
            found.add(node.name)
    return found


def keeps_places(layer: Layer) -> bool:
    """Whether every number stays where it stands."""
    kinds = ng.Activation | ng.BatchNorm | ng.LocalResponseNorm | ng.Dropout | ng.GaussianNoise | ng.Rescaling
    return isinstance(layer, kinds | ng.Augment | ng.Add | ng.Multiply | ng.Concatenate)


def rows_behind(network: Network, name: str, shapes: Mapping[str, Any], first: set[str]) -> np.ndarray | None:
    """For each input of a dense layer its number in PyTorch's order, where a `Flatten` before makes the two differ."""
    by_name = network.by_name
    while name in by_name and keeps_places(by_name[name].layer) and len(shapes[name]) == 1:
        name = by_name[name].inputs[0]
    node = by_name.get(name)
    if node is None or not isinstance(node.layer, ng.Flatten) or node.inputs[0] not in first:
        return None
    *sizes, channels = shapes[node.inputs[0]]
    numbers = np.arange(channels * int(np.prod(sizes))).reshape(channels, *sizes)
    return np.moveaxis(numbers, 0, -1).ravel()
