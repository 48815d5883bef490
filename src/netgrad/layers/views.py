"""Views: how what layers compute with is made from what is stored.

A network's parameters are stored once, and seen through one pure map, stored -> effective, which is the composition of
its views. The gradient comes back through the same map, by `jax.vjp` where a view states no rule of its own. Model
files, optimisers, penalties and counts see what is stored; layers and the trace see what is effective.

A parameter is named by its path, "encoder/dense_1/W": the names in the tree of parameters, joined by "/".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from netgrad.errors import NetgradError, ShapeError, unknown_name
from netgrad.registry import register
from netgrad.trees import at, beside, by_path, covers, map_leaves, put, without
from netgrad.types import Params


@dataclass(frozen=True)
class ParameterView:
    """Base of the views. A view of your own defines `see` and `store`; its gradient comes from `jax.vjp`.

    >>> @dataclass(frozen=True)
    ... class Positive(ParameterView):
    ...     path: str
    ...     def see(self, params):
    ...         return put(params, self.path, jnp.exp(at(params, self.path)))
    ...     def store(self, params):
    ...         return put(params, self.path, jnp.log(at(params, self.path)))
    >>> view, params = Positive("dense_1/W"), {"dense_1": {"W": jnp.zeros(2)}}
    >>> view.see(params)["dense_1"]["W"].tolist()
    [1.0, 1.0]
    >>> view.back(params, {"dense_1": {"W": jnp.ones(2)}})["dense_1"]["W"].tolist()
    [1.0, 1.0]
    """

    kind: ClassVar[str] = "view"
    registered_name: ClassVar[str] = ""  # set by netgrad.register
    rank: ClassVar[int] = 0  # views of lower rank come first on the way from what is stored

    def see(self, params: Params) -> Params:
        """From what is stored to what is effective."""
        raise NotImplementedError(f"{type(self).__name__} does not define see")

    def store(self, params: Params) -> Params:
        """From what is effective, freshly drawn, to what is stored."""
        raise NotImplementedError(f"{type(self).__name__} does not define store")

    def back(self, params: Params, gradient: Params) -> Params:
        """The gradient of what is stored, ``params``, from that of what is effective."""
        stored: Params = jax.vjp(self.see, params)[1](gradient)[0]
        return stored

    def check(self, shapes: Params) -> None:
        """Refuse effective parameters (arrays, or their shapes) that this view does not fit."""
        for path in self.paths:
            if path not in by_path(shapes):
                raise unknown_name("parameter", path, by_path(shapes))

    @property
    def paths(self) -> tuple[str, ...]:
        """The effective parameters that it speaks of."""
        own: Any = self
        return (own.path,)

    @property
    def parts(self) -> tuple[str, ...]:
        """Of what it stores in the place of an effective parameter, the paths."""
        return ()

    @property
    def untrained(self) -> tuple[str, ...]:
        """Of what it stores, the paths of what is never trained."""
        return ()

    @property
    def words(self) -> str:
        """What it says, in a few words: "decoder/W = encoder/W transposed"."""
        return " ".join([*self.paths, self.registered_name.replace("_", " ")])

    def among(self, left: Callable[[str], bool]) -> ParameterView | None:
        """This view where only some paths are left; None where it has nothing left to say."""
        return self if all(left(path) for path in self.paths) else None

    def renamed(self, name: Callable[[str], str]) -> Any:
        """The same view of a network in which the parameters have other paths."""
        own: Any = self
        return replace(own, path=name(own.path))


@register("view", "weight_normed")
@dataclass(frozen=True)
class WeightNormed(ParameterView):
    """W = g V / ||V||, for each unit (each place along the last axis) by itself: lengths and directions are stored.

    In the place of W stand V, of the same shape, and the lengths g (units,) under the name W_g. Effective at first is
    what was drawn. Penalties act on W_g and leave V alone: L2 on the lengths is L2 on W, while the length of V has no
    effect.

    Source: Pattipati "Batch Normalization", alternatives: "normalize the weights of each layer", one length a layer as
    it is worded; here every unit has its own, as in Salimans & Kingma (2016).

    >>> view = WeightNormed("W")
    >>> stored = view.store({"W": jnp.array([[3.0], [4.0]])})
    >>> stored["W_g"].tolist(), view.see(stored)["W"].ravel().tolist()
    ([5.0], [3.0, 4.0])
    """

    path: str

    @property
    def parts(self) -> tuple[str, ...]:
        return beside(self.path, "W_g"), beside(self.path, "V")

    def see(self, params: Params) -> Params:
        g, V = (at(params, path) for path in self.parts)
        return put(without(without(params, self.parts[0]), self.parts[1]), self.path, g * V / _length(V))

    def store(self, params: Params) -> Params:
        V = at(params, self.path)
        return put(put(without(params, self.path), self.parts[0], _length(V)), self.parts[1], V)

    def back(self, params: Params, gradient: Params) -> Params:
        """With v = V/||V||: dE/dg = sum dE/dW v, and dE/dV = g/||V|| (dE/dW - v dE/dg), at right angles to V.

        The length's derivative is d||V||/dV = v, so that dv/dV takes away what lies along v.
        """
        g, V = (at(params, path) for path in self.parts)
        dW, length = at(gradient, self.path), _length(V)
        v = V / length
        d_g = (dW * v).reshape(-1, length.size).sum(0)
        d_V = g / length * (dW - v * d_g)
        return put(put(without(gradient, self.path), self.parts[0], d_g), self.parts[1], d_V)

    def check(self, shapes: Params) -> None:
        super().check(shapes)
        taken = [path for path in self.parts if path in by_path(shapes)]
        if taken:
            raise NetgradError(f"{self.path} is normed already: there is a {taken[0]}")
        shape = at(shapes, self.path).shape
        if len(shape) < 2:
            raise ShapeError(f"weight normalisation is for weights that lead to units, found {self.path} {shape}")


@register("view", "masked")
@dataclass(frozen=True)
class Masked(ParameterView):
    """A parameter times a mask of zeros and ones: pruned weights are 0, and stay so.

    The mask is an array that is stored beside the parameter, under its name with "mask_" before it, and never trained.
    shape, bits: the mask to begin with, made by `Masked.of`; by default ones everywhere.

    >>> Masked.of("dense_1/W", [[1, 0], [1, 1]])
    Masked(path='dense_1/W', shape=(2, 2), bits='b0')
    >>> stored = Masked.of("W", [1, 0]).store({"W": jnp.array([3.0, 4.0])})
    >>> stored["mask_W"].tolist(), stored["W"].tolist()
    ([1.0, 0.0], [3.0, 0.0])
    """

    path: str
    shape: tuple[int, ...] = ()
    bits: str = ""
    rank: ClassVar[int] = 1

    @classmethod
    def of(cls, path: str, mask: Any) -> Masked:
        """The view with this mask, an array of zeros and ones."""
        mask = as_mask(path, mask)
        return cls(path, mask.shape, np.packbits(mask.astype(bool)).tobytes().hex())

    @property
    def stored_mask(self) -> str:
        """The path of the mask."""
        return beside(self.path, f"mask_{self.path.rpartition('/')[2]}")

    @property
    def untrained(self) -> tuple[str, ...]:
        return (self.stored_mask,)

    @property
    def zeros(self) -> int:
        """How many numbers of the parameter the mask to begin with takes away."""
        return int(np.prod(self.shape)) - int.from_bytes(bytes.fromhex(self.bits)).bit_count() if self.bits else 0

    def begin(self, W: Any) -> Any:
        """The mask to begin with."""
        if not self.bits:
            return jnp.ones_like(W)
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.bits), np.uint8), count=int(np.prod(self.shape)))
        return jnp.asarray(bits.reshape(self.shape), W.dtype)

    def see(self, params: Params) -> Params:
        mask = jax.lax.stop_gradient(at(params, self.stored_mask))
        return put(without(params, self.stored_mask), self.path, at(params, self.path) * mask)

    def store(self, params: Params) -> Params:
        W = at(params, self.path)
        return put(put(params, self.path, W * self.begin(W)), self.stored_mask, self.begin(W))

    def check(self, shapes: Params) -> None:
        super().check(shapes)
        if self.stored_mask in by_path(shapes):
            raise NetgradError(f"{self.path} has a mask in its block already")
        shape = tuple(at(shapes, self.path).shape)
        if self.bits and shape != self.shape:
            raise ShapeError(f"the mask of {self.path} has the shape {self.shape}, the parameter has {shape}")


@register("view", "frozen")
@dataclass(frozen=True)
class Frozen(ParameterView):
    """Parameters that are used as they are: their gradient is 0, and nothing that trains moves them.

    where: pairs of a layer's path and a pattern for its parameters; "*" is the whole layer, whose state (running
    statistics) then stays, too. asked: what the user wrote.
    """

    where: tuple[tuple[str, str], ...]
    asked: str
    rank: ClassVar[int] = 2

    def holds(self, path: str) -> bool:
        """Whether this parameter is among them."""
        return any(covers(layer, pattern, path) for layer, pattern in self.where)

    def see(self, params: Params) -> Params:
        return map_leaves(lambda path, leaf: jax.lax.stop_gradient(leaf) if self.holds(path) else leaf, params)

    def store(self, params: Params) -> Params:
        return params

    def check(self, shapes: Params) -> None:
        if not any(self.holds(path) for path, _ in by_path(shapes).items()):
            known = ", ".join(path for path, _ in by_path(shapes).items())
            raise NetgradError(f"there is nothing to freeze in {self.asked!r}: the parameters are {known[:300]}")

    @property
    def paths(self) -> tuple[str, ...]:
        return ()

    @property
    def words(self) -> str:
        return f"{self.asked} frozen"

    def among(self, left: Callable[[str], bool]) -> ParameterView | None:
        where = tuple(pair for pair in self.where if left(pair[0]))
        return replace(self, where=where) if where else None

    def renamed(self, name: Callable[[str], str]) -> Any:
        return replace(self, where=tuple((name(layer), pattern) for layer, pattern in self.where))


@register("view", "tied")
@dataclass(frozen=True)
class Tied(ParameterView):
    """A parameter that is another one, as it is or transposed: stored, counted and moved once.

    path: of the parameter that is not stored; source: of the one that stands in its place. transposed: with its last
    two axes exchanged.
    """

    path: str
    source: str
    transposed: bool = False
    rank: ClassVar[int] = 3

    def see(self, params: Params) -> Params:
        W = at(params, self.source)
        return put(params, self.path, jnp.swapaxes(W, -1, -2) if self.transposed else W)

    def store(self, params: Params) -> Params:
        return without(params, self.path)

    @property
    def paths(self) -> tuple[str, ...]:
        return self.path, self.source

    @property
    def words(self) -> str:
        return f"{self.path} = {self.source}{' transposed' * self.transposed}"

    def check(self, shapes: Params) -> None:
        super().check(shapes)
        own, other = (tuple(at(shapes, path).shape) for path in self.paths)
        if self.transposed and len(other) < 2:
            raise ShapeError(f"{self.source} {other} has no two axes to exchange: leave transposed out")
        made = (*other[:-2], other[-1], other[-2]) if self.transposed else other
        if own != made:
            also = not self.transposed and len(other) > 1 and own == (*other[:-2], other[-1], other[-2])
            hint = "give transposed=True" if also else "give the layers sizes that fit"
            how = f"transposed is {made}" if self.transposed else f"is {made}"
            raise ShapeError(f"{self.path} must be {own}, but {self.source} {how}: {hint}")

    def renamed(self, name: Callable[[str], str]) -> Any:
        return replace(self, path=name(self.path), source=name(self.source))


def as_mask(path: str, mask: Any) -> np.ndarray:
    """A mask as an array of zeros and ones, or `NetgradError`."""
    try:
        made = np.asarray(mask)
        good = made.dtype.kind in "biuf" and made.size > 0 and bool(np.isin(made, (0, 1)).all())
    except ValueError:
        good = False
    if not good:
        raise NetgradError(f"the mask of {path} must be an array of zeros and ones (or of truth values)")
    return made


def _length(V: jax.Array) -> jax.Array:
    """(..., units) -> (units,): the Euclidean length of each unit's weights."""
    return jnp.sqrt((V * V).reshape(-1, V.shape[-1]).sum(0))
