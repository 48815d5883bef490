"""The gradients of what a function names on its way, without the function knowing of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from netgrad.types import Named


def named_gradients(function: Callable[[], tuple[Any, Named]], d_out: Any) -> Named:
    """dE/dq of every named quantity q of ``function() -> (output, {name: q})``, from dE/d(output).

    The function is taken apart into its operations, and done again with a zero added to each named quantity where it
    arises: the derivative by that zero, by `jax.vjp`, is dE/dq. It is the whole derivative, by all ways from q to the
    output, and 0 where there is none. What is no array of floating-point numbers has none.

    >>> def function():
    ...     q = jnp.array([1.0, 2.0])
    ...     return 3 * q * q, {"q": q}
    >>> named_gradients(function, jnp.ones(2))["q"].tolist()
    [6.0, 12.0]
    """
    closed, (_, named) = jax.make_jaxpr(function, return_shape=True)()
    jaxpr: Any = closed.jaxpr
    real = {name: q for name, q in named.items() if hasattr(q, "dtype") and jnp.issubdtype(q.dtype, jnp.floating)}
    # What it gives is the output and then the leaves of the named.
    leaves, tree = jax.tree.flatten(named)
    arising = jax.tree.unflatten(tree, jaxpr.outvars[len(jaxpr.outvars) - len(leaves) :])

    def moved(zeros: Named) -> Any:
        values: dict[Any, Any] = {}

        def write(var: Any, value: Any) -> None:
            added = [zeros[name] for name in real if arising[name] is var]
            values[var] = sum(added, value)

        def done(operations: list[Any], takes: list[Any], gives: list[Any]) -> list[Any]:
            known = list(dict.fromkeys(var for var in takes if not hasattr(var, "val")))  # the others are numbers
            part = jaxpr.replace(constvars=known, eqns=operations, outvars=gives)
            return jax.core.eval_jaxpr(part, [values[var] for var in known])

        for var, value in zip(jaxpr.constvars, closed.consts, strict=True):
            write(var, value)
        for operation in jaxpr.eqns:
            made = done([operation], operation.invars, operation.outvars)
            for var, value in zip(operation.outvars, made, strict=True):
                write(var, value)
        return done([], jaxpr.outvars[:1], jaxpr.outvars[:1])[0]

    zeros = {name: jnp.zeros(q.shape, q.dtype) for name, q in real.items()}
    gradients: Named = jax.vjp(moved, zeros)[1](d_out)[0]
    return gradients
