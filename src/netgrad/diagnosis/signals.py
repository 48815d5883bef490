"""The signals of a step: how large z, a and delta of every layer are, and which of its units do not answer.

One pure JAX function serves both who look at a finished model (`netgrad.diagnosis.evidence`) and who watch a run from
inside its compiled step (`netgrad.diagnosis.watch`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.compiling import Program
from netgrad.layers.activation import Activation, Identity, Softmax
from netgrad.layers.base import Layer
from netgrad.layers.wrapper import bare
from netgrad.network import Network
from netgrad.network.composite import Copies, Part, Recomputed, parts
from netgrad.network.execution import out_lengths
from netgrad.regularizers import is_weight
from netgrad.training.batch import Batch
from netgrad.training.objective import Objective, StepGradients, gradients
from netgrad.trees import total

FLAT = 0.05  # a derivative below this share of the activation's largest counts as none


class Signal(NamedTuple):
    """One layer on one batch; positions in the padding do not count.

    x, z, a, delta: the root of the mean square over examples, positions and units; NaN where a layer has none.
    answer (units,): the mean of f'(z), as a share of its largest. flat (units,): the share of positions where it is
    below `FLAT` of that. Both are empty for layers without an elementwise activation.
    reach (units,): the root of the mean square of each unit's delta. weight: of all weights; speed: of their gradient
    over that of the weights, which is how fast the layer learns.
    """

    x: jax.Array
    z: jax.Array
    a: jax.Array
    delta: jax.Array
    answer: jax.Array
    flat: jax.Array
    reach: jax.Array
    weight: jax.Array
    speed: jax.Array


def signals(
    network: Network, looked: StepGradients, params: dict, batch: Batch, inside: bool = True
) -> dict[str, Signal]:
    """The signals of every node, from one look at a batch.

    inside: those of the layers in stacks and ensembles, too, "stack_1/dense_1", by copy. In a step of training an
    ensemble deals its examples out: there they are left out.
    """
    effective, steps = network.effective(params), _steps(network, batch)
    found = {}
    for node in network.nodes:
        saved, back = looked.run.saved[node.name], looked.nodes[node.name]
        own = effective.get(node.params, {})
        within = parts(node.name, node.layer, own, saved, back.delta, back.d_params)
        for part in within if inside else ():

            def one(own: Any, saved: Any, delta: Any, slopes: Any, part: Part = part) -> Signal:
                return _signal(part.layer, own, saved, delta, slopes, steps.get(part.name, NO_PADDING))

            for _ in range(part.copies):
                one = jax.vmap(one)
            shown = {name: part.saved[name] for name in ("x", "z", "a", "h") if name in part.saved}
            found[part.name] = one(part.params, shown, part.delta, part.d_params)
        valid = steps.get(node.name, NO_PADDING)
        found[node.name] = _signal(node.layer, own, saved, back.delta, back.d_params, valid)
    return found


def _signal(layer: Layer, own: dict, saved: dict, delta: Any, slopes: dict, steps: Steps) -> Signal:
    valid = steps.every
    answer, flat = _answer(layer, own, saved, valid)
    weights, gradients = (
        [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree) if is_weight(path)] for tree in (own, slopes)
    )
    weight = _rms(weights)
    return Signal(
        _rms(saved.get("x"), *([mask] for mask in steps.enters)),
        _rms(saved.get("z"), valid),
        _rms(saved.get("a"), valid),
        _rms(delta, valid),
        answer,
        flat,
        _unit_rms(delta, valid),
        weight,
        _rms(gradients) / jnp.maximum(weight, jnp.finfo(weight.dtype).tiny),
    )


@lru_cache(maxsize=64)
def compiled(network: Network, objective: Objective) -> Any:
    """(params, state, batch) -> the signals, the activations of every node (positions, units), and whether all numbers
    of the way forward and back are finite."""

    def look(params: dict, state: dict, batch: Batch) -> tuple[dict[str, Signal], dict[str, Any], Any]:
        looked = gradients(network, objective, params, state, batch, None, training=False)
        kept = {name: saved["a"] for name, saved in looked.run.saved.items() if hasattr(saved.get("a"), "ndim")}
        passed = [[saved.get(key) for key in ("x", "z", "a")] for saved in looked.run.saved.values()]
        numbers = [leaf for leaf in jax.tree.leaves((passed, looked.nodes)) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
        finite = jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in numbers]))
        return signals(network, looked, params, batch), kept, finite

    return Program(look, optimisation=0)


def activation_of(layer: Layer) -> Activation | None:
    """The elementwise activation of a layer, where its derivative can be asked for; None for all others."""
    layer = bare(layer)
    activation = layer if isinstance(layer, Activation) else getattr(layer, "activation", None)
    if not isinstance(activation, Activation) or isinstance(activation, Identity | Softmax):
        return None
    return activation if type(activation).df is not Activation.df else None


def _answer(layer: Layer, params: dict, saved: dict, valid: Any) -> tuple[jax.Array, jax.Array]:
    activation = activation_of(layer)
    z, a = saved.get("z"), saved.get("h", saved.get("a"))
    if activation is None or not isinstance(z, jax.Array) or not isinstance(a, jax.Array) or a.shape != z.shape:
        return jnp.zeros(0), jnp.zeros(0)
    line = jnp.linspace(-3, 3, 121)
    largest = jnp.maximum(jnp.abs(activation.df(line, activation.f(line))).max(), 1e-12)
    share = jnp.abs(activation.df(z, a)) / largest
    weight = jnp.broadcast_to(_weights(share, valid), share.shape)
    axes = tuple(range(share.ndim - 1))
    total = weight.sum(axes)
    return (share * weight).sum(axes) / total, ((share < FLAT) * weight).sum(axes) / total


class Steps(NamedTuple):
    """Which positions (N, T) of a layer's inputs and of its output are no padding; None where all are."""

    enters: tuple[Any, ...]
    leaves: Any

    @property
    def every(self) -> tuple[Any, ...]:
        """Of whatever the layer computes: as its output where that has these steps, as an input otherwise."""
        return self.leaves, *self.enters


NO_PADDING = Steps((), None)


def _steps(network: Network, batch: Batch) -> dict[str, Steps]:
    """Of every layer, those in stacks and ensembles under their paths, by the lengths that reach it."""
    if not batch.lengths:
        return {}
    shapes = network.shapes({name: tuple(value.shape[1:]) for name, value in batch.x.items()})
    return dict(_reached(network, batch.lengths, shapes))


def _reached(network: Network, lengths: Any, shapes: Any, before: str = "") -> Iterator[tuple[str, Steps]]:
    ends = out_lengths(network, lengths, shapes)

    def mask(name: str) -> Any:
        return None if ends[name] is None else jnp.arange(shapes[name][0]) < ends[name][:, None]

    for node in network.nodes:
        yield before + node.name, Steps(tuple(map(mask, node.inputs)), mask(node.name))
        if isinstance(node.layer, Copies | Recomputed):
            given = node.layer.fed(network.in_shape(node, ends))
            inside = node.layer.shapes(network.in_shape(node, shapes))
            yield from _reached(node.layer.block, given, inside, f"{before}{node.name}/")


def _weights(value: jax.Array, valid: Any) -> jax.Array:
    """1 for positions that count and 0 for padding, to be broadcast against ``value``, by the first mask that fits."""
    for mask in valid:
        if mask is not None and value.ndim >= 3 and value.shape[1] == mask.shape[1]:
            return mask.reshape(*mask.shape, *(1,) * (value.ndim - 2)).astype(value.dtype)
    return jnp.ones((1,) * value.ndim, value.dtype)


def _rms(value: Any, *valid: Any) -> jax.Array:
    """The root of the mean square of an array, or of those that a layer has several of; valid: for all, or for each."""
    parts = [leaf for leaf in jax.tree.leaves(value) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    if not parts:
        return jnp.asarray(jnp.nan)
    squares, count = [], jnp.zeros(())
    for part, own in zip(parts, valid if len(valid) == len(parts) else cycle(valid or [()]), strict=False):
        weight = _weights(part, own)
        squares.append(jnp.where(weight > 0, part, 0) ** 2)
        count += weight.sum() * (part.size / weight.size)
    return jnp.sqrt(total(squares) / count)


def _unit_rms(value: Any, valid: Any) -> jax.Array:
    parts = [leaf for leaf in jax.tree.leaves(value) if leaf.ndim > 1]
    units = []
    for part in parts:
        weight = jnp.broadcast_to(_weights(part, valid), part.shape)
        axes = tuple(range(part.ndim - 1))
        units.append(jnp.sqrt((jnp.where(weight > 0, part, 0) ** 2).sum(axes) / weight.sum(axes)))
    return jnp.concatenate(units) if units else jnp.zeros(0)
