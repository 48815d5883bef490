"""Few examples through a network without JAX, where its layers say how (`Layer.single`): a plan, and when it holds."""

from __future__ import annotations

import math
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.data.checks import default_float
from netgrad.kernels import single
from netgrad.kernels.dispatch import are_aside
from netgrad.kernels.single import Bend, Op, Plan
from netgrad.layers.base import says_for
from netgrad.losses import BinaryCrossEntropy, Loss, Poisson, SoftmaxCrossEntropy
from netgrad.network import Network
from netgrad.training.objective import Objective
from netgrad.types import Params, Shape, State

LARGEST = 2**22  # numbers of all parameters: of more, memory is the limit, and a plan has them once again

# By the function itself, so that a loss that defines another link is not taken for its base.
_LINKS = {
    Loss.link: "identity",
    SoftmaxCrossEntropy.link: "softmax",
    BinaryCrossEntropy.link: "logistic",
    Poisson.link: "exp",
}


def plan_of(network: Network, params: Params, state: State, shape: Shape, linked: Objective | None) -> Plan | None:
    """What these layers do to a few examples of ``shape``; ``linked`` as for `netgrad.training.running.run`.

    None where the network is no chain, a layer or loss does not say how, or arrays lie elsewhere than kernels run.

    >>> import netgrad as ng
    >>> net = ng.Sequential([ng.Dense(3), ng.Attention()])
    >>> params, state = net.init(0, (4, 2))
    >>> plan_of(net, params, state, (4, 2), None) is None
    True
    """
    if not _runs_here(params, state) or not _is_chain(network):
        return None
    effective, kept = jax.tree.map(np.asarray, (network.effective(params), state))
    shapes = network.shapes({network.inputs[0]: shape})
    ops: list[Op] = []
    for node in network.nodes:
        own = says_for(type(node.layer), "single", "forward", "call", "step", "aggregate")
        in_shape = shapes[node.inputs[0]]
        made = node.layer.single(effective.get(node.params, {}), kept.get(node.params, {}), in_shape) if own else None
        if made is None:
            return None
        ops += made
    out_shape = shapes[network.nodes[-1].name]
    for _, loss, _ in linked.terms if linked is not None else ():
        if (links := _link(loss, out_shape)) is None:
            return None
        ops += links
    return Plan(ops, shape, out_shape) if ops else None


class Kept:
    """The plans of a model, for as long as its network, numbers and link are the very same."""

    def __init__(self) -> None:
        self._known: tuple[tuple[Any, ...], dict[Any, Any]] = (), {}

    def plan(
        self, network: Network, params: Params, state: State, shape: Shape, linked: Objective | None
    ) -> Plan | None:
        """`plan_of` these, from before where it is known."""
        if are_aside() or default_float() != np.float32:
            return None
        of = (network, *jax.tree.leaves((params, state)))
        known, plans = self._known  # at once: another thread may put others in their place
        if len(of) != len(known) or not all(map(operator.is_, of, known)):
            plans = {}
            self._known = of, plans
        plan: Plan | None
        link, plan = plans.get((shape, linked is None), (False, None))
        if link is not linked:
            changes = any(isinstance(leaf, np.ndarray) for leaf in of)  # unseen, in place
            plan = None if changes else plan_of(network, params, state, shape, linked)
            plans[shape, linked is None] = linked, plan
        return plan

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, ()  # copies make their own


def _runs_here(params: Params, state: State) -> bool:
    leaves = jax.tree.leaves((params, state))
    return (
        single.available()
        and default_float() == np.float32
        and jax.default_backend() == "cpu"
        and sum(math.prod(np.shape(leaf)) for leaf in leaves) <= LARGEST
        and all(leaf.dtype in (jnp.float32, jnp.bool_, jnp.uint8) for leaf in leaves)
        and all(getattr(leaf, "is_fully_addressable", True) for leaf in leaves)
    )


def _is_chain(network: Network) -> bool:
    if len(network.inputs) > 1 or len(network.outputs) > 1:
        return False
    before = (*network.inputs, *(node.name for node in network.nodes))
    fed = all(node.inputs == (name,) for node, name in zip(network.nodes, before, strict=False))
    return fed and network.outputs[0][1] == before[-1]


def _link(loss: Loss, shape: Shape) -> tuple[Op, ...] | None:
    """`Loss.link` of outputs of this shape; None for one that is not known."""
    name = _LINKS.get(type(loss).link)
    if name is None or name == "identity":
        return None if name is None else ()
    if name == "softmax":
        return (single.softmax(math.prod(shape[:-1]), shape[-1]),)
    return (single.bent(Bend(name), math.prod(shape)),)
