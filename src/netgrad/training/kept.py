"""What an optimiser remembers, kept with a model: so that training goes on where it was.

Its state is a pytree of any shape, optax's own; kept are its arrays in order, and what has to be the same again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, warn


@dataclass(frozen=True, eq=False)
class Kept:
    """An optimiser's state after so many epochs.

    optimizer: its name, "given" for a ready optax optimiser. arrays: the leaves of its state, random keys as numbers.
    """

    epochs: int
    optimizer: str
    arrays: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, epochs: int, optimizer: Any, state: Any) -> Kept:
        """Of a state, as it stands in a `Carry`."""
        return cls(epochs, name_of(optimizer), tuple(np.asarray(plain(leaf)) for leaf in jax.tree.leaves(state)))

    def restored(self, optimizer: Any, fresh: Any) -> Any:
        """The state again; ``fresh``, that before a first step, shows what it looks like."""
        leaves, structure = jax.tree.flatten(fresh)
        asked = name_of(optimizer)
        if asked != self.optimizer:
            raise NetgradError(
                f"the model keeps the state of the optimizer {self.optimizer!r}, found {asked!r}: give the same one, "
                "or leave keep_optimizer out"
            )
        here = [(leaf.shape, leaf.dtype) for leaf in map(plain, leaves)]
        if here != [(array.shape, array.dtype) for array in self.arrays]:
            raise NetgradError(
                f"the state of the optimizer {self.optimizer!r} that the model keeps is not of these parameters and "
                "settings: give the same as before (schedule, frozen, rates by layer), or leave keep_optimizer out"
            )
        return jax.tree.unflatten(
            structure, [like(array, leaf) for array, leaf in zip(self.arrays, leaves, strict=True)]
        )


def name_of(optimizer: Any) -> str:
    """An optimiser's name, "given" for a ready one."""
    return optimizer if isinstance(optimizer, str) else "given"


def plain(leaf: Any) -> Any:
    """Random keys, which an optimiser's state may hold, as the numbers behind them."""
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def like(value: np.ndarray, leaf: Any) -> Any:
    """The inverse of `plain`; ``leaf`` shows of what kind it is to be."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(value), impl=jax.random.key_impl(leaf))
    return jnp.asarray(value)


def kept_by(model: Any) -> Kept | None:
    """The state that a model keeps; a warning says where it has been trained and keeps none."""
    if model.optimizer_state is None and len(model.history):
        warn(
            "this model keeps no state of its optimizer, which therefore starts anew: it is kept by training with "
            "keep_optimizer=True from the first epoch on"
        )
    kept: Kept | None = model.optimizer_state
    return kept
