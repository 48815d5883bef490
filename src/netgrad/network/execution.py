"""The executor: forward in topological order, backward in reverse, gradients summed where the way forward forks.

This is the whole of back-propagation (Allauzen, "Example of a single layer network"; Kelleher algorithm 4). Training,
prediction and the trace all run through these two functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.errors import NetgradError
from netgrad.layers.base import Backward, Context
from netgrad.network.graph import Network
from netgrad.types import Params, Saved, State


class Forward(NamedTuple):
    """outputs: by output name; saved: what each node kept, by node name; lengths: of each output's sequences."""

    outputs: dict[str, Any]
    saved: dict[str, Saved]
    lengths: dict[str, Any]


def forward(
    network: Network,
    params: Params,
    state: State,
    inputs: Mapping[str, jax.Array],
    *,
    training: bool = False,
    key: jax.Array | None = None,
    lengths: Mapping[str, jax.Array] | None = None,
    outputs_only: bool = False,
    laid: bool = False,
) -> Forward:
    """Run every node once, in topological order, with what the network's views make of the stored ``params``.

    outputs_only: nobody will ask for what was saved, so that layers may save less.
    laid: the inputs lie in memory as the layers want them, since they come from others.
    """
    params = network.effective(params)
    values: dict[str, Any] = dict(inputs)
    for node in network.nodes:
        if not laid and len(node.inputs) == 1 and (name := node.inputs[0]) in inputs and values[name] is inputs[name]:
            values[name] = node.layer.layout(inputs[name])
    lengths_at: dict[str, Any] = {name: (lengths or {}).get(name) for name in network.inputs}
    saved: dict[str, Saved] = {}
    for i, node in enumerate(network.nodes):
        context = Context(
            training=training and node.params not in network.still,
            key=None if key is None else jax.random.fold_in(key, i),
            lengths=network.in_shape(node, lengths_at),
            state=state.get(node.params, {}),
            outputs_only=outputs_only,
        )
        x = network.in_shape(node, values)
        values[node.name], saved[node.name] = node.layer.forward(params.get(node.params, {}), x, context)
        in_shape = network.in_shape(node, {name: values[name].shape[1:] for name in node.inputs})
        lengths_at[node.name] = node.layer.out_lengths(network.in_shape(node, lengths_at), in_shape)
    outputs = {key: values[name] for key, name in network.outputs}
    return Forward(outputs, saved, {key: lengths_at[name] for key, name in network.outputs})


def out_lengths(network: Network, lengths: Mapping[str, Any], shapes: Mapping[str, Any]) -> dict[str, Any]:
    """The lengths of the sequences at every input and node, None where all steps are valid or there are none.

    lengths: of the inputs that have some; shapes: of every input and node, as `Network.shapes` says them.
    """
    lengths_at: dict[str, Any] = {name: lengths.get(name) for name in network.inputs}
    for node in network.nodes:
        lengths_at[node.name] = node.layer.out_lengths(
            network.in_shape(node, lengths_at), network.in_shape(node, shapes)
        )
    return lengths_at


class Gradients(NamedTuple):
    """params: dE/d(parameter), keyed as they are stored; nodes: each node's `Backward`; inputs: dE/d(input); outputs:
    what arrived at each node, dE/d(its output)."""

    params: Params
    nodes: dict[str, Backward]
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def backward(
    network: Network,
    params: Params,
    saved: dict[str, Saved],
    d_outputs: Mapping[str, Any],
    *,
    bottom: bool = True,
    d_inside: Mapping[str, Any] | None = None,
) -> Gradients:
    """Run every node's backward rule once, in reverse order, from dE/d(output) of each output.

    bottom: nobody below needs the gradients of the inputs, so that those of parameters may be made without them.
    d_inside: what is to be added to dE/d(value) of inputs and nodes, by their names.
    """
    stored, params = params, network.effective(params)
    d_values: dict[str, Any] = {}

    def arrive(name: str, gradient: Any) -> None:
        d_values[name] = d_values[name] + gradient if name in d_values else gradient

    for key, name in network.outputs:
        arrive(name, d_outputs[key])
    for name, gradient in (d_inside or {}).items():
        arrive(name, gradient)
    d_params: Params = {}
    nodes: dict[str, Backward] = {}
    arrived: dict[str, Any] = {}
    for node in reversed(network.nodes):
        d_out = arrived[node.name] = d_values.pop(node.name)
        back = node.layer.backward(params.get(node.params, {}), saved[node.name], d_out)
        if bottom and all(name in network.inputs for name in node.inputs):
            alone = node.layer.gradients(params.get(node.params, {}), saved[node.name], d_out)
            back = back if alone is None else back._replace(d_params=alone)
        nodes[node.name] = back
        if back.d_params:
            used_before = d_params.get(node.params)
            d_params[node.params] = (
                back.d_params if used_before is None else jax.tree.map(jnp.add, used_before, back.d_params)
            )
        for name, d_in in zip(node.inputs, back.d_in if len(node.inputs) > 1 else (back.d_in,), strict=True):
            arrive(name, d_in)
    # Keys in the order of params, so that both are one pytree structure.
    d_stored = network.returned(stored, {name: d_params[name] for name in params})
    return Gradients(d_stored, nodes, {name: d_values[name] for name in network.inputs}, arrived)


def look_back(
    network: Network, params: Params, saved: dict[str, Saved], d_outputs: Mapping[str, Any]
) -> dict[str, Saved]:
    """What each node shows of the way back besides its `Backward`, from what arrived at it (`Gradients.outputs`)."""
    params = network.effective(params)
    return {
        node.name: node.layer.look_back(params.get(node.params, {}), saved[node.name], d_outputs[node.name])
        for node in network.nodes
    }


def stream_state(network: Network, n: int, shapes: Mapping[str, Any]) -> State:
    """What the layers keep of ``n`` long sequences before their first step, see `Layer.stream_state`.

    shapes: of every input and node, as `Network.shapes` says them, for whole sequences.
    """
    streams: State = {}
    for node in network.nodes:
        if kept := node.layer.stream_state(n, network.in_shape(node, shapes)):
            if node.params in streams:
                raise NetgradError(
                    f"layer {node.params} is used at several places: it cannot carry one state from piece to piece"
                )
            streams[node.params] = kept
    return streams


def next_state(network: Network, state: State, saved: dict[str, Saved]) -> State:
    """The network's state after a training step; a layer used several times updates its state at each use."""
    state = dict(state)
    for node in network.nodes:
        if node.params in state and node.params not in network.still:
            state[node.params] = node.layer.next_state(state[node.params], saved[node.name])
    return state
