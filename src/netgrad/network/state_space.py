"""Nonlinear state-space models: any network may say how one state follows from the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, ShapeError
from netgrad.kernels.recurrent_call import full_lengths
from netgrad.kernels.recurrent_reference import valid_steps
from netgrad.layers.base import Backward, Context, Layer
from netgrad.layers.dense import Dense
from netgrad.network.building import Node
from netgrad.network.composite import Composite
from netgrad.network.execution import next_state
from netgrad.network.graph import Network
from netgrad.registry import register
from netgrad.types import Array, Lengths, Params, Saved, Shape, Shapes, State


@register("layer", "state_space")
@dataclass(frozen=True)
class StateSpace(Composite):
    """Hidden states z_(t+1) = f(z_t, x_t), where f is a row of layers that ends in ``units`` numbers.

    Inputs (N, T, d), outputs (N, T, units): the state z_t that each step starts from, the first of them zeros. The
    observations y_t = h(z_t, x_t) are what the layers after it make of z_t and x_t together::

        x = ng.Input()
        z = ng.StateSpace([ng.Dense(16, activation="tanh"), ng.Dense(3)])(x)
        y = ng.Dense(1)(ng.Concatenate()(z, x))

    Its backward rule is `jax.vjp`'s. Source: Pattipati, "Nonlinear State space models".

    >>> import netgrad as ng
    >>> ng.StateSpace([ng.Dense(16, activation="tanh"), ng.Dense(3)]).out_shape((50, 2))
    (50, 3)
    """

    transition: Any  # Dense layers, or other layers on vectors
    block: Any = field(init=False, repr=False, compare=False)  # the same as a network, its layers named "0", "1", ...

    def __post_init__(self) -> None:
        object.__setattr__(self, "transition", tuple(self.transition))
        layers = all(isinstance(layer, Layer) for layer in self.transition)
        if not self.transition or not layers or not isinstance(self.transition[-1], Dense):
            raise NetgradError(f"{self.label}: the transition must be a list of layers that ends in a Dense layer")
        nodes = [Node(str(i), layer, (str(i - 1) if i else "x",), str(i)) for i, layer in enumerate(self.transition)]
        object.__setattr__(self, "block", Network.from_nodes(["x"], nodes, [("z", nodes[-1].name)]))
        super().__post_init__()

    @property
    def units(self) -> int:
        """How many numbers the state has."""
        return int(self.transition[-1].units)

    def with_block(self, block: Network) -> Composite:
        return self.replace(transition=tuple(node.layer for node in block.nodes))

    def entry(self, in_shape: Shape) -> Shape:
        return (self.out_shape(in_shape)[-1] + in_shape[-1],)

    def forward(self, params: Params, x: Array, context: Context) -> tuple[Array, Saved]:
        if context.lengths is not None and context.training and context.state:
            raise NetgradError(
                f"{self.label}: {', '.join(context.state)} in the transition averages over the examples of a step, and "
                "these are of unequal length: take LayerNorm, or sequences of one length"
            )
        valid = valid_steps(x.shape[1], full_lengths(context.lengths, x))
        bare = context.replace(lengths=None)

        def walk(params: Params, x: jax.Array) -> tuple[jax.Array, Params]:
            def step(carry: tuple[jax.Array, Params], now: tuple[jax.Array, jax.Array]) -> Any:
                (z, state), (x_t, valid) = carry, now
                run = self.run(params, state, jnp.concatenate([z, x_t], axis=-1), bare, context.key)
                state = next_state(self.block, state, run.saved) if context.training else state
                return (jnp.where(valid, self.output(run), z), state), jnp.where(valid, z, 0)

            start = jnp.zeros((x.shape[0], self.units), x.dtype)
            # The padding is cleared before the equations see it: zero times NaN would be NaN.
            steps = jnp.swapaxes(jnp.where(valid, x, 0), 0, 1), jnp.swapaxes(valid, 0, 1)
            (_, state), states = jax.lax.scan(step, (start, context.state), steps)
            return jnp.swapaxes(states, 0, 1), state

        a, residuals, state = jax.vjp(walk, params, x, has_aux=True)
        return a, {"x": x, "a": a, "residuals": (residuals, state)}

    def backward(self, params: Params, saved: Saved, d_out: Array) -> Backward:
        d_params, d_in = saved["residuals"][0](d_out)
        return Backward(d_in, d_params, d_out)

    def next_state(self, state: State, saved: Saved) -> State:
        after: State = saved["residuals"][1]
        return after

    def stream_state(self, n: int, in_shape: Shape) -> State:
        raise self.needs_whole("it keeps no state from one to the next")

    def check_input(self, x: np.ndarray, name: str, lengths: np.ndarray | None) -> np.ndarray:
        return x  # the observations enter the block beside the state

    def layout(self, x: Array) -> Array:
        return x

    def out_shape(self, in_shape: Shape) -> Shape:
        if len(in_shape) != 2 or not all(isinstance(n, int) for n in in_shape):
            raise ShapeError(f"{self.label} needs sequences (N, T, d), found inputs of shape {in_shape}")
        return (in_shape[0], self.units)

    def out_lengths(self, lengths: Lengths, in_shape: Shape) -> Lengths:
        return lengths

    def total(self, of: str, in_shape: Shapes) -> int:
        return int(in_shape[0]) * super().total(of, in_shape)
