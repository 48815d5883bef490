"""Networks as ONNX, node by node; a stack or an ensemble copy by copy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from netgrad import network as ng
from netgrad.exchange.faults import naming
from netgrad.exchange.out_windows import out_lengths
from netgrad.exchange.rules import Place, rule_for, writes
from netgrad.exchange.writer import Writer
from netgrad.layers.merge import Merge


def write_nodes(
    w: Writer,
    network: ng.Network,
    params: dict[str, Any],
    state: dict[str, Any],
    shapes: dict[str, Any],
    values: dict[str, str],
    lengths_at: dict[str, str | None],
    within: str = "",
) -> dict[str, str]:
    """Write every node; the names of their outputs by node.

    shapes: of every node's output. values, lengths_at: the names of the inputs and of their lengths; both are added to.
    within: stands before the nodes' names.
    """
    params = network.effective(params)
    for node in network.nodes:
        w.scope = f"{within}{node.name}"
        told = each = [lengths_at[name] for name in node.inputs]
        if isinstance(node.layer, Merge):  # a step is valid where it is in all inputs
            given = dict.fromkeys(name for name in told if name is not None)
            told = [w.op("Min", *given) if len(given) > 1 else next(iter(given), None)]
        at = Place(
            node.layer,
            params.get(node.params, {}),
            state.get(node.params, {}),
            tuple(values[name] for name in node.inputs),
            network.in_shape(node, shapes),
            told[0],
            w.scope,
            tuple(each),
        )
        lengths_at[node.name] = None
        with naming(f"layer {within}{node.name}"):
            values[node.name] = rule_for(node.layer, at.name)(w, at)
            lengths = [None if name is None else jnp.ones(1, int) for name in each]
            some = lengths[0] if len(lengths) == 1 else tuple(lengths)
            left = node.layer.out_lengths(some, at.in_shape)
            handed_on = [name for name, own in zip(each, lengths, strict=True) if own is not None and own is left]
            if handed_on:
                lengths_at[node.name] = handed_on[0]
            elif at.lengths is not None and left is not None:
                lengths_at[node.name] = out_lengths(w, node.layer, at.lengths, at.in_shape)
    return values


@writes(ng.Recomputed)
def block(w: Writer, at: Place) -> str:
    """When it is computed makes no difference to a file."""
    inner = at.layer.block
    shapes = at.layer.shapes(at.in_shape)
    fed = dict(zip(inner.inputs, at.inputs, strict=True))
    lengths_at = dict(zip(inner.inputs, at.told or (at.lengths,), strict=True))
    values = write_nodes(w, inner, at.params, at.state, shapes, fed, lengths_at, f"{at.name}/")
    return values[inner.outputs[0][1]]


@writes(ng.Stack)
def stack(w: Writer, at: Place) -> str:
    x = at.x
    for i in range(at.layer.n):
        params, state = jax.tree.map(lambda v, i=i: v[i], (at.params, at.state))
        fed, name = (x, *at.inputs[1:]), f"{at.name}/{i}"
        x = block(w, Place(at.layer, params, state, fed, at.in_shape, at.lengths, name, at.told))
    return x


@writes(ng.Ensemble)
def ensemble(w: Writer, at: Place) -> str:
    outputs = []
    for i in range(at.layer.n):
        params, state = jax.tree.map(lambda v, i=i: v[i], (at.params, at.state))
        outputs.append(block(w, Place(at.layer, params, state, (at.x,), at.in_shape, at.lengths, f"{at.name}/{i}")))
    return w.op("Mean", *outputs)
