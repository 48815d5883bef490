"""A linear map that knows its transpose: what gives one function forward-mode derivatives and a backward rule at once.

JAX lets a function bring a rule for one of the two modes (`jax.custom_jvp`, `jax.custom_vjp`), and forward mode stops
at the second. Here the rule is one for forward mode, whose tangents go through a primitive; reverse mode transposes
that primitive, and its transpose is what the function's author says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_linear = Primitive("netgrad_linear")
_linear.multiple_results = True

Map = Callable[[Sequence[Any], Sequence[Any]], list[Any]]


def linear(forth: Callable[[Any, Any], Any], back: Callable[[Any, Any], Any], known: Any, moved: Any, like: Any) -> Any:
    """``forth(known, moved)``, linear in ``moved``, of which ``back(known, d_out)`` is the transpose.

    known, moved, like: trees of arrays; like: of the result's shapes and types. forth and back take trees like these,
    the result of back is one like ``moved``.
    """
    of_known, of_moved, of_like = (jax.tree.structure(tree) for tree in (known, moved, like))

    def flat(function: Callable[[Any, Any], Any], of_second: Any) -> Map:
        return lambda first, second: jax.tree.leaves(
            function(jax.tree.unflatten(of_known, first), jax.tree.unflatten(of_second, second))
        )

    first = jax.tree.leaves(known)
    kinds = tuple(jax.typeof(leaf) for leaf in jax.tree.leaves(like))
    out = _linear.bind(
        *first,
        *jax.tree.leaves(moved),
        forth=flat(forth, of_moved),
        back=flat(back, of_like),
        count=len(first),
        kinds=kinds,
    )
    return jax.tree.unflatten(of_like, out)


def _evaluate(*args: Any, forth: Map, back: Map, count: int, kinds: Any) -> list[Any]:
    return forth(args[:count], args[count:])


def _jvp(primals: Any, tangents: Any, *, forth: Map, count: int, **rest: Any) -> tuple[list[Any], list[Any]]:
    """Along ``moved`` the map itself, along what is known the derivative of the map."""
    out = _linear.bind(*primals, forth=forth, count=count, **rest)
    known, moved = primals[:count], primals[count:]
    total = [jnp.zeros_like(value) for value in out]
    if any(type(d) is not ad.Zero for d in tangents[count:]):
        steps = [ad.instantiate_zeros(d) for d in tangents[count:]]
        total = _linear.bind(*known, *steps, forth=forth, count=count, **rest)
    changing = [i for i, d in enumerate(tangents[:count]) if type(d) is not ad.Zero]
    if changing:

        def at(*values: Any) -> list[Any]:
            place = dict(zip(changing, values, strict=True))
            return forth([place.get(i, value) for i, value in enumerate(known)], moved)

        _, more = jax.jvp(at, [known[i] for i in changing], [tangents[i] for i in changing])
        total = [a + b for a, b in zip(total, more, strict=True)]
    return out, total


def _transpose(cotangents: Any, *args: Any, back: Map, count: int, **_: Any) -> list[Any]:
    found = back(args[:count], [ad.instantiate_zeros(d) for d in cotangents])
    wanted = [ad.is_undefined_primal(arg) for arg in args[count:]]
    return [None] * count + [d if asked else None for d, asked in zip(found, wanted, strict=True)]


def _batch(args: Any, axes: Any, *, forth: Map, back: Map, count: int, kinds: Any) -> tuple[list[Any], list[int]]:
    of_known, of_moved = list(axes[:count]), list(axes[count:])  # None where an argument is one for the whole batch
    size = next(arg.shape[axis] for arg, axis in zip(args, axes, strict=True) if axis is not None)

    def forth_all(known: Any, moved: Any) -> list[Any]:
        return jax.vmap(forth, in_axes=(of_known, of_moved), axis_size=size)(list(known), list(moved))

    def back_all(known: Any, d_out: Any) -> list[Any]:
        found = jax.vmap(back, in_axes=(of_known, 0), axis_size=size)(list(known), list(d_out))
        return [d.sum(0) if a is None else jnp.moveaxis(d, 0, a) for d, a in zip(found, of_moved, strict=True)]

    more = tuple(jax.core.ShapedArray((size, *kind.shape), kind.dtype) for kind in kinds)
    out = _linear.bind(*args, forth=forth_all, back=back_all, count=count, kinds=more)
    return out, [0] * len(out)


_linear.def_impl(_evaluate)
_linear.def_abstract_eval(lambda *args, kinds, **_: list(kinds))
ad.primitive_jvps[_linear] = _jvp
ad.primitive_transposes[_linear] = _transpose
batching.primitive_batchers[_linear] = _batch
mlir.register_lowering(_linear, mlir.lower_fun(_evaluate, multiple_results=True))
