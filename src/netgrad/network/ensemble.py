"""Several networks side by side as one layer, whose answer is the mean of theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.layers.base import Backward, Context
from netgrad.network.composite import Copies
from netgrad.network.execution import look_back
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, State


@register("layer", "ensemble")
@dataclass(frozen=True)
class Ensemble(Copies):
    """``n`` copies of a block side by side, each with weights of its own: the mean of their outputs.

    In training each example goes through one copy alone, the i-th of a batch through number i mod n. So every copy
    learns to be right by itself, from batches of its own, and a step costs no more than with one copy; batches are
    best n times as large. In prediction all are asked, and what only one has learned from the accidents of its
    examples is averaged away. Parameters, state and all quantities of the block have one more axis in front, the
    copy: ``trace["ensemble_1/dense_1"].z[2]``.

    Sources: Hansen & Salamon, "Neural network ensembles" (1990); Gorishniy, Kotelnikov & Babenko, "TabM" (ICLR 2025),
    on why copies must have losses of their own.

    >>> import netgrad as ng, numpy as np
    >>> net = ng.Sequential([ng.Ensemble([ng.Dense(16, activation="relu"), ng.Dense(1)], 4)])
    >>> params, _ = net.init(0, (3,))
    >>> params["ensemble_1"]["dense_1"]["W"].shape
    (4, 3, 16)
    """

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        size = x.shape[0]

        def one(own: Params, state: State, x: Array, lengths: Lengths, i: Array) -> tuple[Array, dict[str, Saved]]:
            key = None if context.key is None else jax.random.fold_in(context.key, i)
            run = self.run(own, state, x, context.replace(lengths=lengths), key)
            return self.output(run), run.saved

        axis = 0 if context.training else None
        deal: Callable[[Array], Array] = self._dealt if context.training else lambda v: v
        lengths = context.lengths
        shared = (deal(x), None if lengths is None else deal(lengths))
        each = jax.vmap(one, in_axes=(0, 0, axis, None if lengths is None else axis, 0))
        outputs, inside = each(params, context.state, *shared, jnp.arange(self.n))
        a = self._gathered(outputs)[:size] if context.training else outputs.mean(0)
        return a, {"x": x, "a": a, "inside": inside, "residuals": _Dealt(context.training)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        """dE/da of each copy is that of its own examples in training, and dE/da / n otherwise."""
        size, training = saved["x"].shape[0], saved["residuals"].training

        def one(params: Params, saved: Saved, d_out: Array) -> tuple[Array, Params, Params]:
            back = self.back(params, saved, d_out)
            return back.inputs[self.block.inputs[0]], back.params, {name: b.delta for name, b in back.nodes.items()}

        d_x, d_params, delta = jax.vmap(one)(params, saved["inside"], self._shares(saved, d_out))
        if training:
            rows = self._gathered(d_x)
            # An example that was dealt twice has two parts in what its copies' batch statistics make of it.
            d_in = rows[:size].at[jnp.arange(size, len(rows)) % size].add(rows[size:])
        return Backward(d_in if training else d_x.sum(0), d_params, delta)

    def look_back(self, params: Params, saved: Saved, d_out: Array) -> Saved:
        """What the block's layers show, by their names."""

        def one(params: Params, saved: Saved, d_out: Array) -> Saved:
            return look_back(self.block, params, saved, self.back(params, saved, d_out).outputs)

        return jax.vmap(one)(params, saved["inside"], self._shares(saved, d_out))

    def stream_state(self, n: int, in_shape: Shape) -> State:
        if kept := super().stream_state(n, in_shape):
            raise self.needs_whole(
                f"its copies are trained on different sequences, and {next(iter(kept))} in it carries a state on"
            )
        return {}

    def _shares(self, saved: Saved, d_out: Any) -> Any:
        """What arrives at each copy."""
        if saved["residuals"].training:
            return self._dealt(d_out, again=False)
        return jnp.broadcast_to(d_out / self.n, (self.n, *d_out.shape))

    def _dealt(self, v: Any, again: bool = True) -> Any:
        """Examples (N, ...) dealt out like cards, (n, N / n, ...).

        Where they do not divide, the last copies get some of the first examples again, or zeros.
        """
        size, each = v.shape[0], -(-v.shape[0] // self.n)
        if (more := each * self.n - size) and again:
            v = v[jnp.arange(size + more) % size]
        elif more:
            v = jnp.concatenate([v, jnp.zeros((more, *v.shape[1:]), v.dtype)])
        return jnp.moveaxis(v.reshape(each, self.n, *v.shape[1:]), 1, 0)

    def _gathered(self, v: Any) -> Any:
        """Back in the order of the batch, (N, ...), those dealt again at its end."""
        return jnp.moveaxis(v, 0, 1).reshape(-1, *v.shape[2:])


@jax.tree_util.register_static
@dataclass(frozen=True)
class _Dealt:
    """Whether the examples were dealt out."""

    training: bool
