"""Back-propagation as optimal control: deltas are co-states; and the chains of neurons by which texts explain them."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import netgrad as ng
from netgrad.experiments.base import Result, experiment

STEPS, A, END, C, X0 = 1000, 0.7, 1.5, 2.0, 0.8


@experiment(
    "costates",
    "Back-propagation as optimal control, and chains of three and four neurons",
    "Pattipati 'Why Back Propagation?'; Kelleher eq. 47, 58; Allauzen 'Intuitive explanation', eq. 3, 4",
    seconds=6,
)
def costates(seed: int = 0) -> Result:
    """x' = a x from x(0), J = c x(t_f): the chain of Euler's steps as an RNN of one linear unit, and its deltas."""
    result = Result()
    with jax.enable_x64(True):
        _control(result)
        _chains(result, seed)
    return result


def _control(result: Result) -> None:
    dt = END / STEPS
    layer = ng.RNN(1, activation="identity")
    params = {"W_x": jnp.zeros((1, 1)), "W_h": jnp.array([[1 + A * dt]]), "b": jnp.zeros(1)}
    inputs = jnp.zeros((1, STEPS, 1)), jnp.array([[X0]])
    states, saved = layer.forward(params, inputs, ng.Context())
    d_out = jnp.zeros((1, STEPS, 1)).at[0, -1, 0].set(C)  # J = c x(t_f)
    back = layer.backward(params, saved, d_out)
    x, costate = np.asarray(states)[0, :, 0], np.asarray(back.delta)[0, :, 0]
    t = dt * np.arange(1, STEPS + 1)
    result.close("co-state lambda(t) at t_f", C, costate[-1], 1e-12)
    result.close("lambda(t) = c exp(a (t_f - t)): largest relative error", 0.0,
                 np.abs(costate / (C * np.exp(A * (END - t))) - 1).max(), 1e-3)  # fmt: skip
    objective = C * x[-1]
    result.close(
        "J = lambda(t) x(t) for every t: largest difference", 0.0, np.abs(costate * x - objective).max(), 1e-12
    )
    # The weight is 1 + a dt, so dJ/da = dt dJ/dW.
    exact = END * C * np.exp(A * END) * X0
    result.close(
        "dJ/da = t_f lambda(t) x(t), by back-propagation", exact, dt * float(back.d_params["W_h"][0, 0]), 0.015
    )
    result.notes.append(
        f"{STEPS} of Euler's steps stand for the differential equation. They lose 0.16 % on exp, which is what 0.015 "
        "allows, and less with every further step."
    )


def _chains(result: Result, seed: int) -> None:
    """One neuron a layer: dC/db_1 is a product of slopes and weights."""
    for neurons, source in ((3, "Kelleher eq. 47"), (4, "Allauzen eq. 4")):
        net = ng.Sequential([ng.Dense(1, activation="logistic") for _ in range(neurons)])
        x, y = np.array([[0.6]]), np.array([[1.0]])
        model = ng.untrained(net, x, y, loss="squared_error", seed=seed)
        drawn = jax.random.normal(jax.random.key(seed), (neurons, 2))
        params = {f"dense_{k + 1}": {"W": drawn[k, :1, None], "b": drawn[k, 1:]} for k in range(neurons)}
        trace = replace(model, params=params).trace(x, y)
        slopes = [float(a * (1 - a)) for a in (np.asarray(node.a)[0, 0] for node in trace.values())]
        weights = [float(layer["W"][0, 0]) for layer in params.values()]
        d_last = float(np.asarray(trace[f"dense_{neurons}"].a)[0, 0]) - 1.0
        product = d_last * np.prod(slopes) * np.prod(weights[1:])
        result.close(f"{source}: delta of the first of {neurons} neurons, product and library", product,
                     np.asarray(trace["dense_1"].delta)[0, 0], 1e-12)  # fmt: skip
        largest = 0.25**neurons * np.prod(np.abs(weights[1:])) * abs(d_last)
        result.holds("no larger than 1/4 for every neuron on the way allows", f"{largest:.3g}", abs(product),
                     bool(abs(product) <= largest))  # fmt: skip
