"""The gated cells' worked examples: Kelleher's LSTM, forward and one time-step back, and Z&M's forget gate."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment

# Kelleher eq. 114: W^(f) = [bias; h; x]; c has three elements there and h two, so a third h meets weights of 0.
FORWARD_W_F = np.array([[0, 1, 1, 1], [0, -1, -1, -1], [0, 0, 0, 0]])
FORWARD_HX = np.array([1, 1, 1, 4])

# Kelleher eq. 138-144, as printed.
C_BEFORE, H_BEFORE, X_T = np.array([0.3, 0.6]), np.array([0.1, 0.8]), np.array([0.9])
F_SLOPE = np.array([0.248743973, 0.249694])  # f (1 - f)
OUTPUT = np.array([0.575420058, 0.52098661])
TANH_SLOPE = np.array([0.999184559, 0.997048635])  # 1 - tanh(c)^2
FROM_C, FROM_H, FROM_O = np.array([0.35, 0.50]), np.array([0.75, 0.25]), np.array([0.15, 0.60])
DELTA_F = [0.064732317, 0.141057014]
D_W_F = [[0.064732317, 0.006473232, 0.051785854, 0.058259085], [0.141057014, 0.014105701, 0.112845611, 0.126951313]]

# Z&M 26.2.1, "Gated RNNs, Example"; the scan lost the signs, which follow from the printed partial products.
H_PREVIOUS = np.array([-0.94, 1.05, 0.39, 0.97, 0.9])
CANDIDATE = np.array([0.5, 2.5, -1.0, -0.5, 0.8])
FORGET = np.array([0.9, 1.0, 0.0, 0.1, 0.5])
H_NEW = [-0.796, 1.05, -1.0, -0.353, 0.85]

# Kelleher eq. 138 to 142, on the way there: dE/do, dE/d of tanh(c), delta of it, dE/dc, dE/df. The text computes on
# with o rounded, but its product in eq. 139 is 0.442839512 where that o gives 0.44283862.
ON_THE_WAY = {
    "eq. 138: dE/do": [0.9, 0.85],
    "eq. 139: dE/d tanh(c)": [0.517878052, 0.442839512],
    "eq. 140: delta of tanh(c)": [0.517455753, 0.441532531],
    "eq. 141: dE/dc": [0.867455753, 0.941532531],
    "eq. 142: dE/df": [0.260236726, 0.564919518],
}

# Z&M 26.2.1, "Differentiable Gates": a logical and a differentiable gate on h_t.
LOGICAL, DIFFERENTIABLE = [0, 1, 1, 0, 1], [0.1, 0, 1, 0.9, 0.5]
H_LOGICAL, H_DIFFERENTIABLE = [0, 1.05, 0.39, 0, 0.9], [-0.094, 0, 0.39, 0.873, 0.45]


def constant_gates(gates: dict[str, Any], inputs: int) -> dict[str, Any]:
    """Parameters that give each gate this net input, whatever comes in: the weights are 0, the biases do it."""
    units = len(next(iter(gates.values())))
    zeros = {"W_x": jnp.zeros((inputs, units), float), "W_h": jnp.zeros((units, units), float)}
    return {name: zeros | {"b": jnp.asarray(z, float)} for name, z in gates.items()}


def logit(p: Any) -> np.ndarray:
    """The net input of a logistic unit that puts out p; large but finite for 0 and 1."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log(p) - np.log1p(-np.asarray(p)), -100, 100)


def lstm_forward() -> dict[str, np.ndarray]:
    """Net input z and output f of the forget gate, and c_(t-1) * f, of Kelleher's example (eq. 114, 115)."""
    layer = ng.LSTM(3)
    params = constant_gates({gate: np.zeros(3) for gate in layer.gates}, inputs=1)
    b, of_h, of_x = FORWARD_W_F[:, 0], FORWARD_W_F[:, 1:3], FORWARD_W_F[:, 3:]
    params["forget_gate"] = {
        "W_x": jnp.asarray(of_x.T, float),
        "W_h": jnp.asarray(np.vstack([of_h.T, np.zeros(3)]), float),
        "b": jnp.asarray(b, float),
    }
    h, c = [*FORWARD_HX[1:3], 0], np.ones(3)
    x = (jnp.full((1, 1, 1), FORWARD_HX[3], float), jnp.asarray([[*h, *c]], float))
    _, saved = layer.forward(params, x, ng.Context())
    # The candidate is tanh(0) = 0, so that c_t is what the forget gate left of c_(t-1).
    found = {"z": saved["z"]["forget_gate"], "f": saved["gates"]["forget_gate"], "c": saved["c"]}
    return {name: np.asarray(value)[0, 0] for name, value in found.items()}


def lstm_backward() -> dict[str, np.ndarray]:
    """Net gradient and weight gradients of the forget gate in Kelleher's example (eq. 138-144).

    The text prints gates and slopes but not the other weights; the gates are set to the printed values here, the
    candidate so that c_t has the printed slope.
    """
    layer = ng.LSTM(2, returns="state")
    f, i = 0.5 + np.sqrt(0.25 - F_SLOPE), 0.5
    c = np.arctanh(np.sqrt(1 - TANH_SLOPE))
    z = {"input_gate": logit(np.full(2, i)), "forget_gate": logit(f), "output_gate": logit(OUTPUT)}
    params = constant_gates(z | {"candidate": np.arctanh((c - f * C_BEFORE) / i)}, inputs=1)
    x = (jnp.asarray(X_T, float)[None, None], jnp.asarray([[*H_BEFORE, *C_BEFORE]], float))
    _, saved = layer.forward(params, x, ng.Context())
    back = layer.backward(params, saved, jnp.asarray([[*(FROM_O + FROM_H), *FROM_C]], float))
    d = back.d_params["forget_gate"]
    d_W = np.concatenate([np.asarray(d["b"])[:, None], np.asarray(d["W_h"]).T, np.asarray(d["W_x"]).T], axis=1)
    delta = {name: np.asarray(value)[0, 0] for name, value in back.delta.items()}
    # What the layer does not show follows from its deltas: each is a quantity on the way times a slope.
    candidate = np.asarray(saved["gates"]["candidate"])[0, 0]
    d_c = delta["candidate"] / (i * (1 - candidate**2))
    steps = [d_c - FROM_C, d_c, delta["forget_gate"] / F_SLOPE]
    steps = [steps[0] / TANH_SLOPE / OUTPUT, steps[0] / TANH_SLOPE, *steps]
    return {"delta_f": delta["forget_gate"], "d_W_f": d_W, **dict(zip(ON_THE_WAY, steps, strict=True))}


def pass_gate(gate: Any, h: Any) -> np.ndarray:
    """What a gate lets through of h."""
    return np.asarray(ng.Multiply().forward({}, (jnp.asarray(gate, float), jnp.asarray(h, float)), ng.Context())[0])


def forget_gate() -> np.ndarray:
    """h_t of Z&M's example. The candidate 2.5, which no tanh reaches, meets a gate that keeps all of the old state."""
    layer = ng.ForgetGateRNN(5)
    z = {"forget_gate": logit(FORGET), "candidate": np.arctanh(np.clip(CANDIDATE, -1 + 1e-16, 1 - 1e-16))}
    params = constant_gates(z, inputs=1)
    x = (jnp.zeros((1, 1, 1), float), jnp.asarray(H_PREVIOUS[None], float))
    return np.asarray(layer.forward(params, x, ng.Context())[0])[0, 0]


@experiment("lstm-cell", "LSTM cell, forward and one time-step back", "Kelleher 8.4, eq. 114-115 and 138-144")
def run(seed: int = 0) -> Result:
    """The forget gate of Kelleher's LSTM examples, through the library's own layer, to the printed digits."""
    result = Result()
    with jax.enable_x64(True):
        forward, backward = lstm_forward(), lstm_backward()
    result.close("z of the forget gate", [6, -6, 0], forward["z"], 1e-9)
    result.close("forget gate", [0.997527377, 0.002472623, 0.5], forward["f"], 1e-9)
    result.close("c_(t-1) * f", [0.997527377, 0.002472623, 0.5], forward["c"], 1e-9)
    # The text computes on with rounded numbers.
    for name, text in ON_THE_WAY.items():
        result.close(name, text, backward[name], 2e-6)
    result.close("delta of the forget gate", DELTA_F, backward["delta_f"], 2e-6)
    for unit, row in enumerate(D_W_F):
        result.close(f"dE/dW of forget gate {unit + 1}", row, backward["d_W_f"][unit], 2e-6)
    return result


@experiment("forget-gate", "A state updated through a forget gate", "Z&M 26.2.1, examples")
def run_forget_gate(seed: int = 0) -> Result:
    """The new hidden state of Z&M's example, through the library's own layer."""
    result = Result()
    with jax.enable_x64(True):
        result.close("a logical gate on h_t", H_LOGICAL, pass_gate(LOGICAL, H_PREVIOUS), 1e-9)
        result.close("a differentiable gate on h_t", H_DIFFERENTIABLE, pass_gate(DIFFERENTIABLE, H_PREVIOUS), 1e-9)
        result.close("h_t", H_NEW, forget_gate(), 1e-9)
    return result
