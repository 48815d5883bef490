"""Models of one layer each, from the layers' own test cases, for every way out and in."""

from functools import cache

import jax
import numpy as np

import netgrad as ng
from netgrad.network import Node
from netgrad.training.objective import Objective

from ..layers.test_contract import make

N = 5


def model_of(case, losses=None):
    """A model of this case's layer alone, its inputs (name -> array), and lengths where the case has any."""
    layer, params, x, context = make(case)
    layer = layer.replace(name="tested")
    several = isinstance(x, tuple)
    xs = x if several else (x,)
    names = [f"x{i}" if several else "x" for i in range(len(xs))]
    network = ng.Network.from_nodes(names, [Node("tested", layer, tuple(names), "tested")], [("tested", "tested")])
    state = jax.tree.map(lambda v: v + 0.3, context.state)
    whole = np.floor if case.symbols else np.asarray
    inputs = {name: np.asarray(whole(value), np.float32) for name, value in zip(names, xs, strict=True)}
    model = ng.Model(
        network,
        {"tested": params} if params else {},
        {"tested": state} if state else {},
        Objective((("tested", losses or ng.SquaredError(), 1.0),)),
        {name: value.shape[1:] for name, value in inputs.items()},
    )
    each = context.lengths if several else (context.lengths,)
    lengths = {name: np.asarray(own) for name, own in zip(names, each, strict=True) if own is not None}
    return model, inputs, lengths


@cache
def wanted(case):
    """What netgrad itself gives for this case; computed once for the way out and the way in."""
    model, inputs, _ = model_of(case)
    return model.outputs(inputs)["tested"]
