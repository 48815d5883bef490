"""What training minimises: every output's loss, weighed, masked and averaged, plus the penalties on the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from netgrad.compiling import Program
from netgrad.errors import NetgradError
from netgrad.layers import across
from netgrad.layers.activation import Activation, Logistic, Softmax
from netgrad.layers.base import Backward
from netgrad.layers.wrapper import bare
from netgrad.losses import CrossEntropy, Loss
from netgrad.network import Forward, Gradients, Network, Trace, backward, forward, look_back, next_state, record
from netgrad.regularizers import Penalty, View, is_weight
from netgrad.training.batch import Batch
from netgrad.training.precision import like, narrowed
from netgrad.trees import completed, trained
from netgrad.types import Named, Params, State


@dataclass(frozen=True)
class Objective:
    """E = sum over outputs of weight * loss, plus the penalties.

    terms: (output, loss, weight) for every output that is trained. reduction "mean" divides each output's error by
    the sum of its example weights (by the number of valid positions where there are none), so that the step does not
    depend on batch size, length or padding; "sum" adds the examples up, as the texts write their errors.
    weight_noise: the standard deviation of the noise that every step of training adds to the weights, so that E is
    expected over it: solutions whose error small changes of the weights raise much are avoided (Pattipati,
    "training with noise"). reconstructs: the targets are the inputs. dtype: what the layers compute in where it is not
    what the parameters are in (`netgrad.training.precision`); outputs, loss and gradients come out in theirs.
    """

    terms: tuple[tuple[str, Loss, float], ...]
    penalties: tuple[Penalty, ...] = ()
    reduction: str = "mean"
    weight_noise: float = 0.0
    reconstructs: bool = False
    dtype: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.weight_noise < math.inf:
            raise NetgradError(f"weight_noise must be a number of at least 0, found {self.weight_noise}")
        if self.reduction not in ("mean", "sum"):
            raise NetgradError(f"reduction must be 'mean' or 'sum', found {self.reduction!r}")

    @cached_property
    def without_penalties(self) -> Objective:
        """What prediction needs of it: models that differ in penalties alone share their programs."""
        return replace(self, penalties=())

    def errors(self, outputs: Mapping[str, Any], batch: Batch, lengths: Mapping[str, Any]) -> tuple[Any, Named]:
        """The error without penalties, and its gradient with respect to every output (zeros where untrained)."""
        total = jnp.zeros((), float)
        d_outputs = {name: jnp.zeros_like(value) for name, value in outputs.items()}
        for name, loss, weight in self.terms:
            output, target = outputs[name], batch.y[name]
            given = _counted(batch.weights.get(name), output.shape[0])
            w = position_weights(output.shape[:-1], given, lengths.get(name))
            scale: Any = weight
            if self.reduction == "mean":
                if w is None:
                    scale = weight / across.number(math.prod(output.shape[:-1]))
                else:
                    scale = weight / jnp.maximum(across.total(w.sum()), jnp.finfo(w.dtype).tiny)
            error, delta = loss.weighted(output, target, jnp.asarray(scale if w is None else scale * w, output.dtype))
            total = total + error
            d_outputs[name] = d_outputs[name] + delta
        return total, d_outputs

    def penalty(self, params: Params, view: View) -> Any:
        """The sum of the penalties."""
        return sum((p.value(params, view) for p in self.penalties), start=jnp.zeros((), float))

    @property
    def strengths(self) -> tuple[float, ...]:
        """The strengths of the penalties that one compiled program serves at any strength."""
        return tuple(p.alpha for p in self.penalties if p.of_any_strength)

    def at(self, strengths: Any) -> Objective:
        """This objective with other strengths: a program compiled for one serves a search over all of them."""
        left = iter(strengths)
        return replace(self, penalties=tuple(p.at(next(left)) if p.of_any_strength else p for p in self.penalties))

    def check_network(self, network: Network) -> None:
        """Refuse losses for outputs and penalties on layers that do not exist, and a link function applied twice."""
        for penalty in self.penalties:
            penalty.check_network(network)
        nodes = dict(network.outputs)
        for name, loss, _ in self.terms:
            if name not in network.output_names:
                raise NetgradError(
                    f"a loss is given for output {name!r}; outputs are {', '.join(network.output_names)}"
                )
            layer = bare(network.output_layer(name))
            activation = getattr(layer, "activation", layer)
            if (
                isinstance(loss, CrossEntropy)
                and isinstance(activation, Activation)
                and not isinstance(activation, Softmax | Logistic)
            ):
                raise NetgradError(
                    f"loss 'cross_entropy' takes probabilities, but layer {nodes[name]} ends in "
                    f"{activation.registered_name!r}: use loss 'softmax_cross_entropy'"
                )
            if loss.logits and isinstance(activation, Softmax | Logistic):
                raise NetgradError(
                    f"loss {loss.registered_name!r} applies its own link function, but layer {nodes[name]} ends in "
                    f"{activation.registered_name!r}: leave that layer's activation out"
                )


def position_weights(shape: tuple[int, ...], weights: Any, lengths: Any) -> Any:
    """The weight of each example or position, of this shape, or None where all count alike."""
    mask = None
    if lengths is not None and len(shape) > 1:
        mask = (jnp.arange(shape[1]) < lengths[:, None]).astype(float)
        mask = jnp.broadcast_to(mask.reshape(*mask.shape, *(1,) * (len(shape) - 2)), shape)
    if weights is None:
        return mask
    weights = jnp.broadcast_to(weights.reshape(*weights.shape, *(1,) * (len(shape) - weights.ndim)), shape)
    return weights if mask is None else weights * mask


def _counted(weights: Any, rows: int) -> Any:
    """The weights of examples (rows, ...), 0 for those that only fill up a device's share."""
    mask = across.counts(rows)
    if mask is None:
        return weights
    return mask.astype(float) if weights is None else weights * mask.reshape(-1, *(1,) * (weights.ndim - 1))


def disturbed(network: Network, objective: Objective, params: Params, key: jax.Array | None) -> Params:
    """The parameters with the objective's noise on the weights; as they are where there is none."""
    if not objective.weight_noise or key is None:
        return params
    own = jax.random.fold_in(key, len(network.nodes))  # the number after those by which nodes draw theirs
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    moved = [
        leaf + objective.weight_noise * jax.random.normal(jax.random.fold_in(own, i), leaf.shape, leaf.dtype)
        if is_weight(path)
        else leaf
        for i, (path, leaf) in enumerate(leaves)
    ]
    return completed(params, trained(jax.tree.unflatten(tree, moved), network.untrained))


def _view(network: Network, objective: Objective, params: Params, state: State, batch: Batch) -> View:
    """What penalties may look at: they are given those of the parameters that are trained."""

    def run(own: Params, x: Named) -> Forward:
        return forward(network, completed(params, own), state, x, lengths=batch.lengths)

    return View(lambda own, x: run(own, x).outputs, batch.x, objective.reduction, lambda own, x: run(own, x).saved)


def loss(
    network: Network, objective: Objective, params: Params, state: State, batch: Batch, key: jax.Array | None
) -> Any:
    """The loss of a training step alone, with penalties: what `gradients` is the derivative of."""
    at = disturbed(network, objective, params, key)
    run = _forward(network, objective, narrowed(at, objective.dtype), state, batch, key, training=True)
    error, _ = objective.errors(whole(run.outputs, objective), batch, run.lengths)
    view = _view(network, objective, params, state, batch)
    return error + objective.penalty(trained(params, network.untrained), view)


class StepGradients(NamedTuple):
    """What one look at a batch yields: the loss with penalties, its gradients, the state after, the forward pass, each
    node's backward rule, and the gradient that arrived at each node."""

    loss: Any
    params: Params
    state: State
    run: Forward
    nodes: dict[str, Backward]
    arrived: Named


def gradients(
    network: Network,
    objective: Objective,
    params: Params,
    state: State,
    batch: Batch,
    key: jax.Array | None,
    training: bool = True,
    together: bool = False,
) -> StepGradients:
    """Forward, loss, backward, penalties: everything of a training step but the update.

    together: penalties that the forward pass of the step has measured anyway (`Penalty.fed`) go back with the error.
    That saves their own passes; what arrives at the nodes is then no longer the error's alone.
    """
    at = disturbed(network, objective, params, key if training else None)
    fed = _fed(network, objective, state) if together else ()
    seen = of_data(network, objective, at, state, batch, key, training, fed)
    apart = replace(objective, penalties=tuple(p for p in objective.penalties if p not in fed))
    total, d_params = with_penalties(network, apart, params, state, batch, seen.error, seen.params)
    return StepGradients(total, d_params, seen.state, seen.run, seen.back.nodes, seen.back.outputs)


def _fed(network: Network, objective: Objective, state: State) -> tuple[Penalty, ...]:
    """The penalties that a step's own forward pass measures, and its way back descends by."""
    if objective.weight_noise or network.untrained:
        return ()
    return tuple(p for p in objective.penalties if p.fed(network, state) is not None)


class OfData(NamedTuple):
    """What the examples have to say: their error, its gradient, the state after; and how that came about."""

    error: Any
    params: Params
    state: State
    run: Forward
    back: Gradients


def of_data(
    network: Network,
    objective: Objective,
    params: Params,
    state: State,
    batch: Batch,
    key: jax.Array | None,
    training: bool = True,
    fed: tuple[Penalty, ...] = (),
) -> OfData:
    """Forward, loss and backward at these parameters, without the penalties but those that are ``fed``."""
    at = narrowed(params, objective.dtype)
    run = _forward(network, objective, at, state, batch, key, training)
    error, d_outputs = objective.errors(whole(run.outputs, objective), batch, run.lengths)
    d_inside: Named = {}
    for penalty in fed:
        node = penalty.fed(network, state)
        seen = whole(run.saved[node.name]["x"], objective)
        cost, slope = jax.value_and_grad(penalty.of_inputs)(seen, objective.reduction)
        (name,) = node.inputs
        error, d_inside[name] = error + cost, d_inside.get(name, 0) + slope
    d_outputs, d_inside = narrowed((d_outputs, d_inside), objective.dtype)
    back = backward(network, at, run.saved, d_outputs, d_inside=d_inside)
    after = next_state(network, state, run.saved)
    d_params = back.params
    if objective.dtype is not None:
        d_params, after = like(d_params, params), like(after, state)
    return OfData(error, d_params, after, run, back)


def _forward(
    network: Network,
    objective: Objective,
    params: Params,
    state: State,
    batch: Batch,
    key: jax.Array | None,
    training: bool,
) -> Forward:
    """The examples' way forward, in the objective's type; params: in it already."""
    state, x = narrowed((state, batch.x), objective.dtype)
    return forward(network, params, state, x, training=training, key=key, lengths=batch.lengths)


def whole(values: Any, objective: Objective) -> Any:
    """What came out of a layer, as losses and penalties take it: in the type of parameters."""
    return values if objective.dtype is None else narrowed(values, jnp.result_type(float).name)


def with_penalties(
    network: Network, objective: Objective, params: Params, state: State, batch: Batch, error: Any, d_params: Params
) -> tuple[Any, Params]:
    """Error and gradient with what the penalties add to them."""
    view, own = _view(network, objective, params, state, batch), trained(params, network.untrained)
    for penalty in objective.penalties:
        d_params = completed(
            d_params, jax.tree.map(jnp.add, trained(d_params, network.untrained), penalty.gradient(own, view))
        )
    return error + objective.penalty(own, view), d_params


def trace_batch(
    network: Network,
    objective: Objective,
    params: Params,
    state: State,
    batch: Batch,
    key: jax.Array | None = None,
    training: bool = False,
) -> Trace:
    """One batch forward and backward with everything recorded."""
    traced: Trace = _compiled_trace(network, objective, training)(params, state, batch, key)
    return replace(traced, loss=float(traced.loss))


@lru_cache(maxsize=64)
def _compiled_trace(network: Network, objective: Objective, training: bool) -> Program:
    """The program of `trace_batch`: operation by operation the way back through one recurrent layer is 100 programs."""

    def traced(params: Params, state: State, batch: Batch, key: jax.Array | None) -> Trace:
        looked = gradients(network, objective, params, state, batch, key, training)
        at = disturbed(network, objective, params, key if training else None)
        besides = look_back(network, at, looked.run.saved, looked.arrived)
        return record(network, looked.run, looked.nodes, looked.loss, params, besides)

    return Program(traced, optimisation=0)
