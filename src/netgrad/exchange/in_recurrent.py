"""What ONNX's RNN, LSTM and GRU are as layers: `out_recurrent` read backwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.errors import NetgradError
from netgrad.exchange.in_basic import named
from netgrad.exchange.in_places import chosen
from netgrad.exchange.out_recurrent import OPEN
from netgrad.exchange.reader import Axis, Operator, Part, Result, Value, reads
from netgrad.layers.base import Layer
from netgrad.layers.recurrent import Recurrent

GATES = {
    "RNN": ("",),
    "LSTM": ("input_gate", "output_gate", "forget_gate", "candidate"),
    "GRU": ("update_gate", "reset_gate", "candidate"),
}
USUAL = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}


@reads("RNN", "LSTM", "GRU")
def recurrent(op: Operator) -> list[Result]:
    if op.setting("clip") is not None or op.setting("input_forget", 0):
        raise NetgradError("clip and input_forget are not supported")
    reader, batch_first = op.reader, bool(op.setting("layout", 0))
    direction = op.setting("direction", "forward")
    if direction not in ("forward", "reverse", "bidirectional"):
        raise NetgradError(f"direction={direction!r} is not known")
    n = 2 if direction == "bidirectional" else 1
    x = reader.arranged(op.value(), [0, 1, 2] if batch_first else [1, 0, 2])
    layer, params = layer_of(op, n, reader.shapes[x][-1])
    layer = layer.replace(reverse=direction == "reverse")
    inputs, params = started(op, layer, params, x, batch_first)
    if "state" in params[0]:
        layer = layer.replace(learned_state=True)
    whole: Any = ng.Bidirectional(layer) if n == 2 else layer
    numbers = {"forward": params[0], "backward": params[1]} if n == 2 else params[0]
    return outputs(op, whole, inputs, numbers, batch_first)


def layer_of(op: Operator, directions: int, d: int) -> tuple[Recurrent, list[dict[str, Any]]]:
    """The layer, of one direction, and the parameters of each."""
    W, R = op.floats(1), op.floats(2)
    gates = GATES[op.kind]
    if W.ndim != 3 or W.shape[0] != directions or W.shape[1] % len(gates):
        raise NetgradError(f"W of shape {W.shape} is not one of {directions} directions and {len(gates)} gates")
    k, u = W.shape[1], W.shape[1] // len(gates)
    if W.shape[2] != d or R.shape != (directions, k, u):
        raise NetgradError(f"W {W.shape} and R {R.shape} do not fit an input of {d} numbers a step")
    B = op.floats(3) if op.given(3) else np.zeros((directions, 2 * k), np.float32)
    if B.shape != (directions, 2 * k):
        raise NetgradError(f"B has shape {B.shape}, expected {(directions, 2 * k)}")
    P = op.floats(7) if op.kind == "LSTM" and op.given(7) else None
    if P is not None and P.shape != (directions, 3 * u):
        raise NetgradError(f"P has shape {P.shape}, expected {(directions, 3 * u)}")
    params = []
    for i in range(directions):
        b = B[i, :k] + B[i, k:]
        each = {
            gate: {"W_x": W[i, rows].T, "W_h": R[i, rows].T, "b": b[rows]}
            for j, gate in enumerate(gates)
            for rows in [slice(j * u, (j + 1) * u)]
        }
        params.append(each if op.kind != "RNN" else each[""])
        if P is not None:
            for j, gate in enumerate(gates[:3]):
                each[gate]["W_peephole"] = P[i, j * u : (j + 1) * u]
    if op.kind == "RNN":
        return ng.RNN(u, activation_of(op, directions)), params
    activations = list(op.setting("activations", USUAL[op.kind] * directions))
    if activations != USUAL[op.kind] * directions:
        raise NetgradError(f"activations {', '.join(activations)} are not supported, only {', '.join(USUAL[op.kind])}")
    if op.kind == "LSTM":
        return ng.LSTM(u, peepholes=P is not None), params
    return gated(op, u, params)


def gated(op: Operator, u: int, params: list[dict[str, Any]]) -> tuple[Recurrent, list[dict[str, Any]]]:
    """A GRU; or a forget-gate RNN, where the reset gates stand open."""
    after = bool(op.setting("linear_before_reset", 0))
    if all(not p["reset_gate"]["W_x"].any() and not p["reset_gate"]["W_h"].any() for p in params) and all(
        (p["reset_gate"]["b"] >= OPEN).all() for p in params
    ):
        return ng.ForgetGateRNN(u), [{"forget_gate": p["update_gate"], "candidate": p["candidate"]} for p in params]
    for each in params:  # theirs says what stays, ours what is replaced: 1 - logistic(z) = logistic(-z)
        each["update_gate"] = {name: -value for name, value in each["update_gate"].items()}
    if after and op.given(3):  # the one bias that does not meet the other
        for each, B in zip(params, op.floats(3), strict=True):
            each["candidate"] |= {"b": B[2 * u : 3 * u], "b_h": B[5 * u :]}
    elif after:
        for each in params:
            each["candidate"]["b_h"] = np.zeros(u, np.float32)
    return ng.GRU(u, reset_after=after), params


def activation_of(op: Operator, directions: int) -> Layer:
    """An RNN's activation, the same in both directions."""
    names = op.setting("activations", ["Tanh"] * directions)
    alphas, betas = (padded(op.setting(f"activation_{name}") or [], directions) for name in ("alpha", "beta"))
    found = {named(*each) for each in zip(names, alphas, betas, strict=True)}
    if len(found) != 1:
        raise NetgradError(f"different activations {', '.join(names)} of the two directions are not supported")
    return found.pop()


def padded(values: list[float], n: int) -> list[float | None]:
    """n values, None where the file gives none."""
    return [*values, *[None] * n][:n]


def started(
    op: Operator, layer: Recurrent, params: list[dict], x: str, batch_first: bool
) -> tuple[list[str], list[dict]]:
    """The inputs, the initial state among them where data give it, and parameters with it where it is constant."""
    states = [op.any(i) if op.given(i) else None for i in (5, 6)[: layer.memories]]
    if all(s is None or (isinstance(s, np.ndarray) and not s.any()) for s in states):
        return [x], params
    if not any(isinstance(s, Value) for s in states):
        n = len(params)
        parts = []
        for s in states:
            s = np.zeros((n, 1, layer.units), np.float32) if s is None else np.asarray(s, np.float32)
            s = s.swapaxes(0, 1) if batch_first else s
            if s.ndim != 3 or s.shape[::2] != (n, layer.units) or (s != s[:, :1]).any():
                raise NetgradError("a constant initial state must be the same for all examples")
            parts.append(s[:, 0])
        learned = np.concatenate(parts, axis=-1)
        return [x], [p | {"state": learned[i]} for i, p in enumerate(params)]
    if len(params) > 1 or not all(isinstance(s, Value) for s in states):
        raise NetgradError("an initial state computed from data is supported for one direction, h and c together")
    nodes = [op.reader.arranged(op.value(i), [0, 2] if batch_first else [1, 2]) for i in (5, 6)[: layer.memories]]
    return [x, nodes[0] if len(nodes) == 1 else op.reader.add(ng.Concatenate(), *nodes)], params


def outputs(op: Operator, layer: Any, inputs: list[str], params: dict[str, Any], batch_first: bool) -> list[Result]:
    """Y, Y_h and Y_c, each only where the file uses it."""
    reader, names = op.reader, [*op.outputs, "", ""]
    one: Recurrent = getattr(layer, "layer", layer)
    double, u, made = layer is not one, one.units, ""

    def node(returns: str) -> str:
        nonlocal made
        wanted = layer.replace(layer=one.replace(returns=returns)) if double else layer.replace(returns=returns)
        name = reader.add(wanted, *inputs, params=None if made else params, shared=made or None)
        made = made or name
        reader.lengths[name] = lengths_of(op)
        return name

    def placed(name: str, time: bool) -> Value:
        last = 2 if time else 1
        units: list[Axis] = [Part(last, True, 2), Part(last, False, u)] if double else [None, last]
        direction, unit = units
        if time:
            return Value(name, (0, 1, direction, unit) if batch_first else (1, direction, 0, unit))
        return Value(name, (0, direction, unit) if batch_first else (direction, 0, unit))

    found: list[Result] = []
    for name, returns in zip(names, ("sequence", "last", "state")[: 1 + one.memories], strict=False):
        if not name:
            found.append(np.zeros(0))  # nobody asks for it
        elif returns == "state":
            state = node(returns)
            parts = [chosen(reader, state, (2 * i + 1) * u, u) for i in range(1 + double)]
            found.append(placed(parts[0] if not double else reader.add(ng.Concatenate(), *parts), time=False))
        else:
            found.append(placed(node(returns), time=returns == "sequence"))
    return found


def lengths_of(op: Operator) -> str:
    """The file's input that holds the lengths; "" where all steps are valid."""
    if not op.given(4):
        return ""
    name = op.node.input[4]
    if name in op.reader.length_inputs:
        return str(name)
    x = op.value()
    steps = op.reader.size(x, 1 if op.setting("layout", 0) else 0)
    if (op.constant(4) != steps).any():
        raise NetgradError("constant sequence_lens must be those of all steps: make them an input of the file")
    return ""
