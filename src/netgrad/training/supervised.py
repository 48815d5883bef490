"""Supervised training as a task: forward, loss, backward, penalties, the optimiser's update.

With ``truncate`` a step works through its sequences piece by piece, one update each (`netgrad.training.truncated`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netgrad import kernels
from netgrad.compiling import Program
from netgrad.network import Network, Trace, fused
from netgrad.parallel.placement import current
from netgrad.registry import register
from netgrad.training.batch import Batch
from netgrad.training.callbacks import Callback
from netgrad.training.descent import descent
from netgrad.training.epoch import compiled_step, step_key
from netgrad.training.files import describe
from netgrad.training.history import History
from netgrad.training.linearise import linearise
from netgrad.training.model import Model
from netgrad.training.objective import Objective, gradients, loss, trace_batch
from netgrad.training.precision import too_coarse
from netgrad.training.prepare import in_shapes
from netgrad.training.running import AT_ONCE, compiled_scores
from netgrad.training.stream import pair
from netgrad.training.task import Carry, StepReport, Task
from netgrad.training.truncated import pieces, with_streams, without_streams
from netgrad.trees import norm
from netgrad.types import Params, Shape, State


@register("task", "supervised")
@dataclass(frozen=True)
class Supervised(Task):
    """A network trained to give the targets of its inputs: what `netgrad.fit` makes of its arguments.

    optimizer: one of optax. truncate: time-steps between two updates. blank: the model that is trained, without its
    numbers, for scores and the result; programs know nothing of it. See `Supervised.of`.
    """

    network: Network
    objective: Objective
    optimizer: Any
    truncate: int | None = None
    blank: Model | None = field(default=None, compare=False, repr=False)

    advice = "try a lower learning rate, clip_norm=1.0, or inputs on a smaller scale"

    @classmethod
    def of(cls, model: Model, optimizer: Any, truncate: int | None = None, dtype: str | None = None) -> Supervised:
        """The task of training this model; dtype: what its layers compute in while it is trained, see `Objective`."""
        blank = replace(model, params={}, state={}, history=History(), posterior=None, tested=None)
        return cls(model.network, replace(model.objective, dtype=dtype), optimizer, truncate, blank)

    def init(self, key: jax.Array, batch: Batch) -> tuple[Params, State]:
        return self.network.init(key, in_shapes(batch.x))

    def init_optimizer(self, params: Params) -> Any:
        return self.optimizer.init(params)

    def step(self, carry: Carry, batch: Batch, key: jax.Array) -> tuple[Carry, StepReport]:
        if self.truncate is None:
            return update(self.network, self.objective, self.optimizer, carry, batch, key)
        cut = pieces(batch, self.truncate)

        def one(carry: Carry, numbered: tuple[jax.Array, Batch]) -> tuple[Carry, StepReport]:
            i, piece = numbered
            return update(self.network, self.objective, self.optimizer, carry, piece, step_key(key, i))

        begun = carry._replace(state=with_streams(self.network, carry.state, batch.size, in_shapes(batch.x)))
        count = next(iter(cut.lengths.values())).shape[0]
        done, reports = jax.lax.scan(one, begun, (jnp.arange(count), cut))
        valid = next(iter(cut.lengths.values())).sum(1)
        losses = reports["loss"]
        total = losses.sum() if self.objective.reduction == "sum" else (losses * valid).sum() / valid.sum()
        done = done._replace(state=without_streams(done.state, carry.state))
        return done, {"loss": total, "grad_norm": reports["grad_norm"].mean()}

    def wrapped(self, callback: Callback) -> Supervised:
        """With the optimizer that the callback makes of its own."""
        return replace(self, optimizer=callback.wrap(self.optimizer, self._model))

    def score(self, carry: Carry, batch: Batch) -> dict[str, float]:
        return self.result(carry, History()).score_batch(batch)

    def score_each(self, carries: Carry, count: int, batch: Batch) -> list[Mapping[str, float]]:
        encoder = self._model.target_encoder
        if batch.size > AT_ONCE or (encoder is not None and encoder.bends):  # whose scores are of what is decoded
            return super().score_each(carries, count, batch)
        program = compiled_scores(self.network, self.objective.without_penalties)
        measured = jax.tree.map(np.asarray, program(carries.params, carries.state, batch))
        rows = ({name: float(values[k]) for name, values in measured.items()} for k in range(count))
        return [self._model.in_units(row) for row in rows]

    def result(self, carry: Carry, history: History) -> Model:
        """The model with these numbers."""
        return replace(self._model, params=carry.params, state=carry.state, history=history)

    def batch(self, data: Any) -> Batch:
        x, y, more = pair(data, self._model.objective.reconstructs)
        return self._model.batch(x, y, **more)

    def scannable(self, batch: Batch) -> bool:
        with kernels.aside(self.objective.dtype is not None):
            return scannable(self.network, in_shapes(batch.x))

    def summary(self, reports: Mapping[str, np.ndarray], sizes: Sequence[int]) -> dict[str, Any]:
        """The loss of all examples, by the objective's reduction, and the mean of the gradients' norms."""
        losses = reports["loss"]
        added = self.objective.reduction == "sum"
        return {
            "loss": losses.sum(-1) if added else np.average(losses, axis=-1, weights=sizes),
            "grad_norm": reports["grad_norm"].mean(-1),
        }

    def explain(self, carry: Carry, batch: Batch, key: jax.Array, report: Mapping[str, float]) -> str:
        """The first quantity of the trace that is not finite, piece by piece where sequences are cut."""
        kept, parts = carry.state, [(batch, key)]
        if self.truncate is not None:
            carry = carry._replace(state=with_streams(self.network, kept, batch.size, in_shapes(batch.x)))
            cut = pieces(batch, self.truncate)
            count = next(iter(cut.lengths.values())).shape[0]
            parts = [(cut.take(i), step_key(key, i)) for i in range(count)]
        whole = compiled_step(replace(self, truncate=None, blank=None))
        for part, own in parts:
            trace = trace_batch(self.network, self.objective, carry.params, carry.state, part, own, True)
            if place := trace.first_non_finite():
                return place
            if not np.isfinite(trace.loss):
                return "the loss, which overflowed"
            carry, _ = whole(carry, part, own)
        return _overflow(trace)

    def description(self) -> dict[str, Any]:
        """Network and objective, as model files describe them."""
        model = describe(self._model)
        views = [model["views"]] if "views" in model else []
        return {
            "network": [model["inputs"], model["nodes"], model["outputs"], model["shapes"], *views],
            "objective": [model["terms"], model["penalties"], model["reduction"], model["weight_noise"]],
        }

    def facts(self) -> dict[str, Any]:
        losses = (loss.registered_name or type(loss).__name__ for _, loss, _ in self.objective.terms)
        return {"layers": len(self.network.nodes), "loss": ", ".join(losses)}

    @property
    def numbers(self) -> Any:
        """The strengths of the penalties."""
        return self.objective.strengths

    def at(self, numbers: Any) -> Supervised:
        return replace(self, objective=self.objective.at(numbers), blank=None)

    @property
    def _model(self) -> Model:
        assert self.blank is not None, "only the task of a model knows what becomes of it"
        return self.blank


def scannable(network: Network, shapes: Mapping[str, Shape]) -> bool:
    """Whether a step of it, on inputs of these shapes, may stand inside a compiled loop (`Layer.scannable`)."""
    if jax.default_backend() != "cpu":
        return True
    known = network.shapes(shapes)
    return all(node.layer.scannable(network.in_shape(node, known)) for node in network.nodes)


def update(
    network: Network,
    objective: Objective,
    optimizer: optax.GradientTransformation,
    carry: Carry,
    batch: Batch,
    key: jax.Array,
) -> tuple[Carry, StepReport]:
    """One update of the parameters.

    The optimiser also gets, for those that ask: value, the loss; grad; value_fn, the loss at other parameters, whose
    derivative is our backward rule; linearise, the outputs as a linear function of the parameters, see
    `netgrad.training.linearise`; curve, the product of the loss's second derivative with a direction; batch and look,
    the step's own forward and backward pass with every quantity by name, which costs one more pass for those that call
    it.
    """
    whole, network = network, network if batch.lengths else fused(network)
    looked = descent(network, objective, carry.params, carry.state, batch, key)

    def exact() -> None:
        if objective.dtype is not None:
            raise too_coarse("this optimizer")

    @jax.custom_vjp
    def value(params: Params) -> jax.Array:
        if current() is not None:
            shared: jax.Array = descent(network, objective, params, carry.state, batch, key).loss
            return shared
        error: jax.Array = loss(network, objective, params, carry.state, batch, key)
        return error

    def value_and_gradient(params: Params) -> tuple[jax.Array, Params]:
        there = descent(network, objective, params, carry.state, batch, key)
        return there.loss, there.params

    value.defvjp(value_and_gradient, lambda gradient, d: (jax.tree.map(lambda g: d * g, gradient),))

    def curve(direction: Params) -> Params:
        exact()

        def slope(params: Params) -> Params:
            return descent(whole, objective, params, carry.state, batch, key).params

        changed: Params = jax.jvp(slope, (carry.params,), (direction,))[1]
        return changed

    def value_fn(
        params: Params, linearise: Any = None, curve: Any = None, batch: Any = None, look: Any = None
    ) -> jax.Array:
        exact()
        return value(params)  # optax's line searches hand all further arguments on, and insist that they are taken

    updates, opt_state = optax.with_extra_args_support(optimizer).update(
        looked.params,
        carry.opt_state,
        carry.params,
        value=looked.loss,
        grad=looked.params,
        value_fn=value_fn,
        linearise=lambda: linearise(network, objective, carry.params, carry.state, batch, key),
        curve=curve,
        batch=batch,
        look=lambda: gradients(whole, objective, carry.params, carry.state, batch, key),
    )
    params = optax.apply_updates(carry.params, updates)
    report = {"loss": looked.loss, "grad_norm": norm(looked.params)}
    return Carry(params, looked.state, opt_state), report


@lru_cache(maxsize=64)
def compiled_start(optimizer: Any) -> Any:
    """The optimiser's state before the first step, params -> state: one program, where JAX would make one an array."""
    return Program(optimizer.init, optimisation=0)


def _overflow(trace: Trace) -> str:
    """Every gradient is finite and yet their norm is not: say where the largest stands."""
    sizes = {
        f"{key} of layer {node.name}": max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(node[key]))
        for node in trace.values()
        for key in node.values
        if key.startswith("d") and key not in ("d_in", "delta")
    }
    return f"the norm of the gradient, which overflowed; its largest part is {max(sizes, key=lambda k: sizes[k])}"
