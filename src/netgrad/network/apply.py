"""A network as a plain JAX function, for use inside other JAX code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import zero_from_primal

from netgrad.errors import NetgradError
from netgrad.network.execution import Forward, backward, forward, next_state
from netgrad.network.graph import Network
from netgrad.network.linear import linear
from netgrad.types import Params, State


def apply(
    network: Network,
    params: Params,
    x: Any,
    *,
    state: State | None = None,
    key: jax.Array | None = None,
    lengths: Any = None,
    training: bool = False,
) -> Any:
    """The network as a plain JAX function for `grad` (with our backward rules), `jvp`, `jit`, `vmap` and all of these.

    Args:
        params: as `Network.init` draws them.
        x: the inputs by name, {"x": (N, ...)}; or the array itself where there is one.
        state: what layers such as `BatchNorm` remember, the second result of `Network.init`. No derivative goes through
            it.
        key: the random key of this step, for dropout and noise; without it nothing is drawn.
        lengths: the valid time-steps of sequences, (N,), or a dict of them by input.
        training: batch statistics are those of the batch, and the state moves on.

    Returns the outputs by name; the output itself where x was an array and there is one output. Where ``state`` was
    given, a pair of that and the state after this step.

    Raises `NetgradError` for a network with a state without one, and for one that draws in training without a key.

    >>> import jax, jax.numpy as jnp, netgrad as ng
    >>> net = ng.Sequential([ng.Dense(3, activation="tanh"), ng.Dense(1)])
    >>> params, _ = net.init(0, (2,))
    >>> ng.apply(net, params, jnp.ones((4, 2))).shape
    (4, 1)
    >>> f = lambda p: ng.apply(net, p, {"x": jnp.ones((4, 2))})["dense_2"].sum()
    >>> jax.grad(f)(params)["dense_2"]["W"].shape
    (3, 1)
    >>> net = ng.Sequential([ng.Dense(3), ng.BatchNorm(), ng.Dropout(0.1), ng.Dense(1)])
    >>> params, state = net.init(0, (2,))
    >>> y, state = ng.apply(net, params, jnp.ones((4, 2)), state=state, key=jax.random.key(1), training=True)
    >>> y.shape, state["batch_norm_1"]["mean"].shape
    ((4, 1), (3,))
    """
    inputs = jax.tree.map(jnp.asarray, _named(network, x, "input"))
    if missing := [name for name in network.inputs if name not in inputs]:
        raise NetgradError(f"input {missing[0]!r} is missing: give all of {', '.join(network.inputs)}")
    lengths = {} if lengths is None else _named(network, lengths, "lengths of")
    needed = network.state_shapes({name: value.shape[1:] for name, value in inputs.items()})
    if missing := [name for name in needed if name not in (state or {})]:
        raise NetgradError(f"{missing[0]} has a state: give state=, the second result of net.init, and take it back")
    if training and key is None and (drawn := [node.name for node in network.nodes if node.layer.draws]):
        raise NetgradError(f"{drawn[0]} draws random numbers in training: give key=jax.random.key(0), a new one a step")
    outputs, after = _run(network, (params, inputs), (state or {}, key, lengths), training)
    single = not isinstance(x, Mapping) and len(outputs) == 1
    answer = next(iter(outputs.values())) if single else outputs
    return answer if state is None else (answer, after)


def _named(network: Network, value: Any, what: str) -> dict[str, Any]:
    if isinstance(value, Mapping):
        if unknown := [name for name in value if name not in network.inputs]:
            raise NetgradError(f"unknown {what} {unknown[0]!r}: this network has {', '.join(network.inputs)}")
        return dict(value)
    if len(network.inputs) > 1:
        raise NetgradError(f"this network has the inputs {', '.join(network.inputs)}: give a dict of them")
    return {network.inputs[0]: value}


def _run(network: Network, moving: Any, still: Any, training: bool) -> tuple[dict[str, Any], State]:
    """Outputs, and the state after. moving: (params, inputs), by which derivatives are taken; still: all the rest."""
    leaves, tree = jax.tree.flatten(moving)
    real = [jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) for leaf in leaves]
    whole = [leaf for leaf, moves in zip(leaves, real, strict=True) if not moves]

    def split(tree_of: Any) -> list[Any]:
        return [leaf for leaf, moves in zip(jax.tree.leaves(tree_of), real, strict=True) if moves]

    def once(values: list[Any], whole: list[Any], still: Any) -> tuple[Params, Forward]:
        rest, moved = iter(whole), iter(values)
        params, inputs = jax.tree.unflatten(tree, [next(moved) if moves else next(rest) for moves in real])
        state, key, lengths = still
        return params, forward(network, params, state, inputs, training=training, key=key, lengths=lengths)

    @jax.custom_jvp
    def run(values: list[Any], whole: list[Any], still: Any) -> tuple[dict[str, Any], State]:
        _, done = once(values, whole, still)
        return done.outputs, next_state(network, still[0], done.saved)

    @run.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        params, done = once(*primals)
        after = next_state(network, primals[2][0], done.saved)

        def forth(known: Any, moved: list[Any]) -> dict[str, Any]:
            (values, *others), _, _ = known
            along: dict[str, Any] = jax.jvp(lambda v: once(v, *others)[1].outputs, (values,), (moved,))[1]
            return along

        def back(known: Any, d_outputs: dict[str, Any]) -> list[Any]:
            _, params, saved = known
            found = backward(network, params, saved, d_outputs)
            return split((found.params, found.inputs))

        d_outputs = linear(forth, back, (primals, params, done.saved), tangents[0], done.outputs)
        return (done.outputs, after), (d_outputs, jax.tree.map(zero_from_primal, after))

    result: tuple[dict[str, Any], State] = run(split(moving), whole, still)
    return result
