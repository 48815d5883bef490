"""Trees of parameters (dicts, lists, tuples in each other): arrays by their paths, "encoder/dense_1/W", and norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from netgrad.types import Params

Tree = TypeVar("Tree")
JOINED = 4096  # numbers of an array at most that `total` copies to where the others' are


def by_path(tree: Any) -> dict[str, Any]:
    """What dicts, lists and tuples in each other hold, by its path.

    >>> by_path({"encoder/dense_1": {"W": 1}, "heads": [2, {"b": 3}]})
    {'encoder/dense_1/W': 1, 'heads/0': 2, 'heads/1/b': 3}
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def map_leaves(change: Callable[[str, Any], Any], tree: Tree) -> Tree:
    """The tree with ``change(path, leaf)`` in the place of each leaf."""
    mapped: Tree = jax.tree_util.tree_map_with_path(
        lambda path, leaf: change(jax.tree_util.keystr(path, simple=True, separator="/"), leaf), tree
    )
    return mapped


def norm(tree: Any) -> jax.Array:
    """The root of the sum of the squares of all numbers.

    >>> print(norm({"W": jnp.array([[1.0, 2.0], [2.0, 0.0]]), "b": jnp.array([4.0])}))
    5.0
    """
    return jnp.sqrt(dot(tree, tree))


def dot(tree: Any, other: Any) -> jax.Array:
    """The sum of the products of the numbers at the same places.

    >>> print(dot({"W": jnp.array([[1.0, 2.0]])}, {"W": jnp.array([[3.0, 4.0]])}))
    11.0
    """
    return total(jax.tree.leaves(jax.tree.map(jnp.multiply, tree, other)))


def total(arrays: Sequence[jax.Array]) -> jax.Array:
    """The sum of all numbers of these arrays.

    XLA joins sums of small arrays of known shape to one program that it writes out term by term, over which LLVM takes
    a time that grows with the square of their number: 20 seconds for four matrices of 32 by 32. So small ones are
    copied together first, and large ones, whose sums are loops, are summed where they are.
    """
    sums = [jnp.sum(array.ravel()) for array in arrays if array.size > JOINED]
    small = [array.ravel() for array in arrays if array.size <= JOINED]
    if small:
        sums.append(jnp.sum(jax.lax.optimization_barrier(jnp.concatenate(small))))
    return sum(sums[1:], sums[0]) if sums else jnp.zeros(())


def covers(layer: str, pattern: str, path: str) -> bool:
    """Whether the parameter at this path is the layer's, and fits the pattern by itself or by what it is a part of.

    >>> covers("lstm_1", "*", "lstm_1/W_x"), covers("both", "forward", "both/forward/b"), covers("a", "*", "ab/W")
    (True, True, False)
    """
    return path.startswith(f"{layer}/") and fits(path[len(layer) + 1 :], pattern)


def fits(path: str, pattern: str) -> bool:
    """Whether a path, or the beginning of it up to a "/", fits a pattern of `fnmatch`.

    >>> fits("encoder/dense_1", "encoder/*"), fits("encoder/dense_1", "encoder"), fits("encoder/dense_1", "dense_1")
    (True, True, False)
    """
    names = path.split("/")
    return any(fnmatchcase("/".join(names[: i + 1]), pattern) for i in range(len(names)))


def at(tree: Any, path: str) -> Any:
    """What stands at a path."""
    for key in _keys(tree, path):
        tree = tree[key]
    return tree


def put(tree: Tree, path: str, value: Any) -> Tree:
    """The tree with this value at a path, where something may stand or not."""

    def changed(part: Any, keys: list[Any]) -> Any:
        own = value if len(keys) == 1 else changed(part[keys[0]], keys[1:])
        if isinstance(part, Mapping):
            return {**part, keys[0]: own}
        return type(part)(own if i == keys[0] else old for i, old in enumerate(part))

    made: Tree = changed(tree, _keys(tree, path))
    return made


def without(tree: Tree, path: str) -> Tree:
    """The tree without what stands at a path; the dict that it stood in stays, be it empty."""

    def changed(part: Any, keys: list[Any]) -> Any:
        if len(keys) == 1:
            return {key: own for key, own in part.items() if key != keys[0]}
        return put(part, str(keys[0]), changed(part[keys[0]], keys[1:]))

    made: Tree = changed(tree, _keys(tree, path))
    return made


def beside(path: str, name: str) -> str:
    """The path of what stands beside this under another name.

    >>> beside("dense_1/W", "V"), beside("W", "V")
    ('dense_1/V', 'V')
    """
    head, slash, _ = path.rpartition("/")
    return f"{head}{slash}{name}"


def _keys(tree: Any, path: str) -> list[Any]:
    """The keys that a path consists of; names in a tree may have a "/" themselves. The last need not be there."""
    keys: list[Any] = []
    while path:
        if isinstance(tree, Mapping):
            known = [name for name in tree if path == name or path.startswith(f"{name}/")]
            key: Any = max(known, key=len, default=path)
            path = path[len(key) + 1 :]
        else:
            head, _, path = path.partition("/")
            key = int(head)
        keys.append(key)
        if path:
            tree = tree[key]
    return keys


def trained(params: Params, untrained: tuple[tuple[str, str], ...]) -> Params:
    """The parameters with None in the place of those that are not trained, see `netgrad.Network.untrained`."""
    if not untrained:
        return params

    def own(path: str, leaf: Any) -> Any:
        return None if any(_among(path, *pair) for pair in untrained) else leaf

    return map_leaves(own, params)


def completed(params: Params, part: Params) -> Params:
    """The parameters with what `trained` has left of them in its place."""
    whole: Params = jax.tree.map(lambda stored, own: stored if own is None else own, params, part)
    return whole


def _among(path: str, layer: str, pattern: str) -> bool:
    return covers(layer, pattern, path) if pattern else path == layer or path.startswith(f"{layer}/")
