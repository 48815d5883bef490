"""How ONNX says recurrent layers: by its own RNN, LSTM and GRU where they can, otherwise by a loop (Scan).

Its operators want the time-steps first, (T, N, d), put several directions on an axis of their own, and have other
orders of gates: input, output, forget, cell for the LSTM and update, reset, hidden for the GRU, whose update gate
says what stays, where ours says what is replaced. A forget-gate RNN is a GRU whose reset gate stands open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from netgrad import layers as ng
from netgrad.exchange.onnx_library import onnx
from netgrad.exchange.out_basic import FLOAT, activated
from netgrad.exchange.rules import Place, rule_for, writes
from netgrad.exchange.writer import Writer
from netgrad.layers.recurrent import Recurrent
from netgrad.network import StateSpace

OPEN = 100.0  # the bias of a gate that is always open: its logistic is 1 to the last bit


@dataclass(frozen=True)
class Weights:
    """Of one direction: W (k, d), R (k, u), B (2k,), for the LSTM with peepholes also P (3u,)."""

    W: np.ndarray
    R: np.ndarray
    B: np.ndarray
    P: np.ndarray | None = None


@writes(ng.RNN, ng.LSTM, ng.GRU, ng.ForgetGateRNN)
def recurrent(w: Writer, at: Place) -> str:
    if not has_operator(at.layer):
        return looped(w, at)
    return by_operator(w, at, [(at.layer, at.params)])


@writes(ng.Bidirectional)
def bidirectional(w: Writer, at: Place) -> str:
    rule_for(at.layer.layer)  # refuses a cell that ONNX has not, by its own name
    both = [(layer, at.params[name]) for name, layer in at.layer.directions.items()]
    if has_operator(at.layer.layer) and not at.layer.layer.reverse:
        a = by_operator(w, at, both)
    else:
        parts = [rule_for(layer)(w, replace(at, layer=layer, params=params)) for layer, params in both]
        a = w.op("Concat", *parts, axis=-1)
    if at.layer.units is None:
        return a
    shape = ng.Bidirectional(at.layer.layer).out_shape(at.in_shape)
    own = Place(at.layer.output, at.params["output"], {}, (a,), shape)
    return rule_for(at.layer.output)(w, own)


def has_operator(layer: Recurrent) -> bool:
    """Whether ONNX's own operators do what this layer does."""
    return not isinstance(layer, ng.RNN) or function_of(layer.activation) is not None


def function_of(f: Any) -> tuple[str, list[float], list[float]] | None:
    """An RNN's activation as ONNX names it, with its alpha and beta; None for one that its RNN does not have."""
    match f:
        case ng.Identity():
            return "Affine", [1.0], [0.0]
        case ng.Tanh():
            return "Tanh", [], []
        case ng.ReLU():
            return "Relu", [], []
        case ng.Logistic():  # the slope is multiplied into the weights
            return "Sigmoid", [], []
        case ng.ScaledTanh(alpha=alpha, beta=beta):
            return "ScaledTanh", [float(alpha)], [float(beta)]
        case ng.LeakyReLU(slope=slope):
            return "LeakyRelu", [float(slope)], []
        case ng.ELU(alpha=alpha):
            return "Elu", [float(alpha)], []
    return None


def by_operator(w: Writer, at: Place, directions: Sequence[tuple[Recurrent, Any]]) -> str:
    """One operator for one direction or for two, and what the layer returns of its outputs."""
    layer = directions[0][0]
    kind = "GRU" if isinstance(layer, ng.ForgetGateRNN) else type(layer).__name__
    weights = [weights_of(one, params) for one, params in directions]
    W, R, B = (w.constant(np.stack([getattr(v, part) for v in weights]), part) for part in "WRB")
    h0, c0 = start(w, at, directions)
    inputs = [w.transpose(at.x, (1, 0, 2)), W, R, B, at.lengths or "", h0]
    settings: dict[str, Any] = {"hidden_size": layer.units}
    if len(directions) == 2:
        settings["direction"] = "bidirectional"
    elif layer.reverse:
        settings["direction"] = "reverse"
    outputs = [w.name("Y"), w.name("Y_h")]
    if isinstance(layer, ng.LSTM):
        inputs.append(c0)
        if layer.peepholes:
            inputs.append(w.constant(np.stack([v.P for v in weights if v.P is not None]), "P"))
        outputs.append(w.name("Y_c"))
    if isinstance(layer, ng.RNN):
        name, alpha, beta = function_of(layer.activation) or ("", [], [])
        n = len(directions)
        settings |= {"activations": [name] * n, "activation_alpha": alpha * n or None}
        settings["activation_beta"] = beta * n or None
    if isinstance(layer, ng.GRU) and layer.reset_after:
        settings["linear_before_reset"] = 1
    while not inputs[-1]:
        inputs.pop()
    # What is not returned is left out; ONNX writes that as an empty name.
    if layer.returns == "sequence":
        outputs = outputs[:1]
    else:
        outputs = ["", *(outputs[1:2] if layer.returns == "last" else outputs[1:])]
    w.op(kind, *inputs, outputs=outputs, **settings)
    if layer.returns == "sequence":
        return side_by_side(w, outputs[0], len(directions))
    if len(directions) == 1:
        parts = [w.op("Squeeze", end, w.constant([0])) for end in outputs[1:]]
        return parts[0] if len(parts) == 1 else w.op("Concat", *parts, axis=-1)
    ends = []
    for i in range(len(directions)):
        ends += [w.op("Gather", end, w.constant(np.int64(i)), axis=0) for end in outputs[1:]]
    return w.op("Concat", *ends, axis=-1)


def side_by_side(w: Writer, Y: str, directions: int) -> str:
    """(T, directions, N, u) -> (N, T, directions u)."""
    if directions == 1:
        return w.transpose(w.op("Squeeze", Y, w.constant([1])), (1, 0, 2))
    return w.op("Reshape", w.op("Transpose", Y, perm=(2, 0, 1, 3)), w.constant([0, 0, -1]))


def start(w: Writer, at: Place, directions: Sequence[tuple[Recurrent, Any]]) -> tuple[str, str]:
    """The names of the initial h and c, each (directions, N, u); "" where they are zeros."""
    layer = directions[0][0]
    two = layer.memories == 2
    if len(at.inputs) > 1:
        state = at.inputs[1]
        if not two:
            return w.op("Unsqueeze", state, w.constant([0])), ""
        parts = [w.name("h"), w.name("c")]
        w.op("Split", state, w.constant([layer.units] * 2), outputs=parts, axis=-1)
        h0, c0 = (w.op("Unsqueeze", part, w.constant([0])) for part in parts)
        return h0, c0
    if not layer.learned_state:
        return "", ""
    learned = np.stack([np.asarray(params["state"], np.float32) for _, params in directions])
    n = len(directions)
    parts = [for_everyone(w, at.x, part[:, None], n) for part in np.split(learned, layer.memories, axis=-1)]
    return parts[0], parts[1] if two else ""


def for_everyone(w: Writer, x: str, state: np.ndarray, directions: int) -> str:
    """The same state (directions, 1, u) for each of the examples that x has."""
    ends = w.constant([directions]), w.constant([state.shape[-1]])
    shape = w.op("Concat", ends[0], w.size(x, 0), ends[1], axis=0)
    return w.op("Expand", w.constant(state, "state"), shape)


def weights_of(layer: Recurrent, params: Any) -> Weights:
    """A layer's weights as ONNX arranges them."""

    def rows(gates: Sequence[Any]) -> Weights:
        W, R, b = (np.concatenate([np.asarray(g[name], np.float32).T for g in gates]) for name in ("W_x", "W_h", "b"))
        return Weights(W, R, np.concatenate([b, np.zeros_like(b)]))

    def negative(gate: Any) -> Any:
        return {name: -np.asarray(value) for name, value in gate.items()}

    match layer:
        case ng.LSTM():
            joined = rows([params[g] for g in ("input_gate", "output_gate", "forget_gate", "candidate")])
            if not layer.peepholes:
                return joined
            seen = [np.asarray(params[g]["W_peephole"]) for g in ("input_gate", "output_gate", "forget_gate")]
            return replace(joined, P=np.concatenate(seen).astype(np.float32))
        case ng.GRU():
            joined = rows([negative(params["update_gate"]), params["reset_gate"], params["candidate"]])
            if layer.reset_after:
                joined.B[-layer.units :] = params["candidate"]["b_h"]
            return joined
        case ng.ForgetGateRNN():
            shut = {name: np.zeros_like(value) for name, value in params["candidate"].items()}
            return rows([params["forget_gate"], shut | {"b": shut["b"] + OPEN}, params["candidate"]])
    f = getattr(layer, "activation", None)
    slope = f.slope if isinstance(f, ng.Logistic) else 1.0
    return rows([{name: slope * np.asarray(params[name]) for name in ("W_x", "W_h", "b")}])


# --- loops


def looped(w: Writer, at: Place) -> str:
    """An RNN with an activation that ONNX's own does not have."""
    layer, units = at.layer, at.layer.units
    W, U, b = (w.constant(at.array(name), name) for name in ("W_x", "W_h", "b"))
    first = start(w, at, [(layer, at.params)])[0]
    first = w.op("Squeeze", first, w.constant([0])) if first else zeros(w, at.x, units)

    def step(inner: Writer, h: str, x: str) -> tuple[str, str]:
        z = inner.op("Add", inner.op("Add", inner.op("MatMul", x, W), inner.op("MatMul", h, U)), b)
        h = activated(inner, layer.activation, z, at.params.get("activation", {}), 2)
        return h, h

    states, last = scan(w, at, first, units, step, reverse=layer.reverse)
    return states if layer.returns == "sequence" else last


@writes(StateSpace)
def state_space(w: Writer, at: Place) -> str:
    units, d = at.layer.units, at.in_shape[-1]

    def step(inner: Writer, z: str, x: str) -> tuple[str, str]:
        value, shape = inner.op("Concat", z, x, axis=-1), (units + d,)
        for i, layer in enumerate(at.layer.transition):
            own = Place(layer, at.params.get(str(i), {}), at.state.get(str(i), {}), (value,), shape)
            value, shape = rule_for(layer)(inner, own), layer.out_shape(shape)
        return value, inner.op("Identity", z)

    return scan(w, at, zeros(w, at.x, units), units, step)[0]


def zeros(w: Writer, x: str, units: int) -> str:
    """(N, units) zeros for as many examples as x has."""
    shape = w.op("Concat", w.size(x, 0), w.constant([units]), axis=0)
    return w.op("Expand", w.constant(np.zeros((1, 1), np.float32)), shape)


Step = Callable[[Writer, str, str], tuple[str, str]]


def scan(w: Writer, at: Place, first: str, units: int, step: Step, *, reverse: bool = False) -> tuple[str, str]:
    """Walk along the sequences with ``step``, (state, x_t) -> (next state, output): all outputs (N, T, units), and
    the last state (N, units). In the padding the state stays as it is."""
    helper, inner = onnx().helper, w.inner()
    h, x = inner.name("state"), inner.name("x")
    following, out = step(inner, h, x)
    ins = [helper.make_tensor_value_info(h, FLOAT, [None, units])]
    ins.append(helper.make_tensor_value_info(x, FLOAT, [None, at.in_shape[-1] if at.rank == 3 else None]))
    read = [first, w.transpose(at.x, (1, 0, 2))]
    if at.lengths is not None:
        valid = inner.name("valid")
        ins.append(helper.make_tensor_value_info(valid, onnx().TensorProto.BOOL, [None, 1]))
        read.append(w.transpose(w.valid_steps(at.x, at.lengths, 3), (1, 0, 2)))
        following = inner.op("Where", valid, following, h)
    if following == out:  # every output of a body needs a name of its own
        out = inner.op("Identity", out)
    outs = [helper.make_tensor_value_info(name, FLOAT, [None, units]) for name in (following, out)]
    body = helper.make_graph(inner.nodes, w.name("body"), ins, outs)
    last, states = w.name("last"), w.name("states")
    backwards = [int(reverse)]
    w.op(
        "Scan",
        *read,
        outputs=[last, states],
        body=body,
        num_scan_inputs=len(read) - 1,
        scan_input_directions=backwards * (len(read) - 1),
        scan_output_directions=backwards,
    )
    return w.transpose(states, (1, 0, 2)), last
